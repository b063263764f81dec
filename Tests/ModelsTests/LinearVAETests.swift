import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Factor analysis and probabilistic PCA are linear VAEs whose posterior is exact: training must find
/// their maximum of the likelihood (Dai et al. 2018; Lucas et al. 2019).
@Suite struct LinearVAETests {
  /// The decoder of a trained model, as the exact model that it is.
  private struct Decoded: LinearGaussianModel {
    var mean, uniquenesses: [Double]
    var loadings: Matrix<Double>
    var scale: [Double]?

    init(_ model: VAE) throws {
      let tensors = try Dictionary(
        uniqueKeysWithValues: model.parameters.slots.map { slot in
          (slot.name, try model.parameters.read(slot).map(Double.init))
        })
      mean = tensors["decoder.mean.bias"]!
      let raw = tensors["decoder.rawLogVariance"]!
      uniquenesses = mean.indices.map { exp(10 * tanh(raw[raw.count == 1 ? 0 : $0] / 10)) }
      loadings = try Matrix(
        rows: mean.count, columns: model.architecture.latentDimensions,
        values: tensors["decoder.mean.weight"]!)
    }
  }

  @Test(arguments: [Likelihood.gaussianDiagonal, .gaussianShared])
  func reachesTheMaximumOfTheLikelihood(_ likelihood: Likelihood) throws {
    let raw = factorRows(600, columns: 8, factors: 2)
    let standardization = Standardization(raw)
    var rows: Matrix<Double> = raw.matrix()
    for row in 0..<rows.rows {
      for column in 0..<8 {
        rows[row, column] = standardization.apply(rows[row, column], column: column)
      }
    }
    let data = try Dataset(name: "factors", rows: Rows(rows))
    let model = try VAE(
      VAEConfiguration(
        architecture: Architecture(
          dimensions: 8, hidden: [], latentDimensions: 2, likelihood: likelihood)))
    try model.initialize(for: data.rows, seed: 2)
    var training = TrainingConfiguration()
    training.epochs = 150
    training.batchSize = 60
    training.learningRate = 0.02
    training.schedule = .linear
    training.samples = 8
    let backend = try FusedBackend(threads: 2)
    let trainer = try VAETrainer(
      model, configuration: training, data: data, heldOut: nil, backend: backend)
    while !trainer.isFinished { try trainer.trainEpoch() }
    let best =
      likelihood == .gaussianDiagonal
      ? try FactorAnalysis.fit(data.rows, FactorConfiguration(factors: 2), backend: backend)
        .score(data.rows)
      : try ProbabilisticPCA.fit(data.rows, factors: 2, backend: backend).score(data.rows)
    let reached = try Decoded(model).score(data.rows)
    #expect(reached <= best + 1e-6)
    #expect(best - reached < 0.02, "\(best - reached) nats a row from the maximum")
    // And the bound is tight: the posterior of an axis-aligned solution is what q can be.
    #expect(best - trainer.progress.history.last!.elbo < 0.05)
  }
}
