import ArgumentParser
import LatentIO
import LatentKernels
import LatentModels
import Workloads

struct Trainer: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The public trainer on real digits against the bare step.",
    discussion: """
      The trainer shuffles, gathers bytes, binarizes them afresh and sums the ELBO; the bare step \
      copies batches that were binarized before. The trainer's turn is a whole epoch, whatever --seconds \
      says; its time a step is the median from step to step, and a share of what an epoch's first step \
      takes longer, which is the shuffle.
      """)

  @Option(help: "Grey images as IDX, gzipped or not: MNIST's training images.") var data: String
  @Option var networks = List(NetworkShape.allCases)
  @Option var batches = List([100, 128])
  @Option var threads = FusedBackend.allowedThreads
  @Flag(inversion: .prefixedNo, help: "The bare step gathers rows too, as the trainer does.")
  var gathersOnes = true
  @OptionGroup var options: SessionOptions

  func run() throws {
    let images = try Dataset.load(data)
    let backend = try FusedBackend(threads: threads)
    let prepared = try BinaryRows.threshold(images.rows)
    var report = Report("trainer")
    var session = options.session
    for shape in networks.elements {
      for batch in batches.elements {
        guard images.rows.count > batch else {
          throw ValidationError(
            "The first step of an epoch does not count: \(images.rows.count) images need batches of fewer."
          )
        }
        let trainer = try self.trainer(shape, batch: batch, data: images, backend: backend)
        let step = try ELBOStep(
          shape, batch: batch, backend: backend, rows: prepared, gathersOnes: gathersOnes)
        var firsts: [Double] = []
        let measurements = try session.measure([
          Subject(threads: threads, flops: step.flops) { _, calls in
            firsts.append(try epoch(trainer, &calls))
          },
          Subject(threads: threads, flops: step.flops) { step() },
        ])
        let (steps, bare) = (measurements[0].seconds, measurements[1].seconds)
        let shuffle = max(0, Spread(firsts).median - steps.median)
        let whole = steps.median + shuffle / Double(trainer.stepsPerEpoch)
        report.add([
          ("network", .text(shape.rawValue)), ("batch", .integer(batch)),
          ("threads", .integer(threads)),
          ("bareMilliseconds", .number(bare.median * 1e3, digits: 3)),
          ("trainerMilliseconds", .number(steps.median * 1e3, digits: 3)),
          ("p10", .number(steps.p10 * 1e3, digits: 3)),
          ("p90", .number(steps.p90 * 1e3, digits: 3)),
          ("shuffleMilliseconds", .number(shuffle * 1e3, digits: 3)),
          ("fractionOfBare", .number(bare.median / whole, digits: 3)),
          ("undisturbed", .number(measurements[0].undisturbed, digits: 2)),
          ("elbo", .number(trainer.progress.history.last?.elbo ?? .nan, digits: 2)),
        ])
      }
    }
    report.add(session)
    try report.print(json: options.json)
  }

  /// Times an epoch step by step; returns the seconds until the first one was done.
  private func epoch(_ trainer: VAETrainer, _ calls: inout Calls) throws -> Double {
    var first: Double?
    let waits = SchedulerWaits()
    var waited = waits.nanoseconds
    var last = latent_ticks()
    try trainer.trainEpoch { _ in
      let seconds = Double(latent_ticks() - last) / latent_ticks_per_second()
      if first == nil {
        first = seconds
      } else {
        calls.add(seconds, isCalm: waits.isCalm(since: waited, seconds: seconds))
      }
      waited = waits.nanoseconds
      last = latent_ticks()
    }
    return first ?? .nan
  }

  private func trainer(
    _ shape: NetworkShape, batch: Int, data: Dataset, backend: any Backend
  ) throws -> VAETrainer {
    let model = try VAE(
      VAEConfiguration(architecture: shape.architecture(), transform: .sample))
    try model.initialize(for: data.rows, seed: 1)
    var configuration = TrainingConfiguration()
    configuration.batchSize = batch
    configuration.epochs = 1000
    return try VAETrainer(
      model, configuration: configuration, data: data, heldOut: nil, backend: backend)
  }
}
