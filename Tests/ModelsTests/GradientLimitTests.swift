import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Gradients that are scaled down to a norm.
@Suite struct GradientLimitTests {
  private func trainer(
    limit: Double, likelihood: Likelihood = .gaussianDiagonal,
    backend: any Backend = try! FusedBackend(threads: 2)
  ) throws -> VAETrainer {
    let iris = try Dataset.iris()
    let model = try VAE(
      VAEConfiguration(
        architecture: Architecture(
          dimensions: 4, hidden: [33], latentDimensions: 2, likelihood: likelihood)))
    try model.initialize(for: iris.rows, seed: 1)
    var configuration = TrainingConfiguration()
    configuration.epochs = 3
    configuration.batchSize = 20
    configuration.gradientLimit = limit
    return try VAETrainer(
      model, configuration: configuration, data: iris, heldOut: nil, backend: backend)
  }

  private func digest(_ trainer: VAETrainer) throws -> String {
    while !trainer.isFinished { try trainer.trainEpoch() }
    return trainer.model.parameters.digest
  }

  /// A limit that no gradient reaches leaves the bits of a step that knows none, where Adam is taken
  /// within the gradient's product.
  @Test func aLimitOutOfReachChangesNothing() throws {
    for likelihood in [Likelihood.gaussian, .gaussianShared, .gaussianDiagonal, .gaussianUnit] {
      try #expect(
        digest(trainer(limit: 1e30, likelihood: likelihood))
          == digest(trainer(limit: 0, likelihood: likelihood)))
    }
  }

  /// After one step the first moments are the gradient that was followed.
  @Test func theNormIsTheLimit() throws {
    func firstGradient(_ limit: Double) throws -> [Double] {
      let trainer = try trainer(limit: limit)
      #expect(try trainer.trainEpoch(stopping: { true }) == nil)
      return try trainer.model.parameters.slots.flatMap {
        try trainer.model.parameters.read($0, .firstMoments).map(Double.init)
      }
    }
    func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let whole = try firstGradient(0)
    #expect(norm(whole) > 1)
    for limit in [0.25, norm(whole) / 2] {
      let clipped = try firstGradient(limit)
      #expect(abs(norm(clipped) - limit) < 1e-6 * limit)
      // In the same direction.
      for (a, b) in zip(clipped, whole) {
        #expect(abs(a - b * limit / norm(whole)) <= 1e-6 * abs(a))
      }
    }
    try #expect(firstGradient(norm(whole) * 1.001) == whole)
  }

  @Test func theSameBitsEverywhere() throws {
    let expected = try digest(trainer(limit: 1))
    for set in InstructionSet.available where set.keepsBits {
      for threads in [1, 3] {
        let backend = try FusedBackend(threads: threads, instructionSet: set)
        try #expect(digest(trainer(limit: 1, backend: backend)) == expected, "\(set), \(threads)")
      }
    }
    for backend in [SIMDBackend(), ReferenceBackend()] as [any Backend] {
      let found = try trainer(limit: 1, backend: backend)
      let fused = try trainer(limit: 1)
      _ = try (digest(found), digest(fused))
      let difference = found.progress.history[2].elbo - fused.progress.history[2].elbo
      #expect(abs(difference) < 1e-3, "\(backend.name)")
    }
  }

  @Test func limitsOutOfRange() {
    for limit in [-1, Double.infinity, .nan] {
      #expect(throws: SettingError.self) { try trainer(limit: limit) }
    }
    var configuration = TrainingConfiguration()
    configuration.gradientLimit = 1
    configuration.inference = .svi
    #expect(throws: SettingError.self) { try configuration.validate() }
  }
}
