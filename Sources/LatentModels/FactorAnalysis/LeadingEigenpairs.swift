import LatentKernels

/// The leading eigenpairs of one symmetric matrix after another, each near the last: subspace
/// iteration with Rayleigh-Ritz steps (Saad, "Numerical methods for large eigenvalue problems", 5),
/// begun where the last one ended. Small or stubborn matrices go to LAPACK.
struct LeadingEigenpairs {
  let count: Int
  private var block: Matrix<Double>?

  private static let guards = 10
  private static let sweeps = 30
  private static let tolerance = 1e-9

  /// - Parameter seed: keys the random numbers of the first block.
  init(count: Int, size: Int, seed: UInt64) {
    self.count = count
    let width = count + Self.guards
    // Below this a dense factorization is as fast.
    guard size > 128, width * 4 < size else { return }
    var values = [Float](repeating: 0, count: size * width)
    InstructionSet.reproducible.kernels.random_normal(
      values.count, seed, LATENT_PURPOSE_INITIALIZATION, 0, 0, 0, &values)
    var start = Matrix<Double>(rows: size, columns: width)
    for i in values.indices { start.values[i] = Double(values[i]) }
    block = start
  }

  /// Of the positive semidefinite `matrix`.
  mutating func of(_ matrix: Matrix<Double>) -> Eigenpairs {
    guard var basis = block else { return FactorAlgebra.eigenpairs(matrix, count: count) }
    for _ in 0..<Self.sweeps {
      guard let orthonormal = Self.orthonormalize(basis) else { break }
      let image = FactorAlgebra.product(matrix, orthonormal)
      let small = FactorAlgebra.eigenpairs(
        FactorAlgebra.product(orthonormal, image, transposingFirst: true), count: basis.columns)
      let vectors = FactorAlgebra.product(orthonormal, small.vectors)
      basis = FactorAlgebra.product(image, small.vectors)
      if Self.residual(image: basis, vectors, small.values, count: count) <= Self.tolerance {
        block = basis
        return Eigenpairs(
          values: Array(small.values.prefix(count)), vectors: vectors.columns(0..<count))
      }
    }
    // No gap to speak of in the spectrum: no use in trying again.
    block = nil
    return FactorAlgebra.eigenpairs(matrix, count: count)
  }

  /// max |A v - e v| / e over the first `count` pairs.
  private static func residual(
    image: Matrix<Double>, _ vectors: Matrix<Double>, _ values: [Double], count: Int
  ) -> Double {
    var squares = [Double](repeating: 0, count: count)
    for i in 0..<image.rows {
      for k in 0..<count {
        let error = image[i, k] - values[k] * vectors[i, k]
        squares[k] += error * error
      }
    }
    return (0..<count).map { squares[$0].squareRoot() / values[$0] }.max() ?? 0
  }

  /// Cholesky QR, twice, since once squares the condition number.
  private static func orthonormalize(_ basis: Matrix<Double>) -> Matrix<Double>? {
    var result = basis
    for _ in 0..<2 {
      guard
        let lower = FactorAlgebra.cholesky(
          FactorAlgebra.product(result, result, transposingFirst: true))
      else { return nil }
      result = FactorAlgebra.product(
        result, FactorAlgebra.inverse(lower: lower), transposingSecond: true)
    }
    return result
  }
}
