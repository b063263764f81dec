import Foundation
import LatentModels

/// Gradient estimators as text, no line longer than 80 columns.
enum EstimatorTable {
  static func text(_ estimators: [GradientNoise]) -> String {
    let rows = estimators.map { one -> [String] in
      var cells = [
        one.objective, "\(one.samples)", Columns.number(one.millisecondsPerBatch.median, 6),
      ]
      for name in ["encoder", "decoder"] {
        let group = one.group(name)
        cells.append(group.map { scientific($0.variance) } ?? "")
        cells.append(group.map { Columns.number($0.signalToNoise, 6) } ?? "")
        cells.append(group.map { Columns.number($0.signalToNoisePerSecond, 6) } ?? "")
      }
      return cells
    }
    let table = Columns.table(
      [
        "objective", "samples", "ms", "enc var", "enc SNR", "SNR/s", "dec var", "dec SNR", "SNR/s",
      ], rows)
    return """
      gradient estimators, \(estimators.first?.draws ?? 0) draws of one batch of \
      \(estimators.first?.batchSize ?? 0) rows each
      \(table)
      var: trace of the covariance; SNR: norm of the mean by its root, 0 where the draws are
      too few to see it; SNR/s: of the mean over a second
      """
  }

  private static func scientific(_ value: Double) -> String {
    guard value.isFinite, value > 0 else { return "\(value)" }
    return String(format: "%.2e", value)
  }
}
