import Foundation
import LatentKernels

/// Probabilistic principal component analysis: x | z ~ N(μ + Λ z, ψ I), fitted in closed form
/// (Tipping and Bishop 1999).
///
/// With e and u the leading eigenpairs of the covariance, ψ is the mean of the other eigenvalues and
/// Λ = U (E - ψ I)^1/2. Factors come by their variance, descending.
public struct ProbabilisticPCA: LinearGaussianModel, Equatable {
  /// μ, [columns]
  public let mean: [Double]
  /// Λ, [columns x factors]
  public let loadings: Matrix<Double>
  /// ψ
  public let noiseVariance: Double
  /// Rows that the model was fitted to.
  public let observations: Int
  /// Total, nats, every constant included.
  public let logLikelihood: Double

  /// The noise variance, once a column.
  public var uniquenesses: [Double] { [Double](repeating: noiseVariance, count: mean.count) }
  /// None: probabilistic PCA takes columns as they are.
  public var scale: [Double]? { nil }
  /// μ, Λ up to rotation, and ψ.
  public var parameters: Int { columns + columns * factors - factors * (factors - 1) / 2 + 1 }

  /// Fits rows, which are seen once.
  ///
  /// - Parameters:
  ///   - seed: keys the random start of the eigenvector iteration, which large covariances need.
  ///   - communicator: the ranks that hold the rows; `rows` are this rank's own.
  /// - Throws: ``SettingError`` unless there are 1 ..< columns factors; ``DataError`` for fewer than
  ///   two rows, values that are missing or infinite, or rows without noise.
  public static func fit(
    _ rows: some RowSource, factors: Int, precision: Precision = .double, seed: UInt64 = 0,
    backend: FusedBackend? = nil, communicator: any Communicator = SerialCommunicator()
  ) throws -> ProbabilisticPCA {
    try fit(
      checked: SampleMoments(
        rows, precision: precision, backend: backend, communicator: communicator),
      factors: factors, seed: seed)
  }

  /// Fits what a ``CovarianceAccumulator`` gathered.
  ///
  /// - Throws: as ``fit(_:factors:precision:seed:backend:communicator:)``; ``ShapeError`` unless the
  ///   covariance is square with a mean for each column; ``DataError`` for one that no rows have.
  public static func fit(
    _ moments: SampleMoments, factors: Int, seed: UInt64 = 0
  ) throws -> ProbabilisticPCA {
    try moments.validate()
    return try fit(checked: moments, factors: factors, seed: seed)
  }

  private static func fit(
    checked moments: SampleMoments, factors: Int, seed: UInt64
  ) throws -> ProbabilisticPCA {
    let (p, n) = (moments.mean.count, Double(moments.count))
    guard factors >= 1, factors < p else {
      throw SettingError(
        "Probabilistic PCA of \(p) columns has 1 to \(p - 1) factors, found \(factors).")
    }
    guard moments.count >= 2 else {
      throw DataError("Probabilistic PCA needs at least 2 observations, found \(moments.count).")
    }
    guard moments.isFinite else {
      // Where a value is missing its column has no mean.
      guard !moments.mean.allSatisfy(\.isFinite) else {
        throw DataError(
          tooLargeToSquare: moments.mean.indices.first { !moments.covariance[$0, $0].isFinite })
      }
      throw DataError(
        "Probabilistic PCA needs finite values without gaps; factor analysis fits through gaps.")
    }
    var eigenpairs = LeadingEigenpairs(count: factors, size: p, seed: seed)
    let leading = eigenpairs.of(moments.covariance)
    let trace = (0..<p).reduce(0) { $0 + moments.covariance[$1, $1] }
    let noise = (trace - leading.values.reduce(0, +)) / Double(p - factors)
    guard noise > 1e-12 * trace / Double(p) else {
      throw DataError(
        "The rows lie in a subspace of \(factors) dimensions, which leaves no noise; ask for fewer "
          + "factors.")
    }
    var loadings = leading.vectors
    for i in 0..<p {
      for (k, value) in leading.values.enumerated() {
        loadings[i, k] *= max(0, value - noise).squareRoot()
      }
    }
    let logDeterminant =
      leading.values.reduce(0) { $0 + log($1) } + Double(p - factors) * log(noise)
    return ProbabilisticPCA(
      mean: moments.mean, loadings: withPositiveSums(loadings), noiseVariance: noise,
      observations: moments.count,
      logLikelihood: -n / 2 * (Double(p) * (log(2 * Double.pi) + 1) + logDeterminant))
  }
}
