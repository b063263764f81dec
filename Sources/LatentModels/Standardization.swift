import LatentKernels

/// Columns shifted and scaled to mean 0 and variance 1; a constant column keeps its scale.
public struct Standardization: Codable, Sendable, Equatable {
  public let mean: [Double]
  public let scale: [Double]

  public init(mean: [Double], scale: [Double]) {
    precondition(mean.count == scale.count)
    self.mean = mean
    self.scale = scale
  }

  /// From the rows that a model is fitted to.
  public init(_ rows: Rows) {
    var mean = [Double](repeating: 0, count: rows.columns)
    var scale = mean
    let count = Double(max(1, rows.count))
    for column in 0..<rows.columns {
      var sum = 0.0
      for row in 0..<rows.count { sum += rows.value(row, column) }
      mean[column] = sum / count
      var squares = 0.0
      for row in 0..<rows.count {
        let error = rows.value(row, column) - mean[column]
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
