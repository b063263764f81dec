import LatentKernels

/// How a factor analysis is fitted.
public struct FactorConfiguration: Codable, Sendable, Equatable {
  /// How the maximum of the likelihood is found.
  public enum Method: String, Codable, Sendable, CaseIterable {
    /// Newton's method on the log-uniquenesses, the loadings profiled out (Jöreskog 1967).
    case maximumLikelihood
    /// Expectation-maximization (Rubin and Thayer 1982), with expanded parameters (Liu, Rubin and Wu
    /// 1998). Rows with missing values are always fitted by it.
    case expectationMaximization = "em"
  }

  /// How the loadings are turned, which changes no likelihood.
  public enum Rotation: String, Codable, Sendable, CaseIterable {
    /// Λᵀ Ψ⁻¹ Λ diagonal, its entries descending.
    case none
    /// Orthogonal, towards few large loadings a factor (Kaiser 1958).
    case varimax
  }

  /// q, at least 1.
  public var factors: Int
  /// How the maximum is found.
  public var method: Method
  /// Ends the fit when another iteration would gain, or has gained, less log-likelihood than this:
  /// nats a row.
  public var tolerance: Double
  /// Iterations after which a fit ends unconverged, with a warning.
  public var maximumIterations: Int
  /// The least uniqueness, as a part of its column's variance; keeps Heywood cases finite.
  public var uniquenessFloor: Double
  /// Loadings and uniquenesses of columns scaled to variance 1, as in a table of loadings, instead of
  /// the data's own units. The distribution is the same.
  public var correlationScale: Bool
  /// What turns the loadings after the fit.
  public var rotation: Rotation
  /// Keys the random start of the eigenvector iteration, which large covariances need.
  public var seed: UInt64
  /// Of the products behind the covariance.
  public var precision: Precision

  /// Settings with their defaults.
  public init(
    factors: Int, method: Method = .maximumLikelihood, tolerance: Double = 1e-9,
    maximumIterations: Int = 1000, uniquenessFloor: Double = 0.005, correlationScale: Bool = false,
    rotation: Rotation = .none, seed: UInt64 = 0, precision: Precision = .double
  ) {
    self.factors = factors
    self.method = method
    self.tolerance = tolerance
    self.maximumIterations = maximumIterations
    self.uniquenessFloor = uniquenessFloor
    self.correlationScale = correlationScale
    self.rotation = rotation
    self.seed = seed
    self.precision = precision
  }

  /// - Throws: ``SettingError``.
  func validate() throws {
    guard factors >= 1 else {
      throw SettingError("The number of factors must be at least 1, found \(factors).")
    }
    guard tolerance >= 0, tolerance.isFinite else {
      throw SettingError("The tolerance must be 0 or more nats a row, found \(tolerance).")
    }
    guard maximumIterations >= 1 else {
      throw SettingError(
        "The maximum number of iterations must be at least 1, found \(maximumIterations).")
    }
    // Below, rounding decides what a likelihood is.
    guard uniquenessFloor >= 1e-12, uniquenessFloor < 1 else {
      throw SettingError(
        "The uniqueness floor must be at least 1e-12 and below 1, found \(uniquenessFloor).")
    }
  }
}
