import ArgumentParser
import LatentIO
import LatentKernels
import Workloads

struct Phases: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Where the time of a step goes, operation by operation.",
    discussion: """
      Medians over steps, from the first thread's start of an operation to the last one's end; \
      a thread's wait at the barrier before it counts for the operation before. Sums of gathered \
      rows have no fraction of the peak.
      """)

  @Option var network = NetworkShape.relu
  @Option var batch = 128
  @Option var threads = FusedBackend.allowedThreads
  @Option(
    help: "Grey images as IDX: 1 above 1/2, and the first layer as sums of gathered rows.")
  var data: String?
  @OptionGroup var options: SessionOptions

  func run() throws {
    let backend = try FusedBackend(threads: threads)
    let rows = try data.map { try BinaryRows.threshold(Dataset.load($0).rows) }
    let step = try ELBOStep(
      network, batch: batch, backend: backend, rows: rows, gathersOnes: rows != nil)
    let operations = step.plan.plan.operations
    var spans = [[Double]](repeating: [], count: operations.count)
    var busy = spans
    let perMicrosecond = latent_ticks_per_second() * 1e-6
    var session = options.session
    let subject = Subject(threads: threads, flops: step.flops) {
      step()
      let ticks = step.timestamps(on: backend)
      for index in operations.indices {
        let all = (0..<threads).map { thread in
          let place = 2 * (index * threads + thread)
          return (start: ticks[place], end: ticks[place + 1])
        }
        spans[index].append(
          Double(all.map(\.end).max()! - all.map(\.start).min()!) / perMicrosecond)
        busy[index].append(
          all.reduce(0) { $0 + Double($1.end - $1.start) } / Double(threads) / perMicrosecond)
      }
    }
    _ = try session.measure([subject])
    let peak = Spread(session.peaks[threads] ?? []).median
    var report = Report("phases")
    report.add(session)
    for (index, operation) in operations.enumerated() {
      // What gathers rows does fewer than are counted: no part of a peak.
      let flops = operation.ones ? 0 : flops(operation)
      let time = Spread(busy[index])
      report.add([
        ("phase", .text(step.plan.phases[Int(operation.label)])),
        ("barrier", .text(operation.barrier ? "yes" : "")),
        ("microseconds", .number(Spread(spans[index]).median, digits: 1)),
        ("busyMicroseconds", .number(time.median, digits: 1)),
        ("p10", .number(time.p10, digits: 1)),
        ("p90", .number(time.p90, digits: 1)),
        (
          "fractionOfPeak",
          .number(flops > 0 ? flops / (time.median * 1e-6) / peak : .nan, digits: 3)
        ),
      ])
    }
    try report.print(json: options.json)
  }

  /// Of the layer that an operation multiplies by, if it does.
  private func flops(_ operation: PlanOperation) -> Double {
    switch operation.kind {
    case LATENT_OP_LINEAR_FORWARD, LATENT_OP_LIKELIHOOD_FORWARD, LATENT_OP_LINEAR_BACKWARD_INPUT,
      LATENT_OP_LINEAR_BACKWARD_WEIGHTS:
      2 * Double(batch) * Double(operation.inner) * Double(operation.columns)
    default: 0
    }
  }
}
