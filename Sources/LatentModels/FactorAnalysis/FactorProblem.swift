import Foundation
import LatentKernels

/// A covariance reduced to what is fitted: the correlations of the columns that vary.
///
/// A constant column says nothing about factors: it gets no loadings, and, since its density would be
/// infinite, the floor's part of a typical variance (the geometric mean of the others).
struct FactorProblem {
  let correlation: Matrix<Double>
  /// L with L Lᵀ = correlation; nil where that is singular.
  let cholesky: Matrix<Double>?
  let varying: [Int]
  let constant: [Int]
  /// Standard deviations of all columns; typical ones for constant columns.
  let deviations: [Double]

  /// - Throws: ``DataError`` when no column varies, ``SettingError`` when the factors are too many.
  init(_ moments: SampleMoments, factors: Int) throws {
    let variances = moments.mean.indices.map { moments.covariance[$0, $0] }
    let isConstant = variances.indices.map {
      !varies(deviation: variances[$0].squareRoot(), mean: moments.mean[$0])
    }
    varying = variances.indices.filter { !isConstant[$0] }
    constant = variances.indices.filter { isConstant[$0] }
    guard !varying.isEmpty else {
      throw DataError("Factor analysis needs columns that vary, found only constant ones.")
    }
    try Self.checkFreedom(columns: varying.count, factors: factors)
    let typical = exp(varying.reduce(0) { $0 + log(variances[$1]) } / Double(2 * varying.count))
    let deviations = variances.indices.map {
      isConstant[$0] ? typical : variances[$0].squareRoot()
    }
    self.deviations = deviations
    let inverse = deviations.map { 1 / $0 }
    var correlation = Matrix<Double>(rows: varying.count, columns: varying.count)
    for (i, row) in varying.enumerated() {
      for (j, column) in varying.enumerated() {
        correlation[i, j] =
          i == j ? 1 : moments.covariance[row, column] * inverse[row] * inverse[column]
      }
    }
    self.correlation = correlation
    // So few rows, or a column that others make up, and the last pivots are rounding: of a column's variance what
    // the columns before it do not explain.
    let size = varying.count
    let lower = moments.count > size ? FactorAlgebra.cholesky(correlation) : nil
    cholesky = lower.flatMap { lower in
      (0..<size).allSatisfy { lower[$0, $0] * lower[$0, $0] > 1e-14 * Double(size) } ? lower : nil
    }
  }

  /// - Throws: ``SettingError`` when the covariance of so many columns cannot determine the factors.
  static func checkFreedom(columns: Int, factors: Int) throws {
    guard
      factors < columns,
      LikelihoodRatioTest.degreesOfFreedom(columns: columns, factors: factors) >= 0
    else {
      let most = (0..<columns).last {
        LikelihoodRatioTest.degreesOfFreedom(columns: columns, factors: $0) >= 0
      }
      throw SettingError(
        "\(factors) \(factors == 1 ? "factor is" : "factors are") too many for \(columns) varying "
          + "\(columns == 1 ? "column" : "columns"): at most \(most ?? 0) leave the test a degree "
          + "of freedom of 0 or more.")
    }
  }

  /// Uniquenesses to begin with, as `factanal` in R: a part of each column's variance given the
  /// others, or one half where the correlations are singular.
  func initialUniquenesses(factors: Int, floor: Double) -> [Double] {
    let size = correlation.rows
    guard let cholesky else {
      return [Double](repeating: 0.5, count: size)
    }
    let inverse = FactorAlgebra.inverse(lower: cholesky)
    var diagonal = [Double](repeating: 0, count: size)
    for i in 0..<size { for j in 0...i { diagonal[j] += inverse[i, j] * inverse[i, j] } }
    let part = 1 - 0.5 * Double(factors) / Double(size)
    return diagonal.map { min(max(part / $0, floor), 1) }
  }
}

/// What a fit to correlations found.
struct FactorSolution {
  /// [columns x factors], [columns]
  var loadings: Matrix<Double>
  var uniquenesses: [Double]
  var iterations: Int
  var converged: Bool
  /// log|Σ| + tr(Σ⁻¹ R) before the first iteration and after each.
  var objectives: [Double]
}
