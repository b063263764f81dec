import ArgumentParser
import LatentKernels
import Workloads

struct Passes: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Encoder and decoder forward and backward through the public API, gradients written.")

  @Option var networks = List(NetworkShape.allCases)
  @Option var batches = List([128, 512])
  @Option var threads = FusedBackend.allowedThreads
  @Option(help: "fused, openblas, simd.") var backends = List(["fused"])
  @Flag(help: "Each pass on its own, too.") var each = false
  @OptionGroup var options: SessionOptions

  private typealias Case = (name: String, shape: NetworkShape, batch: Int, backend: String)

  func run() throws {
    let choice = BackendChoice()
    var cases: [Case] = []
    var subjects: [Subject] = []
    for shape in networks.elements {
      for batch in batches.elements {
        for backend in backends.elements {
          let passes = try NetworkPasses(
            shape, batch: batch, backend: choice.backend(backend, threads: threads))
          func add(_ name: String, _ flops: Double, _ call: @escaping () throws -> Void) {
            cases.append((name, shape, batch, backend))
            subjects.append(
              Subject(threads: threads, flops: flops, rest: restAfter(backend), call: call))
          }
          add("all four", passes.flops) { try passes() }
          guard each else { continue }
          add("encoder forward", passes.encoderForwardFLOPs, passes.encoderForward)
          add("decoder forward", passes.decoderForwardFLOPs, passes.decoderForward)
          add("decoder backward", passes.decoderBackwardFLOPs, passes.decoderBackward)
          add("encoder backward", passes.encoderBackwardFLOPs, passes.encoderBackward)
        }
      }
    }
    var session = options.session
    let measurements = try session.measure(subjects)
    var report = Report("passes")
    report.add(session)
    for (index, item) in cases.enumerated() {
      report.add(
        [
          ("network", .text(item.shape.rawValue)), ("batch", .integer(item.batch)),
          ("threads", .integer(threads)), ("backend", .text(item.backend)),
          ("passes", .text(item.name)),
        ] + Report.cells(measurements[index], flops: subjects[index].flops))
    }
    try report.print(json: options.json)
  }
}
