import Foundation
import LatentKernels

/// z ~ N(0, I), x | z ~ N(μ + Λ z, Ψ) with a diagonal Ψ: what factor analysis and probabilistic PCA
/// share. Everything here is exact, and in the data's own units.
///
/// NaN stands for a missing value: it is integrated out. A row of nothing but missing values has the
/// prior as its posterior and a log-density of 0.
public protocol LinearGaussianModel: Sendable {
  /// μ, [columns]
  var mean: [Double] { get }
  /// Λ, [columns x factors]; of columns divided by `scale` where there is one.
  var loadings: Matrix<Double> { get }
  /// The diagonal of Ψ, [columns]; likewise.
  var uniquenesses: [Double] { get }
  /// [columns], or nil for the data's own units.
  var scale: [Double]? { get }
}

/// p(z | x) of many rows.
public struct FactorPosterior: Sendable {
  /// [rows x factors]
  public let mean: Matrix<Double>
  /// Rows with the same values missing share their covariance.
  public let covariances: [Matrix<Double>]
  /// For each row the index of its covariance.
  public let covarianceIndex: [Int]

  /// [factors x factors]
  public func covariance(ofRow row: Int) -> Matrix<Double> { covariances[covarianceIndex[row]] }
}

extension LinearGaussianModel {
  /// Columns of the data.
  public var columns: Int { mean.count }
  /// How many factors there are.
  public var factors: Int { loadings.columns }

  /// Λ in the data's own units, [columns x factors].
  public var dataLoadings: Matrix<Double> {
    guard let scale else { return loadings }
    var result = loadings
    for i in 0..<columns { for k in 0..<factors { result[i, k] *= scale[i] } }
    return result
  }

  /// The diagonal of Ψ in the data's own units, [columns].
  public var dataUniquenesses: [Double] {
    guard let scale else { return uniquenesses }
    return zip(uniquenesses, scale).map { $0 * $1 * $1 }
  }

  /// Loadings and uniquenesses of columns divided by the standard deviations that the model gives
  /// them, and those deviations.
  public var onCorrelationScale:
    (loadings: Matrix<Double>, uniquenesses: [Double], deviations: [Double])
  {
    var (loadings, uniquenesses) = (dataLoadings, dataUniquenesses)
    var deviations = uniquenesses
    for i in 0..<columns {
      let variance = loadings.row(i).reduce(uniquenesses[i]) { $0 + $1 * $1 }
      deviations[i] = variance.squareRoot()
      uniquenesses[i] /= variance
      for k in 0..<factors { loadings[i, k] /= deviations[i] }
    }
    return (loadings, uniquenesses, deviations)
  }

  /// Λ Λᵀ + Ψ in the data's own units, [columns x columns].
  public var covariance: Matrix<Double> {
    let (loadings, uniquenesses) = (dataLoadings, dataUniquenesses)
    var result = FactorAlgebra.product(loadings, loadings, transposingSecond: true)
    for i in 0..<columns { result[i, i] += uniquenesses[i] }
    return result
  }

  /// log p(x) of each row over its observed columns, nats, every constant included; -∞ for a row so far off that
  /// squares overflow.
  ///
  /// - Throws: ``ShapeError``; ``DataError`` for an infinite value.
  public func scoreSamples(_ rows: Rows) throws -> [Double] {
    var result = [Double](repeating: 0, count: rows.count)
    try infer(rows) { indices, _, _, logDensities in
      for (i, row) in indices.enumerated() { result[row] = logDensities[i] }
    }
    return result
  }

  /// The mean of log p(x) over the rows, nats; 0 for no rows.
  ///
  /// - Throws: ``ShapeError``; ``DataError`` for an infinite value.
  public func score(_ rows: Rows) throws -> Double {
    try scoreSamples(rows).reduce(0, +) / Double(max(1, rows.count))
  }

  /// p(z | x) of each row.
  ///
  /// - Throws: ``ShapeError``; ``DataError`` for an infinite value.
  public func posterior(_ rows: Rows) throws -> FactorPosterior {
    var mean = Matrix<Double>(rows: rows.count, columns: factors)
    var covariances: [Matrix<Double>] = []
    var covarianceIndex = [Int](repeating: 0, count: rows.count)
    var pattern: [Int]?
    try infer(rows) { indices, observed, means, _ in
      if pattern != observed.observed { covariances.append(observed.covariance) }
      pattern = observed.observed
      for (i, row) in indices.enumerated() {
        covarianceIndex[row] = covariances.count - 1
        for k in 0..<factors { mean[row, k] = means[i, k] }
      }
    }
    return FactorPosterior(
      mean: mean, covariances: covariances, covarianceIndex: covarianceIndex)
  }

  /// E[z | x] of each row, [rows x factors].
  ///
  /// - Throws: ``ShapeError``; ``DataError`` for an infinite value.
  public func transform(_ rows: Rows) throws -> Matrix<Double> { try posterior(rows).mean }

  /// μ + Λ z of each row, [rows x columns].
  ///
  /// - Throws: ``ShapeError``.
  public func inverseTransform(_ latents: Matrix<Double>) throws -> Matrix<Double> {
    guard latents.columns == factors else {
      throw ShapeError(
        "The model has \(factors) factors, these latents have \(latents.columns) columns.")
    }
    var result = FactorAlgebra.product(latents, dataLoadings, transposingSecond: true)
    for row in 0..<result.rows { for i in 0..<columns { result[row, i] += mean[i] } }
    return result
  }

  /// Ancestral samples, [count x columns]: z from the prior, x from p(x | z). A row depends on the
  /// seed and its number alone.
  ///
  /// - Throws: ``SettingError`` for a negative count, or more than this machine's memory holds.
  public func sample(_ count: Int, seed: UInt64) throws -> Matrix<Double> {
    try checkCount(count, of: "samples", atLeast: 0, values: Double(columns + factors))
    var latents = Matrix<Double>(rows: count, columns: factors)
    for row in 0..<count {
      let z = standardNormals(factors, seed, LATENT_PURPOSE_PRIOR, row: row)
      for k in 0..<factors { latents[row, k] = Double(z[k]) }
    }
    var result = FactorAlgebra.product(latents, dataLoadings, transposingSecond: true)
    let deviations = dataUniquenesses.map { $0.squareRoot() }
    for row in 0..<count {
      let noise = standardNormals(columns, seed, LATENT_PURPOSE_OBSERVATION, row: row)
      for i in 0..<columns { result[row, i] += mean[i] + deviations[i] * Double(noise[i]) }
    }
    return result
  }

  /// Calls `body` for up to 512 rows with the same columns observed at a time: their indices, the
  /// pattern's map, posterior means and log-densities.
  func infer(
    _ rows: Rows,
    _ body: (ArraySlice<Int>, ObservedFactors, Matrix<Double>, [Double]) throws -> Void
  ) throws {
    guard rows.columns == columns else {
      throw ShapeError("The model has \(columns) columns, these rows have \(rows.columns).")
    }
    let (loadings, uniquenesses) = (dataLoadings, dataUniquenesses)
    for pattern in try ObservationPatterns(rows).patterns {
      let observed = try ObservedFactors(
        loadings: loadings, uniquenesses: uniquenesses, observed: pattern.observed)
      for start in stride(from: 0, to: pattern.rows.count, by: 512) {
        let indices = pattern.rows[start..<min(start + 512, pattern.rows.count)]
        let (means, logDensities) = observed.infer(
          rows.gathering(indices, columns: pattern.observed, center: mean))
        try body(indices, observed, means, logDensities)
      }
    }
  }
}

/// `count` standard normals of one row and purpose.
func standardNormals(
  _ count: Int, _ seed: UInt64, _ purpose: latent_purpose, row: Int, sample: Int = 0
) -> [Float] {
  [Float](unsafeUninitializedCapacity: count) { values, initialized in
    InstructionSet.reproducible.kernels.random_normal(
      count, seed, purpose, UInt32(truncatingIfNeeded: sample), UInt32(truncatingIfNeeded: row), 0,
      values.baseAddress)
    initialized = count
  }
}
