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
  /// Missing values by their conditional means.
  func filled(_ rows: Rows, backend: FusedBackend) throws -> Matrix<Double>
  /// The same, with standard errors.
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

  func filled(_ rows: Rows, backend: FusedBackend) throws -> Matrix<Double> { try impute(rows) }

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

    func filled(_ rows: Rows, backend: FusedBackend) throws -> Matrix<Double> {
      try impute(rows, backend: backend)
    }

    func imputed(_ rows: Rows, backend: FusedBackend) throws -> Imputation {
      try imputation(rows, backend: backend)
    }

    /// A component by its probability given the observed values, then Matheron's rule: a draw of the
    /// whole row, moved by the difference of the two conditional means.
    func filledByChance(
      _ rows: Rows, count: Int, seed: UInt64, backend: FusedBackend
    ) throws -> [Matrix<Double>] {
      let gaps = (0..<rows.count).filter { row in
        (0..<columns).contains { rows.value(row, $0).isNaN }
      }
      let shares = try predictProbabilities(rows.selecting(gaps), backend: backend)
      var results = [Matrix<Double>](repeating: rows.matrix(), count: count)
      for draw in 0..<count {
        let chosen = gaps.enumerated().map { place, row in
          let random = CounterRandom(
            seed: seed, purpose: LATENT_PURPOSE_EPSILON, sample: UInt32(draw), row: UInt32(row))
          return Self.choose(shares.row(place), random.uniform(0))
        }
        for k in Set(chosen).sorted() {
          let members = zip(gaps, chosen).filter { $1 == k }.map(\.0)
          let single = try GaussianMixture(
            weights: [1], means: Matrix(rows: 1, columns: columns, values: Array(means.row(k))),
            covariances: .full([covariances.matrix(k, columns: columns)]))
          let known = rows.selecting(members)
          let key = seed &+ 0x9e37_79b9_7f4a_7c15 &* UInt64(1 + draw * components + k)
          let whole = try single.sample(rows: members, seed: key).rows
          var gappy = whole
          for i in gappy.values.indices
          where known.value(i / columns, i % columns).isNaN { gappy.values[i] = .nan }
          let mean = try single.impute(known, backend: backend)
          let drawnMean = try single.impute(Rows(gappy), backend: backend)
          for (i, row) in members.enumerated() {
            for column in 0..<columns where known.value(i, column).isNaN {
              results[draw][row, column] =
                whole[i, column] + mean[i, column] - drawnMean[i, column]
            }
          }
        }
      }
      return results
    }

    private static func choose(_ probabilities: ArraySlice<Double>, _ uniform: Double) -> Int {
      var left = uniform
      for (k, probability) in probabilities.enumerated() {
        left -= probability
        if left < 0 { return k }
      }
      return probabilities.count - 1
    }
  }
#endif
