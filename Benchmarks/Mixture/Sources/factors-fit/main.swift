// A factor analysis of the rows that sklearn_factors.py writes, timed as a whole; prints one JSON line.
//
//     factors-fit ROWS.npy FACTORS [double|float]
//
// The clock runs over the fit, from rows in memory to the model; reading the file is not in it.

import Foundation
import LatentIO
import LatentKernels
import LatentModels

let arguments = CommandLine.arguments
guard arguments.count > 2, let factors = Int(arguments[2]) else {
  FileHandle.standardError.write(Data("factors-fit ROWS.npy FACTORS [double|float]\n".utf8))
  exit(64)
}
let precision = arguments.count > 3 ? Precision(rawValue: arguments[3])! : .double

/// Megabytes that Linux says are resident now, or were at most since the last reset.
func resident(_ field: String) -> Double {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  let line = status.split(separator: "\n").first { $0.hasPrefix(field) } ?? ""
  return Double(line.split(whereSeparator: { !$0.isNumber }).first ?? "0")! / 1024
}

let rows = try Dataset.load(arguments[1]).rows
let backend = try FusedBackend(threads: 2)
try? "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
let before = resident("VmRSS")
let clock = ContinuousClock()
let begin = clock.now
let model = try FactorAnalysis.fit(
  rows, FactorConfiguration(factors: factors, precision: precision), backend: backend)
let elapsed = (clock.now - begin).components
print(
  """
  {"precision": "\(precision.rawValue)", \
  "seconds": \(Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18), \
  "iterations": \(model.report.iterations), "logLikelihood": \(model.report.logLikelihood), \
  "peakMegabytes": \(resident("VmHWM")), "megabytesBeforeFit": \(before), \
  "instructionSet": "\(backend.instructionSet.rawValue)", "threads": 2}
  """)
