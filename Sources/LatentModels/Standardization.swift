import LatentKernels

/// Columns shifted and scaled to mean 0 and variance 1; a constant column keeps its scale.
public struct Standardization: Codable, Sendable, Equatable {
  public let mean: [Double]
  public let scale: [Double]

  /// From the rows that a model is fitted to; what is missing (NaN) is left out.
  public init(_ rows: Rows) {
    var mean = [Double](repeating: 0, count: rows.columns)
    var scale = mean
    for column in 0..<rows.columns {
      var sum = 0.0
      var observed = 0
      for row in 0..<rows.count {
        let value = rows.value(row, column)
        guard !value.isNaN else { continue }
        sum += value
        observed += 1
      }
      let count = Double(max(1, observed))
      mean[column] = sum / count
      var squares = 0.0
      for row in 0..<rows.count {
        let error = rows.value(row, column) - mean[column]
        guard !error.isNaN else { continue }
        squares += error * error
      }
      let deviation = (squares / count).squareRoot()
      scale[column] = deviation > 1e-12 * max(1, abs(mean[column])) ? deviation : 1
    }
    self.mean = mean
    self.scale = scale
  }

  public func apply(_ value: Double, column: Int) -> Double {
    (value - mean[column]) / scale[column]
  }

  /// Back to the data's own units.
  public func invert(_ value: Double, column: Int) -> Double {
    value * scale[column] + mean[column]
  }
}
