import ArgumentParser
import LatentKernels
import LatentNetworks
import Workloads

struct Handover: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What an optimizer of the caller's adds to the passes: gradients out, parameters in.",
    discussion: """
      All parameters of a network, on one thread, row-major as PyTorch has them, or all at once as \
      they lie. ofPasses is the median over rounds of the time by that of all four passes.
      """)

  @Option var networks = List(NetworkShape.allCases)
  @Option var batch = 128
  @Option var threads = FusedBackend.allowedThreads
  @OptionGroup var options: SessionOptions

  private struct Case {
    var shape: NetworkShape
    var part: String
    /// Which subject the network's passes are.
    var passes: Int
  }

  func run() throws {
    let backend = try BackendChoice().backend("fused", threads: threads)
    var cases: [Case] = []
    var subjects: [Subject] = []
    for shape in networks.elements {
      let passes = try NetworkPasses(shape, batch: batch, backend: backend)
      let first = subjects.count
      func add(_ part: String, threads: Int = 1, _ call: @escaping () throws -> Void) {
        cases.append(Case(shape: shape, part: part, passes: first))
        subjects.append(Subject(threads: threads, call: call))
      }
      add("all four passes", threads: threads) { try passes() }
      let parameters = passes.networks.parameters
      let slots = parameters.slots
      let tensors = try slots.map { try parameters.read($0) }
      add("gradients read") { for slot in slots { _ = try parameters.read(slot, .gradients) } }
      add("parameters written") {
        for (slot, tensor) in zip(slots, tensors) { try parameters.write(tensor, to: slot) }
      }
      add("descent on all") {
        let (values, gradients) = (parameters.values.values, parameters.gradients.values)
        for index in values.indices { values[index] -= 1e-9 * gradients[index] }
      }
      add("copies refreshed") { parameters.refreshTransposed() }
    }
    var session = options.session
    let measurements = try session.measure(subjects)
    var report = Report("handover")
    report.add(session)
    for (item, measurement) in zip(cases, measurements) {
      report.add([
        ("network", .text(item.shape.rawValue)), ("batch", .integer(batch)),
        ("part", .text(item.part)),
        ("milliseconds", .number(measurement.seconds.median * 1e3, digits: 3)),
        ("ofPasses", .number(measurement.ratio(to: measurements[item.passes]), digits: 3)),
        ("undisturbed", .number(measurement.undisturbed, digits: 2)),
      ])
    }
    try report.print(json: options.json)
  }
}
