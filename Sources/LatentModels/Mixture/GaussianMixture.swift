import LatentKernels

/// A mixture of Gaussians: z ~ Categorical(π), x | z = k ~ N(μₖ, Σₖ).
///
/// A value is a fitted model, or one put together by hand. Dempster, Laird and Rubin 1977; McLachlan and
/// Peel, "Finite Mixture Models", 2000.
public struct GaussianMixture: Sendable, Equatable {
  /// π, K numbers that sum to 1.
  public internal(set) var weights: [Double]
  /// μ, K x D.
  public internal(set) var means: Matrix<Double>
  /// Their covariances, of one kind.
  public internal(set) var covariances: MixtureCovariances

  /// How many components there are.
  public var components: Int { weights.count }
  /// Columns of the data.
  public var columns: Int { means.columns }
  /// Which restriction the covariances share.
  public var covarianceKind: CovarianceKind { covariances.kind }

  /// - Throws: ``ShapeError`` when the sizes do not fit together, ``SettingError`` when the weights are not
  ///   probabilities, or a covariance is not symmetric.
  public init(weights: [Double], means: Matrix<Double>, covariances: MixtureCovariances) throws {
    guard !weights.isEmpty, means.rows == weights.count, means.columns > 0 else {
      throw ShapeError(
        "\(weights.count) weights do not fit \(means.rows) means of \(means.columns) columns.")
    }
    let total = weights.reduce(0, +)
    guard weights.allSatisfy({ $0 >= 0 }), abs(total - 1) < 1e-6 else {
      throw SettingError("Weights must be non-negative and sum to 1, found the sum \(total).")
    }
    guard means.values.allSatisfy(\.isFinite) else {
      throw SettingError("Means must be finite numbers.")
    }
    try covariances.validate(components: weights.count, columns: means.columns)
    self.weights = weights.map { $0 / total }
    self.means = means
    self.covariances = covariances
  }

  /// For parameters known to fit together.
  init(unchecked weights: [Double], _ means: Matrix<Double>, _ covariances: MixtureCovariances) {
    self.weights = weights
    self.means = means
    self.covariances = covariances
  }

  /// Free parameters: K - 1 weights, K D means, and the covariances'.
  public var parameterCount: Int {
    components - 1 + components * columns
      + covariances.parameterCount(components: components, columns: columns)
  }

  /// The model of x - origin, or of x + origin where `sign` is 1.
  func shifted(by origin: [Double], sign: Double) -> GaussianMixture {
    var result = self
    for k in 0..<components {
      for d in 0..<columns { result.means[k, d] += sign * origin[d] }
    }
    return result
  }
}

/// The covariances of a mixture's components, in the shape that they were fitted in.
public enum MixtureCovariances: Sendable, Equatable {
  /// K matrices D x D.
  case full([Matrix<Double>])
  /// One matrix D x D.
  case tied(Matrix<Double>)
  /// Variances, K x D.
  case diagonal(Matrix<Double>)
  /// K variances.
  case spherical([Double])
  /// Loadings and uniquenesses for each component.
  case factorAnalytic([FactorCovariance])
}

/// Λ Λᵀ + Ψ.
public struct FactorCovariance: Sendable, Equatable {
  /// Λ, D x factors.
  public var loadings: Matrix<Double>
  /// The diagonal of Ψ.
  public var uniquenesses: [Double]

  /// A covariance of `loadings` times their transpose and `uniquenesses` on the diagonal.
  public init(loadings: Matrix<Double>, uniquenesses: [Double]) {
    self.loadings = loadings
    self.uniquenesses = uniquenesses
  }

  /// Λ Λᵀ + Ψ, D x D.
  public var matrix: Matrix<Double> {
    let (columns, factors) = (loadings.rows, loadings.columns)
    var result = Matrix<Double>(rows: columns, columns: columns)
    for i in 0..<columns {
      for j in 0...i {
        var sum = i == j ? uniquenesses[i] : 0
        for f in 0..<factors { sum += loadings[i, f] * loadings[j, f] }
        result[i, j] = sum
        result[j, i] = sum
      }
    }
    return result
  }
}

extension MixtureCovariances {
  /// Which restriction this is.
  public var kind: CovarianceKind {
    switch self {
    case .full: .full
    case .tied: .tied
    case .diagonal: .diagonal
    case .spherical: .spherical
    case .factorAnalytic(let all): .factorAnalytic(factors: all.first?.loadings.columns ?? 0)
    }
  }

  /// The variance of column `d` in component `k`.
  func variance(_ k: Int, _ d: Int) -> Double {
    switch self {
    case .full(let all): all[k][d, d]
    case .tied(let shared): shared[d, d]
    case .diagonal(let variances): variances[k, d]
    case .spherical(let variances): variances[k]
    case .factorAnalytic(let all):
      all[k].loadings.row(d).reduce(all[k].uniquenesses[d]) { $0 + $1 * $1 }
    }
  }

  /// The whole covariance of component `k`, D x D.
  public func matrix(_ k: Int, columns: Int) -> Matrix<Double> {
    func diagonal(_ variance: (Int) -> Double) -> Matrix<Double> {
      var result = Matrix<Double>(rows: columns, columns: columns)
      for d in 0..<columns { result[d, d] = variance(d) }
      return result
    }
    return switch self {
    case .full(let all): all[k]
    case .tied(let shared): shared
    case .diagonal(let variances): diagonal { variances[k, $0] }
    case .spherical(let variances): diagonal { _ in variances[k] }
    case .factorAnalytic(let all): all[k].matrix
    }
  }

  func parameterCount(components: Int, columns: Int) -> Int {
    switch self {
    case .full: components * columns * (columns + 1) / 2
    case .tied: columns * (columns + 1) / 2
    case .diagonal: components * columns
    case .spherical: components
    case .factorAnalytic(let all):
      // Loadings are free up to a rotation, and no covariance has more than all its entries.
      all.reduce(0) {
        let factors = $1.loadings.columns
        let own = columns * (factors + 1) - factors * (factors - 1) / 2
        return $0 + min(own, columns * (columns + 1) / 2)
      }
    }
  }

  func validate(components: Int, columns: Int) throws {
    let fits =
      switch self {
      case .full(let all):
        all.count == components && all.allSatisfy { $0.rows == columns && $0.columns == columns }
      case .tied(let shared): shared.rows == columns && shared.columns == columns
      case .diagonal(let variances):
        variances.rows == components && variances.columns == columns
      case .spherical(let variances): variances.count == components
      case .factorAnalytic(let all):
        all.count == components
          && all.allSatisfy {
            $0.loadings.rows == columns && $0.uniquenesses.count == columns
              && $0.loadings.columns == all[0].loadings.columns && $0.loadings.columns > 0
          }
      }
    guard fits else {
      throw ShapeError(
        "The covariances do not fit \(components) components of \(columns) columns.")
    }
    for k in 0..<components {
      for i in 0..<columns {
        let variance = variance(k, i)
        guard variance > 0, variance.isFinite else {
          throw SettingError(
            "Covariance \(k + 1) must have positive variances, found \(variance) in column \(i + 1)."
          )
        }
      }
      if case .factorAnalytic(let all) = self,
        let found = all[k].uniquenesses.first(where: { !($0 > 0) })
      {
        throw SettingError("Covariance \(k + 1) must have positive uniquenesses, found \(found).")
      }
      // The others are symmetric by their form, and may be too wide to be written out.
      let covariance: Matrix<Double>
      switch self {
      case .full(let all): covariance = all[k]
      case .tied(let shared): covariance = shared
      case .diagonal, .spherical, .factorAnalytic: continue
      }
      for i in 0..<columns {
        for j in 0..<i {
          let scale = (covariance[i, i] * covariance[j, j]).squareRoot()
          guard abs(covariance[i, j] - covariance[j, i]) <= 1e-8 * scale else {
            throw SettingError(
              "Covariance \(k + 1) must be symmetric, found \(covariance[i, j]) and "
                + "\(covariance[j, i]) in columns \(i + 1) and \(j + 1).")
          }
        }
      }
    }
  }
}
