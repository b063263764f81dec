import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Training that meets NaN or overflow says where.
@Suite struct DivergenceTests {
  private func trainer(
    _ data: Dataset, likelihood: Likelihood = .gaussian, activation: Activation = .relu,
    standardize: Bool = false, hidden: [Int] = [16, 16],
    backend: any Backend = try! FusedBackend(threads: 2),
    _ change: (inout TrainingConfiguration) -> Void = { _ in }
  ) throws -> VAETrainer {
    let model = try VAE(
      VAEConfiguration(
        architecture: Architecture(
          dimensions: data.rows.columns, hidden: hidden, latentDimensions: 2,
          activation: activation, likelihood: likelihood),
        standardization: standardize ? Standardization(data.rows) : nil))
    try model.initialize(for: data.rows, seed: 1)
    var configuration = TrainingConfiguration()
    configuration.epochs = 5
    configuration.batchSize = 30
    change(&configuration)
    return try VAETrainer(
      model, configuration: configuration, data: data, heldOut: nil, backend: backend)
  }

  private func divergence(_ trainer: VAETrainer) -> DivergenceError? {
    #expect(throws: DivergenceError.self) { while !trainer.isFinished { try trainer.trainEpoch() } }
    // Once more, from where the trainer was left: the same again.
    do {
      while !trainer.isFinished { try trainer.trainEpoch() }
    } catch { return error as? DivergenceError }
    return nil
  }

  private func table(_ rows: Int, _ value: (Int, Int) -> Double) throws -> Dataset {
    let matrix = try Matrix(
      rows: rows, columns: 3,
      values: (0..<rows * 3).map { value($0 / 3, $0 % 3) })
    return try Dataset(name: "table", rows: Rows(matrix))
  }

  /// A parameter that stops being a number leaves nothing behind once a good checkpoint is back.
  @Test(arguments: [Inference.amortized, .svi, .semiAmortized])
  func restoringHeals(_ inference: Inference) throws {
    let path = NSTemporaryDirectory() + "latent-heals-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let data = try Dataset.named("iris")
    for likelihood in [Likelihood.gaussian, .gaussianDiagonal] {
      var configuration = VAEConfiguration(
        architecture: Architecture(
          dimensions: 4, hidden: [5], latentDimensions: 2, likelihood: likelihood))
      var training = TrainingConfiguration()
      (training.inference, training.innerSteps, training.batchSize) = (inference, 2, 50)
      if inference != .amortized { configuration.inference = inference }
      let model = try VAE(configuration)
      try model.initialize(for: data.rows, seed: 1)
      func makeTrainer() throws -> VAETrainer {
        try VAETrainer(
          model, configuration: training, data: data, heldOut: nil,
          backend: FusedBackend(threads: 1))
      }
      let trainer = try makeTrainer()
      try trainer.trainEpoch()
      try trainer.saveCheckpoint(to: path + "/good")
      let metrics = try trainer.trainEpoch()
      for slot in model.parameters.slots where slot.name.hasPrefix("decoder.") {
        var values = try model.parameters.read(slot)
        values[0] = .nan
        try model.parameters.write(values, to: slot)
        #expect(throws: DivergenceError.self) { try trainer.trainEpoch() }
        try trainer.restore(from: path + "/good")
        #expect(try trainer.trainEpoch() == metrics, "\(slot.name)")
      }
      // Nor does another training of the same model see any of it.
      let slot = model.parameters.slots.last!
      try model.parameters.write([Float](repeating: .nan, count: slot.count), to: slot)
      #expect(throws: DivergenceError.self) { try trainer.trainEpoch() }
      try model.initialize(for: data.rows, seed: 1)
      let again = try makeTrainer()
      try again.trainEpoch()
      #expect(try again.trainEpoch() == metrics)
    }
  }

  /// Values whose squares no float holds: the first step's density.
  @Test func hugeValues() throws {
    let data = try table(90) { row, column in
      column == 1 ? 1e30 * Double(row % 7) : Double((row + column) % 5)
    }
    let error = try #require(divergence(trainer(data)))
    #expect(error.step == 1 && error.epoch == 1)
    #expect(error.description.contains("standardize"), "\(error)")
    #expect(error.description.contains("e+30"), "\(error)")
    // Standardized they are like any other.
    let mended = try trainer(data, standardize: true)
    while !mended.isFinished { try mended.trainEpoch() }
    #expect(mended.progress.history.allSatisfy { $0.elbo.isFinite })
  }

  /// A value that is planted in the data decides which step fails, and which phase.
  @Test func theStepIsTheOneThatMeetsTheRow() throws {
    for bad in [3, 50, 88] {
      let data = try table(90) { row, column in
        row == bad ? 1e25 : Double((row * 7 + column) % 5)
      }
      let trainer = try trainer(data) { $0.batchSize = 10 }
      // Without the biases at the columns' means, which know of the value.
      trainer.model.parameters.initialize(seed: 1)
      let error = try #require(divergence(trainer))
      // Where the shuffle put it.
      trainer.progress.epoch = 0
      _ = trainer.beginEpoch()
      let place = try #require(trainer.order.firstIndex(of: UInt32(bad)))
      #expect(error.step == place / 10 + 1, "\(error)")
      // Its mean is some 1e25, and squared no float.
      #expect(error.quantity == "the KL of a row", "\(error)")
    }
  }

  @Test func aRateThatIsTooHigh() throws {
    let iris = try Dataset.iris()
    let trainer = try trainer(iris, standardize: true) { $0.learningRate = 1e20 }
    let error = try #require(divergence(trainer))
    #expect(error.step <= 3, "\(error)")
    #expect(error.description.contains("Lower --learning-rate, now 1e+20"), "\(error)")
    // The trainer stands where its numbers were finite.
    #expect(trainer.model.parameters.areFinite)
    #expect(trainer.progress.step < error.step)
  }

  /// What the objective does not show: the moment of a parameter that has become infinite, in which case
  /// it would never move again; a NaN that a ReLU turns into zero.
  @Test(arguments: [ParameterAspect.values, .firstMoments, .secondMoments])
  func parametersAreLookedAt(_ aspect: ParameterAspect) throws {
    let iris = try Dataset.iris()
    let trainer = try trainer(iris, standardize: true)
    try trainer.trainEpoch()
    let slot = try #require(
      trainer.model.parameters.slots.first { $0.name == "encoder.layers.0.weight" })
    var values = try trainer.model.parameters.read(slot, aspect)
    values[5] = aspect == .values ? .nan : .infinity
    try trainer.model.parameters.write(values, to: slot, aspect)
    trainer.lastGood = nil
    #expect(throws: DivergenceError.self) { try trainer.trainEpoch() }
    do { try trainer.trainEpoch() } catch {
      let found = try #require(error as? DivergenceError)
      #expect(found.quantity.contains("encoder.layers.0"), "\(found)")
      #expect(found.step == 6)
    }
  }

  /// A gradient whose square overflows, on the way through Adam: named as what it is.
  @Test func squaresOfGradients() throws {
    // Unit variance: the gradient of a mean is the residual, some 1e19 times 30 rows / 30.
    let data = try table(90) { row, _ in 3e19 * (row % 2 == 0 ? 1 : -1) }
    let trainer = try trainer(data, likelihood: .gaussianUnit) {
      $0.learningRate = 1e-3
    }
    let error = try #require(divergence(trainer))
    #expect(error.step == 1, "\(error)")
  }

  @Test func otherInference() throws {
    let iris = try Dataset.iris()
    for inference in [Inference.svi, .semiAmortized] {
      var configuration = VAEConfiguration(
        architecture: Architecture(
          dimensions: 4, hidden: [8], latentDimensions: 2, likelihood: .gaussian))
      configuration.inference = inference
      let model = try VAE(configuration)
      try model.initialize(for: iris.rows, seed: 1)
      var training = TrainingConfiguration()
      training.inference = inference
      training.innerSteps = 2
      training.learningRate = 1e20
      let trainer = try VAETrainer(
        model, configuration: training, data: iris, heldOut: nil,
        backend: FusedBackend(threads: 1))
      let error = try #require(divergence(trainer))
      #expect(error.quantity != "the objective", "\(error)")
    }
  }

  @Test func constantColumnsAreNoTrouble() throws {
    for value in [0.0, 1e-30, 5, 1e6] {
      let data = try table(90) { row, column in column == 2 ? value : Double(row % 7) }
      for likelihood in [Likelihood.gaussian, .gaussianShared, .gaussianDiagonal, .gaussianUnit] {
        let trainer = try trainer(data, likelihood: likelihood, standardize: true)
        while !trainer.isFinished { try trainer.trainEpoch() }
        #expect(trainer.progress.history.allSatisfy { $0.elbo.isFinite }, "\(value) \(likelihood)")
      }
    }
  }

  /// Finite as doubles, not as the floats that networks take: refused before anything is trained.
  @Test(arguments: [false, true]) func valuesBeyondAFloat(_ standardize: Bool) throws {
    let data = try table(90) { row, column in
      row == 41 && column == 1 ? 1e300 : Double(row % 5)
    }
    do {
      _ = try trainer(data, standardize: standardize)
      Issue.record("accepted")
    } catch {
      let message = (error as? DataError)?.description ?? "\(error)"
      #expect(message.contains(standardize ? "column 2" : "row 42, column 2"), "\(message)")
    }
  }
}
