import ArgumentParser
import CProbes
import LatentKernels
import Workloads

struct Stream: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Gaussian log-density with its gradient on a matrix larger than any cache.")

  @Option(help: "Default: as many as take four times the last cache, like the triad's arrays.")
  var rows: Int?
  @Option var columns = 784
  @Option var threads = FusedBackend.allowedThreads
  @OptionGroup var options: SessionOptions

  func validate() throws {
    guard rows ?? 1 > 0, columns > 0, Double(rows ?? 1) * Double(columns) < 1e11 else {
      throw ValidationError("--rows and --columns must be above 0, and 100 billion values at most.")
    }
  }

  func run() throws {
    let rows = self.rows ?? max(1, probe_bytes_beyond_caches() / (5 * 4 * max(1, columns)))
    let density = try GaussianDensity(
      rows: rows, dimensions: columns, backend: FusedBackend(threads: threads))
    var session = options.session
    var triads: [Double] = []
    let measurements = try session.measure([
      Subject(threads: threads) { density() },
      Subject(threads: threads) { triads.append(Machine.triad(threads: threads)) },
    ])
    let triad = Spread(triads)
    let rate = density.bytes / measurements[0].seconds.median
    var report = Report("stream")
    report.add(session)
    report.add([
      ("rows", .integer(rows)), ("columns", .integer(columns)), ("threads", .integer(threads)),
      ("megabytes", .number(density.bytes / 1e6, digits: 0)),
      ("milliseconds", .number(measurements[0].seconds.median * 1e3, digits: 2)),
      ("p10", .number(measurements[0].seconds.p10 * 1e3, digits: 2)),
      ("p90", .number(measurements[0].seconds.p90 * 1e3, digits: 2)),
      ("gigabytesPerSecond", .number(rate / 1e9, digits: 1)),
      ("triadGigabytesPerSecond", .number(triad.median / 1e9, digits: 1)),
      ("fractionOfTriad", .number(rate / triad.median, digits: 3)),
    ])
    try report.print(json: options.json)
  }
}
