import LatentKernels
import LatentModels

/// What the verbs ask of a model whose densities are exact. A NaN is a missing value throughout.
protocol ExactModel: Sendable {
  /// "a mixture of 3 Gaussians"
  var title: String { get }
  /// "score, sample and impute"
  var verbs: String { get }
  var columns: Int { get }
  /// log p(x) of each row, nats.
  func logDensities(_ rows: Rows, backend: FusedBackend) throws -> [Double]
  func draw(_ count: Int, seed: UInt64) throws -> Matrix<Double>
  /// Missing values by their conditional means, with standard errors.
  func imputed(_ rows: Rows, backend: FusedBackend) throws -> Imputation
  /// Missing values drawn from their joint distribution given the observed ones, so many times.
  func filledByChance(
    _ rows: Rows, count: Int, seed: UInt64, backend: FusedBackend
  ) throws -> [Matrix<Double>]
}

extension ExactModel where Self: LinearGaussianModel {
  var verbs: String { "score, sample, transform and impute" }

  func logDensities(_ rows: Rows, backend: FusedBackend) throws -> [Double] {
    try scoreSamples(rows)
  }

  func draw(_ count: Int, seed: UInt64) throws -> Matrix<Double> {
    try sample(count, seed: seed)
  }

  func imputed(_ rows: Rows, backend: FusedBackend) throws -> Imputation { try imputation(rows) }

  func filledByChance(
    _ rows: Rows, count: Int, seed: UInt64, backend: FusedBackend
  ) throws -> [Matrix<Double>] {
    try imputationDraws(rows, count: count, seed: seed)
  }
}

extension FactorAnalysis: ExactModel {
  var title: String { "a factor analysis" }
}

extension ProbabilisticPCA: ExactModel {
  var title: String { "a probabilistic PCA" }
}

#if OpenBLAS
  extension GaussianMixture: ExactModel {
    var title: String { "a mixture of Gaussians" }
    var verbs: String { "score, sample, predict and impute" }

    func logDensities(_ rows: Rows, backend: FusedBackend) throws -> [Double] {
      try scoreSamples(rows, backend: backend)
    }

    func draw(_ count: Int, seed: UInt64) throws -> Matrix<Double> {
      try sample(count, seed: seed).rows
    }

    func imputed(_ rows: Rows, backend: FusedBackend) throws -> Imputation {
      try imputation(rows, backend: backend)
    }

    func filledByChance(
      _ rows: Rows, count: Int, seed: UInt64, backend: FusedBackend
    ) throws -> [Matrix<Double>] {
      try imputationDraws(rows, count: count, seed: seed, backend: backend)
    }
  }
#endif
