import Foundation
import LatentKernels
import LatentNetworks

@testable import LatentModels

/// A VAE whose decoder is a factor model's and whose encoder is linear: everything about it is known.
struct LinearVAE {
  let truth: Truth
  let model: VAE
  /// P = I + Λᵀ Ψ⁻¹ Λ, the precision of p(z|x), and its inverse.
  let precision, covariance: Matrix<Double>
  let logDeterminant: Double

  /// - Parameter encoderError: by which part the encoder's means are off; 0 is the best linear encoder.
  init(columns: Int, factors: Int, encoderError: Double = 0) throws {
    truth = Truth(columns: columns, factors: factors)
    model = try VAE(
      VAEConfiguration(
        architecture: Architecture(
          dimensions: columns, hidden: [], latentDimensions: factors, likelihood: .gaussianDiagonal)
      ))
    var precision = Matrix<Double>(rows: factors, columns: factors)
    for k in 0..<factors {
      for l in 0..<factors {
        precision[k, l] = k == l ? 1 : 0
        for d in 0..<columns {
          precision[k, l] +=
            truth.loadings[d, k] * truth.loadings[d, l] / truth.uniquenesses[d]
        }
      }
    }
    self.precision = precision
    (covariance, logDeterminant) = DenseNormal.inverse(precision)
    var weights = Matrix<Float>(rows: 2 * factors, columns: columns)
    var bias = [Float](repeating: 0, count: 2 * factors)
    for k in 0..<factors {
      for d in 0..<columns {
        let weight = (0..<factors).reduce(0.0) {
          $0 + covariance[k, $1] * truth.loadings[d, $1] / truth.uniquenesses[d]
        }
        weights[k, d] = Float(weight * (1 - encoderError))
        bias[k] -= Float(weight * (1 - encoderError) * truth.mean[d])
      }
      bias[factors + k] = Self.raw(-log(precision[k, k]))
    }
    func set(_ name: String, _ values: [Float]) throws {
      for slot in model.parameters.slots where slot.name == name {
        try model.parameters.write(values, to: slot)
      }
    }
    let half = factors * columns
    try set("encoder.mean.weight", Array(weights.values[..<half]))
    try set("encoder.mean.bias", Array(bias[..<factors]))
    try set("encoder.rawLogVariance.weight", Array(weights.values[half...]))
    try set("encoder.rawLogVariance.bias", Array(bias[factors...]))
    try set("decoder.mean.weight", truth.loadings.values.map { Float($0) })
    try set("decoder.mean.bias", truth.mean.map { Float($0) })
    try set("decoder.rawLogVariance", truth.uniquenesses.map { Self.raw(log($0)) })
    model.parameters.refreshTransposed()
  }

  /// The raw value that the smooth bound takes to a log-variance.
  private static func raw(_ logVariance: Double) -> Float { Float(10 * atanh(logVariance / 10)) }

  /// The bound of the best diagonal Gaussian: log p(x) − ½ (Σ log Pᵢᵢ − log |P|).
  func optimum(_ logDensity: Double) -> Double {
    let diagonal = (0..<truth.factors).reduce(0.0) { $0 + log(precision[$1, $1]) }
    return logDensity - (diagonal - logDeterminant) / 2
  }
}
