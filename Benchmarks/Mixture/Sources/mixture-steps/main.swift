// EM iterations of GaussianMixture from the start that sklearn_mixture.py writes; prints one JSON line.
//
//     mixture-steps CASE [DIRECTORY] [double|float] [ITERATIONS]
//
// A fit of N iterations and one of 1 differ by N - 1 of them: the median of five such differences.

import Foundation
import LatentIO
import LatentKernels
import LatentModels

let arguments = CommandLine.arguments
guard arguments.count > 1 else {
  FileHandle.standardError.write(
    Data("mixture-steps CASE [DIRECTORY] [double|float] [ITERATIONS]\n".utf8))
  exit(64)
}
let name = arguments[1]
let directory = arguments.count > 2 ? arguments[2] : NSTemporaryDirectory() + "latent-peers-data"
let precision = arguments.count > 3 ? MixturePrecision(rawValue: arguments[3])! : .double
let iterations = arguments.count > 4 ? Int(arguments[4])! : 12
let full = name.hasPrefix("full")

func load(_ part: String) throws -> Matrix<Double> {
  try Dataset.load("\(directory)/\(name)-\(part).npy").rows.matrix()
}

/// An NPY of any shape as its values.
func values(_ part: String) throws -> [Double] {
  let data = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name)-\(part).npy"))
  let header = Int(data[8]) + 256 * Int(data[9])
  return data.dropFirst(10 + header).withUnsafeBytes { bytes in
    (0..<bytes.count / 8).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) }
  }
}

/// Megabytes that Linux says are resident now, or were at most since the last `forget`.
func resident(_ field: String) -> Double {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  let line = status.split(separator: "\n").first { $0.hasPrefix(field) } ?? ""
  return Double(line.split(whereSeparator: { !$0.isNumber }).first ?? "0")! / 1024
}

let table = Rows(try load("rows"))
let rows = precision == .float ? Rows(table.matrix(of: Float.self)) : table
let means = try load("means")
let covariances = try values("covariances")
let size = rows.columns
let start = try GaussianMixture(
  weights: try values("weights"), means: means,
  covariances: full
    ? .full(
      try (0..<means.rows).map {
        try Matrix(
          rows: size, columns: size,
          values: Array(covariances[$0 * size * size..<($0 + 1) * size * size]))
      })
    : .diagonal(Matrix(rows: means.rows, columns: size, values: covariances)))
let backend = try FusedBackend(threads: 2)
try? "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
let before = resident("VmRSS")

@MainActor func fit(_ count: Int) throws -> (seconds: Double, report: MixtureReport) {
  let clock = ContinuousClock()
  let begin = clock.now
  let (_, report) = try GaussianMixture.fit(
    rows,
    MixtureConfiguration(
      components: means.rows, covariance: full ? .full : .diagonal, covarianceFloor: 0,
      tolerance: 0,
      maximumIterations: count, initialization: .given(start), precision: precision),
    backend: backend)
  let elapsed = (clock.now - begin).components
  return (Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18, report)
}

var steps: [Double] = []
var report = try fit(1).report
for _ in 0..<5 {
  let short = try fit(1).seconds
  let long = try fit(iterations)
  report = long.report
  steps.append((long.seconds - short) / Double(iterations - 1))
}
steps.sort()
print(
  """
  {"case": "\(name)", "precision": "\(precision.rawValue)", "iterations": \(iterations), \
  "secondsPerIteration": \(steps[2]), "fastest": \(steps[0]), "slowest": \(steps[4]), \
  "logLikelihood": \(report.logLikelihood), "lowerBounds": \(report.lowerBounds[0]), \
  "peakMegabytes": \(resident("VmHWM")), "megabytesBeforeFit": \(before), \
  "instructionSet": "\(backend.instructionSet.rawValue)", "threads": 2}
  """)
