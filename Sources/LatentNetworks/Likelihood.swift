import LatentKernels

/// p(x|z): what the decoder's output means. Every log-density is complete, constants included, in
/// nats.
public enum Likelihood: String, CaseIterable, Codable, Sendable {
  /// Binary data: x ~ Bernoulli(sigmoid(logit)).
  case bernoulli
  /// Data in [0, 1]: the continuous Bernoulli (Loaiza-Ganem and Cunningham 2019).
  case continuousBernoulli
  /// N(μ(z), diag σ²(z)), mean and log-variance both from the network.
  case gaussian
  /// N(μ(z), I): the squared error, with its constant.
  case gaussianUnit
  /// N(μ(z), σ² I) with one learned variance.
  case gaussianShared
  /// N(μ(z), Φ) with a learned variance for each dimension.
  case gaussianDiagonal

  /// Its number in `latent_kernels.h`.
  public var code: latent_likelihood {
    switch self {
    case .bernoulli: LATENT_LIKELIHOOD_BERNOULLI
    case .continuousBernoulli: LATENT_LIKELIHOOD_CONTINUOUS_BERNOULLI
    case .gaussian: LATENT_LIKELIHOOD_GAUSSIAN
    case .gaussianUnit, .gaussianShared: LATENT_LIKELIHOOD_GAUSSIAN_SHARED
    case .gaussianDiagonal: LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL
    }
  }

  /// Columns of the output layer for `dimensions` data columns, as they are packed.
  public func packedColumns(dimensions: Int) -> Int {
    self == .gaussian ? 2 * 16 * Panels.count(dimensions) : dimensions
  }

  /// How many variances stand beside the network, learned but for ``gaussianUnit``'s.
  public func varianceCount(dimensions: Int) -> Int {
    switch self {
    case .gaussianUnit, .gaussianShared: 1
    case .gaussianDiagonal: dimensions
    default: 0
    }
  }

  /// Whether the density needs values in [0, 1].
  public var needsUnitInterval: Bool { self == .bernoulli || self == .continuousBernoulli }
}

/// The smooth bound on every log-variance: B tanh(raw / B), B = 10.
public enum LogVariance {
  /// B: variances stay within e⁻¹⁰ … e¹⁰.
  public static let bound = LATENT_LOG_VARIANCE_BOUND
}
