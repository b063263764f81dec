import LatentKernels

/// How the covariances of a mixture's components are tied to a shape.
public enum CovarianceKind: Codable, Sendable, Hashable {
  /// Any covariance, one for each component.
  case full
  /// Any covariance, the same for all components.
  case tied
  /// Axis-parallel, one variance for each component and column.
  case diagonal
  /// One variance for each component.
  case spherical
  /// Λₖ Λₖᵀ + Ψₖ with so many factors and Ψₖ diagonal: a mixture of factor analysers (Ghahramani and
  /// Hinton 1996).
  case factorAnalytic(factors: Int)
}

/// Where EM starts.
public enum MixtureInitialization: Sendable, Equatable {
  /// Greedy k-means++ (Arthur and Vassilvitskii 2007), then Lloyd's iterations, with distances in units of
  /// the columns' deviations.
  case kMeans
  /// Different rows as means, with the covariance of all rows.
  case randomPoints
  /// From this model, whose kind and sizes must be the configuration's.
  case given(GaussianMixture)
}

/// What the passes over the rows compute in. Statistics are summed in double either way.
public enum MixturePrecision: String, Codable, Sendable {
  /// The default.
  case double
  /// Half the memory and faster, with float's rounding in the densities.
  case float
}

/// What a mixture is fitted with.
public struct MixtureConfiguration: Sendable, Equatable {
  /// How many components are fitted.
  public var components: Int
  /// What restricts their covariances.
  public var covariance: CovarianceKind
  /// In no direction may a component's variance fall below this fraction of the data's own: where EM's
  /// covariance does, its eigenvalues (in units of the columns' variances) are raised to it, which is
  /// the maximum of the likelihood under that bound. A constant column counts as one of the
  /// typical variance of the others (their geometric mean; 1 where all are constant).
  /// With 0 nothing is raised, and a collapse is an error.
  public var covarianceFloor: Double
  /// EM has converged when the mean log-likelihood of a row rises by less than this, in nats.
  public var tolerance: Double
  /// Iterations after which a fit ends unconverged, with a warning.
  public var maximumIterations: Int
  /// How often to start afresh, from different random numbers, the best is kept. k-means
  /// measures by columns' deviations and in the data's own units in turns; for spheres always in these.
  public var restarts: Int
  /// Where the first parameters come from.
  public var initialization: MixtureInitialization
  /// Keys every random choice.
  public var seed: UInt64
  /// What densities are computed in.
  public var precision: MixturePrecision

  /// Settings with their defaults.
  public init(
    components: Int, covariance: CovarianceKind = .full, covarianceFloor: Double = 1e-6,
    tolerance: Double = 1e-6, maximumIterations: Int = 500, restarts: Int = 1,
    initialization: MixtureInitialization = .kMeans, seed: UInt64 = 0,
    precision: MixturePrecision = .double
  ) {
    self.components = components
    self.covariance = covariance
    self.covarianceFloor = covarianceFloor
    self.tolerance = tolerance
    self.maximumIterations = maximumIterations
    self.restarts = restarts
    self.initialization = initialization
    self.seed = seed
    self.precision = precision
  }

  /// - Throws: ``SettingError`` naming the first setting out of range.
  func validate(columns: Int) throws {
    func require(_ valid: Bool, _ sentence: @autoclosure () -> String) throws {
      guard valid else { throw SettingError(sentence()) }
    }
    try require(
      components >= 1, "The number of components must be at least 1, found \(components).")
    try require(
      covarianceFloor >= 0 && covarianceFloor.isFinite,
      "The covariance floor must be 0 or a positive number, found \(covarianceFloor).")
    try require(
      tolerance >= 0, "The tolerance must be 0 or a positive number, found \(tolerance).")
    try require(
      maximumIterations >= 1,
      "The number of iterations must be at least 1, found \(maximumIterations).")
    try require(restarts >= 1, "The number of restarts must be at least 1, found \(restarts).")
    if case .factorAnalytic(let factors) = covariance {
      try require(
        factors >= 1 && factors < max(2, columns),
        "Between 1 and \(max(1, columns - 1)) factors fit \(columns) columns, found \(factors).")
    }
    try checkMemory(columns: columns, hasGaps: false)
    if case .given(let model) = initialization {
      try require(
        model.components == components && model.covarianceKind == covariance,
        "The given model has \(model.components) components with \(model.covarianceKind) "
          + "covariances, the configuration \(components) with \(covariance).")
      guard model.columns == columns else {
        throw ShapeError(
          "The given model expects \(model.columns) columns, the rows have \(columns).")
      }
    }
  }

  /// - Parameter hasGaps: whether values are missing: then every kind gathers full squares.
  /// - Throws: ``SettingError`` where memory does not hold the statistics of a pass by two threads, and what EM makes
  ///   of them.
  func checkMemory(columns: Int, hasGaps: Bool) throws {
    let isNarrow = !hasGaps && (covariance == .diagonal || covariance == .spherical)
    guard !isNarrow else { return }
    try expectMemory(
      for: 8 * 4 * Double(components) * Double(columns) * Double(columns),
      "A mixture of \(components) components with \(covariance) covariances of \(columns) columns",
      hasGaps
        ? "choose fewer columns, or rows without gaps"
        : "choose diagonal covariances, or fewer columns")
  }
}
