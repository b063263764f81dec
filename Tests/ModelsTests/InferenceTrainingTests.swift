import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Training with variational parameters that gradient steps find.
@Suite struct InferenceTrainingTests {
  let digits = try! Dataset.digitsSplit()
  let backend = try! FusedBackend(threads: 2)
  let place = NSTemporaryDirectory() + "latent-\(UUID().uuidString)"

  private func makeTrainer(
    _ inference: Inference, epochs: Int, rows: Int = 96, posteriorsPath: String? = nil,
    objective: Objective = .elbo
  ) throws -> VAETrainer {
    let data = digits.training.selecting(Array(0..<rows))
    var configuration = VAEConfiguration(
      architecture: Architecture(dimensions: 64, hidden: [32], latentDimensions: 4),
      transform: .sample)
    var training = TrainingConfiguration()
    training.epochs = epochs
    training.batchSize = 32
    training.seed = 6
    training.inference = inference
    training.innerSteps = 5
    training.objective = objective
    if objective.isImportanceWeighted { training.samples = 3 }
    training.learningRate = 5e-3
    if inference != .amortized { configuration.inference = inference }
    let model = try VAE(configuration)
    try model.initialize(for: data.rows, seed: 6)
    return try VAETrainer(
      model, configuration: training, data: data,
      heldOut: digits.heldOut.selecting(Array(0..<40)), backend: backend,
      posteriorsPath: posteriorsPath)
  }

  private func train(_ trainer: VAETrainer, until epoch: Int) throws {
    while trainer.progress.epoch < epoch { try trainer.trainEpoch() }
  }

  /// Better posteriors make a better decoder of the same number of steps.
  @Test(arguments: [Inference.svi, .semiAmortized])
  func learns(_ inference: Inference) throws {
    let (amortized, trainer) = try (
      makeTrainer(.amortized, epochs: 15, rows: 320), makeTrainer(inference, epochs: 15, rows: 320)
    )
    try train(amortized, until: 15)
    try train(trainer, until: 15)
    let history = trainer.progress.history
    #expect(history[14].elbo > amortized.progress.history[14].elbo)
    #expect(history[14].heldOutELBO! > amortized.progress.history[14].heldOutELBO!)
    #expect(history[14].heldOutELBO! > history[0].heldOutELBO! + 0.5)
    // The verbs find posteriors in the model's own way.
    let batches = try trainer.model.batches(of: digits.heldOut.selecting(Array(0..<20)))
    let score = try trainer.model.scoreSamples(batches, backend: backend).mean
    #expect(score.elbo > history[14].heldOutELBO! - 3)
    #expect(try trainer.model.transform(batches, backend: backend).mean.rows == 20)
  }

  /// Parameters in a file are those in memory, and a restored trainer goes on with the same bits.
  @Test func posteriorsOnDiskHaveTheSameBits() throws {
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: place) }
    let inMemory = try makeTrainer(.svi, epochs: 4)
    try train(inMemory, until: 4)
    let onDisk = try makeTrainer(.svi, epochs: 4, posteriorsPath: place + "/posteriors")
    try train(onDisk, until: 2)
    #expect(try FileManager.default.contentsOfDirectory(atPath: place) == [])
    try onDisk.saveCheckpoint(to: place + "/checkpoint.safetensors")
    try train(onDisk, until: 4)
    #expect(onDisk.model.parameters.digest == inMemory.model.parameters.digest)
    #expect(onDisk.progress == inMemory.progress)

    let resumed = try makeTrainer(.svi, epochs: 4, posteriorsPath: place + "/posteriors")
    try resumed.restore(from: place + "/checkpoint.safetensors")
    #expect(resumed.progress.epoch == 2)
    try train(resumed, until: 4)
    #expect(resumed.model.parameters.digest == inMemory.model.parameters.digest)
    try resumed.saveCheckpoint(to: place + "/checkpoint.safetensors")
    let files = Set(try FileManager.default.contentsOfDirectory(atPath: place))
    #expect(files == ["checkpoint.safetensors", "posteriors-4.npy"])
    let rows = Array(0..<136)
    try #expect(resumed.posteriors!.read(rows) == inMemory.posteriors!.read(rows))
  }

  /// Stopped after any step and restored, it ends as if it had not been: the epoch's figures, too.
  @Test(arguments: [Inference.amortized, .svi, .semiAmortized], [Objective.elbo, .iwae])
  func aStoppedEpochGoesOn(_ inference: Inference, _ objective: Objective) throws {
    guard inference == .amortized || objective == .elbo else { return }
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: place) }
    func makeTrainer() throws -> VAETrainer {
      try self.makeTrainer(inference, epochs: 2, objective: objective)
    }
    let whole = try makeTrainer()
    try train(whole, until: 2)
    for stop in 1...6 {
      let path = place + "/checkpoint-\(stop).safetensors"
      let stopped = try makeTrainer()
      // An epoch is three steps; after its last one there is nothing to stop.
      while try stopped.trainEpoch(stopping: { stopped.progress.step == stop }) != nil,
        !stopped.isFinished
      {}
      #expect((stopped.progress.partial == nil) == (stop % 3 == 0))
      try stopped.saveCheckpoint(to: path)
      let resumed = try makeTrainer()
      try resumed.restore(from: path)
      #expect(resumed.progress == stopped.progress)
      while !resumed.isFinished { try resumed.trainEpoch() }
      #expect(resumed.model.parameters.digest == whole.model.parameters.digest)
      #expect(resumed.progress == whole.progress)
    }
  }

  @Test func refusesOtherInference() throws {
    let model = try VAE(
      VAEConfiguration(
        architecture: Architecture(dimensions: 64, hidden: [8], latentDimensions: 2),
        transform: .threshold))
    var training = TrainingConfiguration()
    training.inference = .svi
    #expect(throws: SettingError.self) {
      try VAETrainer(
        model, configuration: training, data: digits.training, heldOut: nil, backend: backend)
    }
    #expect(throws: FileError.self) {
      try makeTrainer(.svi, epochs: 1, posteriorsPath: "/nowhere/at/all")
    }
  }
}
