import Foundation
import LatentKernels

/// A fitted factor analysis: z ~ N(0, I), x | z ~ N(μ + Λ z, Ψ), Ψ diagonal.
///
/// Bartholomew, Knott and Moustaki, "Latent variable models and factor analysis", 2011. What it can
/// do with rows is in ``LinearGaussianModel``.
public struct FactorAnalysis: LinearGaussianModel, Equatable {
  /// μ, [columns]
  public let mean: [Double]
  /// Λ, [columns x factors]
  public let loadings: Matrix<Double>
  /// The diagonal of Ψ, [columns]
  public let uniquenesses: [Double]
  /// Standard deviations of the columns when the configuration asks for the correlation scale.
  public let scale: [Double]?
  /// What was asked for.
  public let configuration: FactorConfiguration
  /// How the fit went.
  public let report: FactorReport

  /// The same distribution with its factors turned by varimax.
  public func rotatedByVarimax() -> FactorAnalysis {
    let (standard, _, deviations) = onCorrelationScale
    var turned = varimax(standard)
    for i in 0..<columns {
      let unit = deviations[i] / (scale?[i] ?? 1)
      for k in 0..<factors { turned[i, k] *= unit }
    }
    var configuration = configuration
    configuration.rotation = .varimax
    return FactorAnalysis(
      mean: mean, loadings: turned, uniquenesses: uniquenesses, scale: scale,
      configuration: configuration, report: report)
  }
}

/// How a fit went.
public struct FactorReport: Codable, Sendable, Equatable {
  /// How the maximum was found.
  public internal(set) var method: FactorConfiguration.Method
  /// Rows that the model was fitted to.
  public internal(set) var observations: Int
  /// Iterations that were needed.
  public internal(set) var iterations: Int
  /// Whether the tolerance was met; a fit that ran out of iterations is still a model.
  public internal(set) var converged: Bool
  /// Total, nats, every constant included.
  public internal(set) var logLikelihood: Double
  /// Before the first iteration and after each: total log-likelihoods.
  public internal(set) var history: [Double]
  /// μ, Λ up to rotation, and Ψ.
  public internal(set) var parameters: Int
  /// Heywood cases: columns, counted from 0, whose uniqueness ran to the floor.
  public internal(set) var heywoodColumns: [Int]
  /// Columns, counted from 0, without variance: no loadings, and the floor's part of a typical
  /// variance (the geometric mean of the others') as uniqueness.
  public internal(set) var constantColumns: [Int]
  /// ((p - q)² - p - q) / 2
  public internal(set) var degreesOfFreedom: Int
  /// Nil with missing values, too few observations, or a singular covariance.
  public internal(set) var test: LikelihoodRatioTest?

  /// Log-likelihood of a row, in nats.
  public var meanLogLikelihood: Double { logLikelihood / Double(max(1, observations)) }
  /// -2 log-likelihood + 2 parameters
  public var aic: Double { -2 * logLikelihood + 2 * Double(parameters) }
  /// -2 log-likelihood + parameters log n
  public var bic: Double { -2 * logLikelihood + Double(parameters) * log(Double(observations)) }
}
