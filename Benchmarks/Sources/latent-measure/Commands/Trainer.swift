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
      copies batches that were binarized before. A turn is an epoch of each, whatever --seconds says.
      """)

  @Option(help: "Grey images as IDX, gzipped or not: MNIST's training images.") var data: String
  @Option var networks = List(NetworkShape.allCases)
  @Option var batches = List([100, 128])
  @Option var threads = FusedBackend.allowedThreads
  @OptionGroup var options: SessionOptions

  func run() throws {
    let images = try Dataset.load(data)
    let backend = try FusedBackend(threads: threads)
    let prepared = try binarized(images.rows, count: min(8192, images.rows.count))
    var report = Report("trainer")
    var session = options.session
    session.seconds = .leastNonzeroMagnitude
    for shape in networks.elements {
      for batch in batches.elements {
        let trainer = try self.trainer(shape, batch: batch, data: images, backend: backend)
        let step = try ELBOStep(shape, batch: batch, backend: backend, rows: prepared)
        let steps = images.rows.count / batch
        let flops = step.networks.stepFLOPs(rows: images.rows.count)
        let measurements = try session.measure([
          Subject(threads: threads, flops: flops) { try trainer.trainEpoch() },
          Subject(threads: threads, flops: step.flops * Double(steps)) {
            for _ in 0..<steps { step() }
          },
        ])
        // The last, smaller batch is the trainer's alone.
        let share = Double(images.rows.count) / Double(steps * batch)
        report.add([
          ("network", .text(shape.rawValue)), ("batch", .integer(batch)),
          ("threads", .integer(threads)),
          ("epochSeconds", .number(measurements[0].seconds.median, digits: 3)),
          ("p10", .number(measurements[0].seconds.p10, digits: 3)),
          ("p90", .number(measurements[0].seconds.p90, digits: 3)),
          ("bareSeconds", .number(measurements[1].seconds.median * share, digits: 3)),
          ("fractionOfPeak", .number(measurements[0].fractionOfPeak, digits: 3)),
          (
            "fractionOfBare", .number(measurements[1].ratio(to: measurements[0]) * share, digits: 3)
          ),
          ("elbo", .number(trainer.progress.history.last?.elbo ?? .nan, digits: 2)),
        ])
      }
    }
    report.add(session)
    try report.print(json: options.json)
  }

  private func trainer(
    _ shape: NetworkShape, batch: Int, data: Dataset, backend: any Backend
  ) throws -> VAETrainer {
    let model = try VAE(
      VAEConfiguration(architecture: shape.architecture(), transform: .sample))
    model.initialize(for: data.rows, seed: 1)
    var configuration = TrainingConfiguration()
    configuration.batchSize = batch
    configuration.epochs = 1000
    return try VAETrainer(
      model, configuration: configuration, data: data, heldOut: nil, backend: backend)
  }

  private func binarized(_ rows: Rows, count: Int) throws -> Rows {
    var values: [Float] = []
    values.reserveCapacity(count * rows.columns)
    for row in 0..<count {
      for column in 0..<rows.columns { values.append(rows.value(row, column) > 0.5 ? 1 : 0) }
    }
    return try Rows(count: count, columns: rows.columns, storage: .floats(values))
  }
}
