import ArgumentParser
import LatentKernels
import Workloads

struct CallCosts: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calls",
    abstract: "A fused linear call through the Swift API against the same straight through C.",
    discussion: """
      ratio is the median over rounds of Swift's time by C's; extraNanoseconds what a call costs \
      more. The small layers show the fixed cost, since their work is next to none.
      """)

  @Option(help: "Inputs x outputs.") var shapes = List(["16x16", "784x400"])
  @Option var batches = List([1, 128])
  @Option var threads = List([1, FusedBackend.allowedThreads])
  @OptionGroup var options: SessionOptions

  func run() throws {
    var labels: [Report.Row] = []
    var subjects: [Subject] = []
    var repeats: [Int] = []
    for shape in shapes.elements {
      let sizes = shape.split(separator: "x").compactMap { Int($0) }
      guard sizes.count == 2, sizes.allSatisfy({ $0 > 0 }) else {
        throw ValidationError("A shape is inputs x outputs as in 784x400, found \"\(shape)\".")
      }
      for rows in batches.elements {
        for threads in threads.elements {
          let call = try FusedCall(
            rows: rows, inputs: sizes[0], outputs: sizes[1], threads: threads)
          // Timed together for some 0.1 ms: the clock is not free.
          let times = max(1, Int(1e7 / call.flops))
          labels.append([
            ("layer", .text(shape)), ("rows", .integer(rows)), ("threads", .integer(threads)),
          ])
          repeats.append(min(times, 1000))
          let count = repeats[repeats.count - 1]
          subjects.append(
            Subject(threads: threads, flops: call.flops * Double(count)) {
              for _ in 0..<count { try call.throughSwift() }
            })
          subjects.append(
            Subject(threads: threads, flops: call.flops * Double(count)) {
              for _ in 0..<count { call.throughC() }
            })
        }
      }
    }
    var session = options.session
    let measurements = try session.measure(subjects)
    var report = Report("calls")
    report.add(session)
    for index in labels.indices {
      let (swift, c) = (measurements[2 * index], measurements[2 * index + 1])
      func nanoseconds(_ measurement: Measurement) -> Double {
        measurement.seconds.median / Double(repeats[index]) * 1e9
      }
      let extra = Spread(zip(swift.rounds, c.rounds).map { $0 - $1 }).median
      report.add(
        labels[index] + [
          ("swiftNanoseconds", .number(nanoseconds(swift), digits: 0)),
          ("cNanoseconds", .number(nanoseconds(c), digits: 0)),
          ("extraNanoseconds", .number(extra / Double(repeats[index]) * 1e9, digits: 0)),
          ("ratio", .number(swift.ratio(to: c), digits: 4)),
          ("undisturbed", .number(min(swift.undisturbed, c.undisturbed), digits: 2)),
        ])
    }
    try report.print(json: options.json)
  }
}
