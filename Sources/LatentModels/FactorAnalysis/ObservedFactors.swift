import Foundation
import LatentKernels

/// p(z | x) and log p(x) where only some columns of x are observed, from q x q matrices alone
/// (Woodbury's identity): with C Cᵀ = I + Λᵀ Ψ⁻¹ Λ over those columns the posterior covariance is
/// C⁻ᵀ C⁻¹.
struct ObservedFactors {
  let observed: [Int]
  /// C⁻¹, lower triangular.
  let inverseFactor: Matrix<Double>
  /// [factors x factors]
  let covariance: Matrix<Double>
  /// Ψ⁻¹ Λ C⁻ᵀ, [observed x factors]
  private let weights: Matrix<Double>
  private let precisions: [Double]
  private let logNormalizer: Double

  /// - Throws: ``DataError`` where a double has no room for 1 beside ΛᵀΨ⁻¹Λ.
  init(loadings: Matrix<Double>, uniquenesses: [Double], observed: [Int]) throws {
    self.observed = observed
    let q = loadings.columns
    precisions = observed.map { 1 / uniquenesses[$0] }
    var selected = Matrix<Double>(rows: observed.count, columns: q)
    var scaled = selected
    for (i, column) in observed.enumerated() {
      for k in 0..<q {
        selected[i, k] = loadings[column, k]
        scaled[i, k] = loadings[column, k] * precisions[i]
      }
    }
    var gram = FactorAlgebra.product(selected, scaled, transposingFirst: true)
    for k in 0..<q { gram[k, k] += 1 }
    let factor = try FactorAlgebra.positiveDefinite(gram, "precision of the factors")
    inverseFactor = FactorAlgebra.inverse(lower: factor)
    covariance = FactorAlgebra.product(inverseFactor, inverseFactor, transposingFirst: true)
    weights = FactorAlgebra.product(scaled, inverseFactor, transposingSecond: true)
    var normalizer = Double(observed.count) * log(2 * Double.pi)
    for column in observed { normalizer += log(uniquenesses[column]) }
    for k in 0..<q { normalizer += 2 * log(factor[k, k]) }
    logNormalizer = normalizer
  }

  /// For rows less their mean, [rows x observed]: posterior means [rows x factors] and log p(x), nats; that is
  /// -∞ so far off that squares overflow.
  func infer(_ centred: Matrix<Double>) -> (means: Matrix<Double>, logDensities: [Double]) {
    let whitened = FactorAlgebra.product(centred, weights)
    let means = FactorAlgebra.product(whitened, inverseFactor)
    let (width, q) = (observed.count, whitened.columns)
    let logDensities = centred.values.withUnsafeBufferPointer { x in
      (0..<centred.rows).map { row -> Double in
        var square = 0.0
        for i in 0..<width {
          let value = x[row * width + i]
          square += value * value * precisions[i]
        }
        for k in 0..<q { square -= whitened.values[row * q + k] * whitened.values[row * q + k] }
        // ∞ − ∞ among them.
        return square.isFinite ? -(logNormalizer + square) / 2 : -.infinity
      }
    }
    return (means, logDensities)
  }
}
