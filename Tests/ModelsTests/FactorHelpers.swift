import Foundation
import LatentKernels

@testable import LatentModels

/// The covariance of six tests of ability in 112 persons: `ability.cov` of R's datasets package
/// (Bartholomew 1987).
enum Ability {
  static let observations = 112
  static let covariance = try! Matrix(
    rows: 6, columns: 6,
    values: [
      24.641, 5.991, 33.520, 6.023, 20.755, 29.701,
      5.991, 6.700, 18.137, 1.782, 4.936, 7.204,
      33.520, 18.137, 149.831, 19.424, 31.430, 50.753,
      6.023, 1.782, 19.424, 12.711, 4.757, 9.075,
      20.755, 4.936, 31.430, 4.757, 52.604, 66.762,
      29.701, 7.204, 50.753, 9.075, 66.762, 135.292,
    ])
}

/// Rows drawn from a factor model with loadings of our own making.
func factorRows(_ count: Int, columns: Int, factors: Int, seed: UInt64 = 1) -> Rows {
  // No test asks for a negative count.
  Rows(try! Truth(columns: columns, factors: factors).sample(count, seed: seed))
}

/// A model that was made up rather than fitted.
struct Truth: LinearGaussianModel {
  var mean: [Double]
  var loadings: Matrix<Double>
  var uniquenesses: [Double]
  var scale: [Double]?

  init(columns: Int, factors: Int) {
    mean = (0..<columns).map { Double($0 % 5 - 2) }
    uniquenesses = (0..<columns).map { Double($0 * 7 % 10 + 3) / 10 }
    loadings = Matrix(rows: columns, columns: factors)
    for i in 0..<columns {
      for k in 0..<factors {
        let place: Int = 3 * i + 5 * k + i * k
        let angle: Double = Double(place) + 0.5
        loadings[i, k] = sin(angle) * 1.2 / Double(k + 1)
      }
    }
  }
}

/// Rows with some values replaced by NaN, about the given part of them.
func removing(_ part: Double, from rows: Rows, seed: UInt64 = 9) -> Rows {
  var matrix: Matrix<Double> = rows.matrix()
  for row in 0..<rows.count {
    let random = CounterRandom(seed: seed, purpose: LATENT_PURPOSE_SHUFFLE, row: UInt32(row))
    for column in 0..<rows.columns where random.uniform(column) < part {
      matrix[row, column] = .nan
    }
  }
  return Rows(matrix)
}

/// The plain formulas of a multivariate normal, for comparison.
struct DenseNormal {
  let mean: [Double]
  let covariance: Matrix<Double>

  /// Gauss-Jordan elimination with the determinant on the way.
  static func inverse(_ matrix: Matrix<Double>) -> (Matrix<Double>, logDeterminant: Double) {
    let size = matrix.rows
    var a = matrix
    var inverse = Matrix<Double>(rows: size, columns: size)
    for i in 0..<size { inverse[i, i] = 1 }
    var logDeterminant = 0.0
    for pivot in 0..<size {
      let value = a[pivot, pivot]
      logDeterminant += log(value)
      for j in 0..<size {
        a[pivot, j] /= value
        inverse[pivot, j] /= value
      }
      for i in 0..<size where i != pivot {
        let factor = a[i, pivot]
        for j in 0..<size {
          a[i, j] -= factor * a[pivot, j]
          inverse[i, j] -= factor * inverse[pivot, j]
        }
      }
    }
    return (inverse, logDeterminant)
  }

  func block(_ rows: [Int], _ columns: [Int]) -> Matrix<Double> {
    var result = Matrix<Double>(rows: rows.count, columns: columns.count)
    for (i, row) in rows.enumerated() {
      for (j, column) in columns.enumerated() { result[i, j] = covariance[row, column] }
    }
    return result
  }

  /// log p of the observed (not NaN) values of a row.
  func logDensity(_ x: [Double]) -> Double {
    let observed = x.indices.filter { !x[$0].isNaN }
    let (inverse, logDeterminant) = Self.inverse(block(observed, observed))
    var square = 0.0
    for (i, row) in observed.enumerated() {
      for (j, column) in observed.enumerated() {
        square += (x[row] - mean[row]) * inverse[i, j] * (x[column] - mean[column])
      }
    }
    return -0.5 * (Double(observed.count) * log(2 * Double.pi) + logDeterminant + square)
  }

  /// The mean and covariance of `wanted` given the observed values of a row.
  func conditional(_ wanted: [Int], given x: [Double]) -> ([Double], Matrix<Double>) {
    let observed = x.indices.filter { !x[$0].isNaN }
    let cross = block(wanted, observed)
    let weights = FactorAlgebra.product(cross, Self.inverse(block(observed, observed)).0)
    let means = wanted.indices.map { i in
      observed.indices.reduce(mean[wanted[i]]) {
        $0 + weights[i, $1] * (x[observed[$1]] - mean[observed[$1]])
      }
    }
    var result = block(wanted, wanted)
    let explained = FactorAlgebra.product(weights, cross, transposingSecond: true)
    for i in result.values.indices { result.values[i] -= explained.values[i] }
    return (means, result)
  }
}

func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count)
  return zip(a, b).map { abs($0 - $1) }.max() ?? 0
}
