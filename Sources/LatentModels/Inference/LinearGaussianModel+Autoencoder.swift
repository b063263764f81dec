import Foundation
import LatentKernels
import LatentNetworks

extension LinearGaussianModel {
  /// The same p(x) as a variational autoencoder without hidden layers: the decoder Λ z with variances Ψ,
  /// and the linear encoder whose ELBO is the highest that a diagonal Gaussian reaches, with means
  /// E[z|x] and variances 1/Pᵢᵢ, P = I + ΛᵀΨ⁻¹Λ. So every estimator runs on models whose log p(x) is
  /// known. Columns are standardized by the model's own moments, since networks compute in float.
  ///
  /// - Throws: ``SettingError`` where a uniqueness is too small a part of its variance for the bound
  ///   on log-variances.
  public func autoencoder() throws -> VAE {
    let (loadings, uniquenesses, deviations) = onCorrelationScale
    let observed = try ObservedFactors(
      loadings: loadings, uniquenesses: uniquenesses, observed: Array(0..<columns))
    let precision = posteriorPrecision
    var configuration = VAEConfiguration(
      architecture: Architecture(
        dimensions: columns, hidden: [], latentDimensions: factors, likelihood: .gaussianDiagonal))
    configuration.standardization = try Standardization(mean: mean, scale: deviations)
    let model = try VAE(configuration)
    // E[z|x] = P⁻¹ Λᵀ Ψ⁻¹ (x − μ), a row of it a factor.
    var weights: [Float] = []
    for k in 0..<factors {
      for i in 0..<columns {
        let sum = (0..<factors).reduce(0) { $0 + observed.covariance[k, $1] * loadings[i, $1] }
        weights.append(Float(sum / uniquenesses[i]))
      }
    }
    let values: [String: [Float]] = [
      "decoder.mean.weight": loadings.values.map { Float($0) },
      "decoder.rawLogVariance": try rawLogVariances(uniquenesses),
      "encoder.mean.weight": weights,
      // A posterior narrower than the bound on variances gets a q that is too wide.
      "encoder.rawLogVariance.bias": (0..<factors).map {
        Float(LogVariance.raw(-InstructionSet.reproducible.logarithm(precision[$0, $0])))
      },
    ]
    for slot in model.parameters.slots {
      if let tensor = values[slot.name] { try model.parameters.write(tensor, to: slot) }
    }
    model.parameters.refreshTransposed()
    return model
  }

  /// P = I + ΛᵀΨ⁻¹Λ, the inverse of every row's posterior covariance, [factors x factors].
  public var posteriorPrecision: Matrix<Double> {
    var scaled = loadings
    for i in 0..<columns { for k in 0..<factors { scaled[i, k] /= uniquenesses[i] } }
    var precision = FactorAlgebra.product(loadings, scaled, transposingFirst: true)
    for k in 0..<factors { precision[k, k] += 1 }
    return precision
  }

  /// D_KL(q(z|x) ‖ p(z|x)) of each row, nats: what its ELBO under q lacks of log p(x).
  ///
  /// - Throws: ``ShapeError``; ``DataError`` for an infinite value.
  public func divergences(of q: DiagonalGaussian, from rows: Rows) throws -> [Double] {
    for found in [q.mean, q.logVariance] where found.rows != rows.count || found.columns != factors
    {
      throw ShapeError(
        "The model has \(factors) factors of \(rows.count) rows, q has \(found.columns) of "
          + "\(found.rows).")
    }
    let posterior = try posterior(rows)
    let inverses = posterior.covariances.map { covariance -> (Matrix<Double>, Double) in
      guard let lower = FactorAlgebra.cholesky(covariance) else {
        preconditionFailure("a posterior covariance is positive definite")
      }
      let inverse = FactorAlgebra.inverse(lower: lower)
      let logDeterminant = (0..<factors).reduce(0) { $0 + 2 * log(lower[$1, $1]) }
      return (FactorAlgebra.product(inverse, inverse, transposingFirst: true), logDeterminant)
    }
    return (0..<rows.count).map { row in
      let (precision, logDeterminant) = inverses[posterior.covarianceIndex[row]]
      let offset = (0..<factors).map { Double(q.mean[row, $0]) - posterior.mean[row, $0] }
      var sum = logDeterminant - Double(factors)
      for i in 0..<factors {
        let logVariance = Double(q.logVariance[row, i])
        sum += precision[i, i] * exp(logVariance) - logVariance
        for j in 0..<factors { sum += offset[i] * precision[i, j] * offset[j] }
      }
      return sum / 2
    }
  }
}

/// The raw values whose bounded log-variances are those of `uniquenesses`, parts of a variance of 1.
private func rawLogVariances(_ uniquenesses: [Double]) throws -> [Float] {
  let bound = Double(LogVariance.bound)
  return try uniquenesses.enumerated().map { index, uniqueness in
    let value = InstructionSet.reproducible.logarithm(uniqueness)
    guard abs(value) < bound else {
      throw SettingError(
        "The uniqueness of column \(index + 1) is \(uniqueness) of its variance; estimators that "
          + "draw z need e^-\(Int(bound)) or more. The exact log p(x) has no such limit.")
    }
    return Float(LogVariance.raw(value))
  }
}
