import Foundation
import LatentKernels

extension FactorAnalysis {
  /// Fits rows, which are seen once unless values are missing (NaN): those bring EM over the observed
  /// coordinates of each row.
  ///
  /// Several ranks fit one model, each with its own part of the rows: it differs from that of one rank alone
  /// by the rounding of sums. Rows without gaps take one message, others one an iteration.
  ///
  /// - Parameters:
  ///   - rows: in memory, or any source that streams: the model has the same bits. Rows that stream need all
  ///     their values.
  ///   - communicator: the ranks that hold the rows; `rows` are this rank's own.
  /// - Throws: ``SettingError`` for a configuration out of range or more factors than the columns
  ///   allow; ``DataError`` for fewer than two rows, an infinite value, a column that is never
  ///   observed, or nothing but constant columns.
  public static func fit(
    _ rows: some RowSource, _ configuration: FactorConfiguration, backend: FusedBackend? = nil,
    communicator: any Communicator = SerialCommunicator()
  ) throws -> FactorAnalysis {
    let backend = try communicator.unanimously {
      try configuration.validate()
      return try backend ?? FusedBackend()
    }
    let moments = try SampleMoments(
      rows, precision: configuration.precision, backend: backend, communicator: communicator)
    // A missing or infinite value makes the sums of its column NaN or infinite.
    guard moments.isFinite else {
      guard let rows = rows as? Rows else {
        throw DataError(
          "Rows that stream must have all their values, and such as can be squared; factor analysis fits "
            + "through gaps only in memory.")
      }
      let share = try RowShare(rows.count, of: communicator)
      let patterns = try communicator.unanimously {
        try ObservationPatterns(rows, first: share.first)
      }
      let gaps = try communicator.sum(count: 1) {
        [Double(patterns.patterns.count { $0.observed.count < rows.columns })]
      }
      guard gaps[0] > 0 else {
        throw DataError(
          tooLargeToSquare: moments.mean.indices.first { !moments.covariance[$0, $0].isFinite })
      }
      return try fitMissing(rows, patterns, configuration, backend, share, communicator)
    }
    return try fit(checked: moments, configuration)
  }

  /// Fits a covariance matrix, [columns x columns], of `observations` rows. It is taken as it is, with
  /// whatever divisor: log-likelihoods are those of rows whose maximum-likelihood covariance (divided
  /// by n) it is. The test does not depend on it.
  ///
  /// - Parameter mean: [columns], zeros if nil.
  /// - Throws: ``ShapeError``; ``DataError`` for a matrix that is not symmetric and positive definite;
  ///   ``SettingError``.
  public static func fit(
    covariance: Matrix<Double>, observations: Int, mean: [Double]? = nil,
    _ configuration: FactorConfiguration
  ) throws -> FactorAnalysis {
    try configuration.validate()
    let mean = mean ?? [Double](repeating: 0, count: covariance.columns)
    let moments = SampleMoments(count: observations, mean: mean, covariance: covariance)
    try moments.checkShape()
    guard moments.isFinite else {
      throw DataError("The covariance matrix or its mean has a value that is not finite.")
    }
    guard FactorAlgebra.cholesky(covariance) != nil else {
      throw DataError(
        "The covariance matrix is not positive definite; a column may be a sum of others.")
    }
    return try fit(checked: moments, configuration)
  }

  /// Fits what a ``CovarianceAccumulator`` gathered.
  ///
  /// - Throws: ``SettingError``; ``ShapeError`` unless the covariance is square with a mean for each column;
  ///   ``DataError`` for moments that are not finite or that no rows have.
  public static func fit(
    _ moments: SampleMoments, _ configuration: FactorConfiguration
  ) throws -> FactorAnalysis {
    try configuration.validate()
    try moments.validate()
    return try fit(checked: moments, configuration)
  }

  private static func fit(
    checked moments: SampleMoments, _ configuration: FactorConfiguration
  ) throws -> FactorAnalysis {
    try checkCount(moments.count)
    guard moments.isFinite else {
      throw DataError("The moments are not finite: values are missing, infinite or too large.")
    }
    let problem = try FactorProblem(moments, factors: configuration.factors)
    let solution =
      switch configuration.method {
      case .maximumLikelihood:
        MaximumLikelihood(problem: problem, configuration: configuration).fit()
      case .expectationMaximization: FactorEM(problem: problem, configuration: configuration).fit()
      }
    let (p, n) = (problem.varying.count, Double(moments.count))
    var constant = Double(p) * log(2 * Double.pi)
    for column in problem.varying { constant += 2 * log(problem.deviations[column]) }
    let test = problem.cholesky.flatMap { lower in
      LikelihoodRatioTest(
        discrepancy: solution.objectives.last! - Double(p)
          - (0..<p).reduce(0) { $0 + 2 * log(lower[$1, $1]) },
        observations: moments.count, columns: p, factors: configuration.factors)
    }
    return assemble(
      solution, varying: problem.varying, constant: problem.constant, mean: moments.mean,
      deviations: problem.deviations, configuration: configuration, observations: moments.count,
      history: solution.objectives.map { -n / 2 * (constant + $0) },
      constantCounts: problem.constant.map { _ in moments.count }, test: test)
  }

  private static func fitMissing(
    _ rows: Rows, _ patterns: ObservationPatterns, _ configuration: FactorConfiguration,
    _ backend: FusedBackend, _ share: RowShare, _ communicator: any Communicator
  ) throws -> FactorAnalysis {
    try checkCount(share.total)
    var configuration = configuration
    configuration.method = .expectationMaximization
    let em = try MissingValuesEM(
      rows, patterns, configuration: configuration, share: share, communicator: communicator)
    let result = try em.fit(backend: backend)
    var mean = em.mean
    for (i, column) in em.varying.enumerated() {
      mean[column] += result.mean[i] * em.deviations[column]
    }
    let constant = em.varying.reduce(0) { $0 + Double(em.counts[$1]) * log(em.deviations[$1]) }
    return assemble(
      result.solution, varying: em.varying, constant: em.constant, mean: mean,
      deviations: em.deviations, configuration: configuration, observations: share.total,
      history: result.logLikelihoods.map { $0 - constant },
      constantCounts: em.constant.map { em.counts[$0] }, test: nil)
  }

  private static func checkCount(_ count: Int) throws {
    guard count >= 2 else {
      throw DataError("Factor analysis needs at least 2 observations, found \(count).")
    }
  }

  /// From correlations of the columns that vary to the model of all columns. `history` is of the
  /// former.
  private static func assemble(
    _ solution: FactorSolution, varying: [Int], constant: [Int], mean: [Double],
    deviations: [Double], configuration: FactorConfiguration, observations: Int, history: [Double],
    constantCounts: [Int], test: LikelihoodRatioTest?
  ) -> FactorAnalysis {
    let (p, q) = (varying.count, configuration.factors)
    let turned =
      configuration.rotation == .varimax
      ? varimax(solution.loadings)
      : canonical(solution.loadings, uniquenesses: solution.uniquenesses)
    var loadings = Matrix<Double>(rows: mean.count, columns: q)
    var uniquenesses = [Double](repeating: configuration.uniquenessFloor, count: mean.count)
    for (i, column) in varying.enumerated() {
      uniquenesses[column] = solution.uniquenesses[i]
      for k in 0..<q { loadings[column, k] = turned[i, k] }
    }
    if !configuration.correlationScale {
      for column in mean.indices {
        uniquenesses[column] *= deviations[column] * deviations[column]
        for k in 0..<q { loadings[column, k] *= deviations[column] }
      }
    }
    // log N(c; c, ψ) of each constant value.
    let offset = zip(constant, constantCounts).reduce(0) { sum, column in
      let variance =
        configuration.uniquenessFloor * deviations[column.0] * deviations[column.0]
      return sum - Double(column.1) / 2 * log(2 * Double.pi * variance)
    }
    let totals = history.map { $0 + offset }
    let report = FactorReport(
      method: configuration.method, observations: observations, iterations: solution.iterations,
      converged: solution.converged, logLikelihood: totals.last!, history: totals,
      parameters: 2 * p + p * q - q * (q - 1) / 2,
      heywoodColumns: varying.indices.filter {
        solution.uniquenesses[$0] <= configuration.uniquenessFloor * (1 + 1e-9)
      }.map { varying[$0] },
      constantColumns: constant,
      degreesOfFreedom: LikelihoodRatioTest.degreesOfFreedom(columns: p, factors: q), test: test)
    return FactorAnalysis(
      mean: mean, loadings: loadings, uniquenesses: uniquenesses,
      scale: configuration.correlationScale ? deviations : nil, configuration: configuration,
      report: report)
  }

  /// Turned so that Λᵀ Ψ⁻¹ Λ is diagonal and descends; each factor has a positive sum.
  private static func canonical(
    _ loadings: Matrix<Double>, uniquenesses: [Double]
  ) -> Matrix<Double> {
    var scaled = loadings
    for i in 0..<loadings.rows { for k in 0..<loadings.columns { scaled[i, k] /= uniquenesses[i] } }
    let gram = FactorAlgebra.product(loadings, scaled, transposingFirst: true)
    let axes = FactorAlgebra.eigenpairs(gram, count: loadings.columns)
    return withPositiveSums(FactorAlgebra.product(loadings, axes.vectors))
  }
}
