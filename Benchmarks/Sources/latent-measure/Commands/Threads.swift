import ArgumentParser
import Foundation
import LatentKernels
import Workloads

struct Threads: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "How much faster the step is on more threads than on one, round by round.")

  @Option var networks = List(NetworkShape.allCases)
  @Option var batches = List([128])
  @Option var threads = FusedBackend.allowedThreads
  @OptionGroup var options: SessionOptions

  func run() throws {
    let (one, many) = (try FusedBackend(threads: 1), try FusedBackend(threads: threads))
    var session = options.session
    var report = Report("threads")
    for shape in networks.elements {
      for batch in batches.elements {
        let single = try ELBOStep(shape, batch: batch, backend: one)
        let whole = try ELBOStep(shape, batch: batch, backend: many)
        let measurements = try session.measure([
          Subject(threads: 1, flops: single.flops) { single() },
          Subject(threads: threads, flops: whole.flops) { whole() },
        ])
        report.add([
          ("network", .text(shape.rawValue)), ("batch", .integer(batch)),
          ("threads", .integer(threads)),
          ("milliseconds1", .number(measurements[0].seconds.median * 1e3, digits: 3)),
          ("fractionOfPeak1", .number(measurements[0].fractionOfPeak, digits: 3)),
          ("milliseconds", .number(measurements[1].seconds.median * 1e3, digits: 3)),
          ("fractionOfPeak", .number(measurements[1].fractionOfPeak, digits: 3)),
          ("speedup", .number(measurements[0].ratio(to: measurements[1]), digits: 2)),
        ])
      }
    }
    let peaks = [1, threads].map { Spread(session.peaks[$0] ?? []).median }
    report.notes.append(
      "The peak itself grows \(String(format: "%.2f", peaks[1] / peaks[0])) times.")
    report.add(session)
    try report.print(json: options.json)
  }
}
