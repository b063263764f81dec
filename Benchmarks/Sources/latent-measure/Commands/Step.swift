import ArgumentParser
import LatentKernels
import LatentNetworks
import Workloads

struct Step: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The whole training step: forward, ELBO, backward, Adam.")

  @Option var networks = List(NetworkShape.allCases)
  @Option var batches = List([20, 100, 128, 512])
  @Option var threads = List([FusedBackend.allowedThreads])
  @Option(help: "fused, openblas, simd.") var backends = List(["fused"])
  @Option(help: "For the fused backend.") var instructionSets = List([InstructionSet.best])
  @Option var likelihoods = List([Likelihood.bernoulli])
  @OptionGroup var options: SessionOptions

  private struct Case {
    let shape: NetworkShape, likelihood: Likelihood, batch: Int, threads: Int, backend: String
    let instructionSet: String, step: ELBOStep
  }

  func run() throws {
    let cases = try self.cases()
    var session = options.session
    let subjects = cases.map { item in
      Subject(
        threads: item.threads, flops: item.step.flops, rest: restAfter(item.backend),
        call: { item.step() })
    }
    let measurements = try session.measure(subjects)
    var report = Report("step")
    report.add(session)
    for (item, measurement) in zip(cases, measurements) {
      guard item.step.loss.isFinite else { throw NotFinite(what: "The loss of \(item.backend)") }
      report.add(
        [
          ("network", .text(item.shape.rawValue)), ("likelihood", .text(item.likelihood.rawValue)),
          ("batch", .integer(item.batch)), ("threads", .integer(item.threads)),
          ("backend", .text(item.backend)), ("instructionSet", .text(item.instructionSet)),
        ] + Report.cells(measurement, flops: item.step.flops) + [
          (
            "samplesPerSecond",
            .number(Double(item.batch) / measurement.seconds.median, digits: 0)
          ),
          ("loss", .number(item.step.loss, digits: 2)),
        ])
    }
    try report.print(json: options.json)
  }

  private func cases() throws -> [Case] {
    let choice = BackendChoice()
    var cases: [Case] = []
    for likelihood in likelihoods.elements {
      let rows = try SyntheticRows.rows(for: likelihood)
      for (shape, batch) in sizes {
        for (threads, backend, set) in settings {
          let step = try ELBOStep(
            shape, likelihood: likelihood, batch: batch,
            backend: choice.backend(backend, threads: threads, instructionSet: set), rows: rows)
          cases.append(
            Case(
              shape: shape, likelihood: likelihood, batch: batch, threads: threads,
              backend: backend, instructionSet: backend == "fused" ? set.rawValue : "-", step: step)
          )
        }
      }
    }
    return cases
  }

  private var sizes: [(NetworkShape, batch: Int)] {
    networks.elements.flatMap { shape in batches.elements.map { (shape, $0) } }
  }

  private var settings: [(threads: Int, backend: String, set: InstructionSet)] {
    chosenSettings(threads, backends, instructionSets)
  }
}

struct NotFinite: LatentError {
  let what: String
  var description: String { "\(what) is not finite: nothing measured with it means anything." }
}
