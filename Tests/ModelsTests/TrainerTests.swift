import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

@Suite struct TrainerTests {
  let digits = try! Dataset.digitsSplit()

  private func train(
    _ architecture: Architecture, _ data: Dataset, heldOut: Dataset? = nil,
    transform: Transform = .none, standardize: Bool = false,
    backend: any Backend = try! FusedBackend(threads: 2),
    _ change: (inout TrainingConfiguration) -> Void = { _ in }
  ) throws -> VAETrainer {
    let model = try VAE(
      VAEConfiguration(
        architecture: architecture, transform: transform,
        standardization: standardize ? Standardization(data.rows) : nil))
    try model.initialize(for: data.rows, seed: 1)
    var configuration = TrainingConfiguration()
    configuration.epochs = 5
    configuration.seed = 1
    change(&configuration)
    let trainer = try VAETrainer(
      model, configuration: configuration, data: data, heldOut: heldOut, backend: backend)
    while !trainer.isFinished { try trainer.trainEpoch() }
    return trainer
  }

  /// Whatever the model went through before.
  @Test func aTrainingBeginsAnew() throws {
    let data = digits.training.selecting(Array(0..<200))
    let architecture = Architecture(dimensions: 64, hidden: [16], latentDimensions: 2)
    let first = try train(architecture, data) { $0.epochs = 2 }
    let model = first.model
    let digest = model.parameters.digest
    let backend = try FusedBackend(threads: 2)
    func trainAgain() throws {
      let trainer = try VAETrainer(
        model, configuration: first.configuration, data: data, heldOut: nil, backend: backend)
      while !trainer.isFinished { try trainer.trainEpoch() }
    }
    try model.initialize(for: data.rows, seed: 1)
    try trainAgain()
    #expect(model.parameters.digest == digest)
    try model.initialize(for: data.rows, seed: 1)
    let workload = try StepWorkload(model, batches: model.batches(of: data), batchSize: 20)
    for _ in 0..<5 {
      workload.plan.execute(on: backend, rows: workload.nextRows(), run: workload.run)
    }
    try trainAgain()
    #expect(model.parameters.digest == digest)
    // A model from a file goes on as the one in memory does.
    try inDirectory { path in
      try model.save(to: path + "/model")
      let loaded = try VAE.load(path + "/model")
      try trainAgain()
      let trainer = try VAETrainer(
        loaded, configuration: first.configuration, data: data, heldOut: nil, backend: backend)
      while !trainer.isFinished { try trainer.trainEpoch() }
      #expect(loaded.parameters.digest == model.parameters.digest)
    }
  }

  private func inDirectory(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "/latent-trainer-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  @Test func learnsDigits() throws {
    let trainer = try train(
      Architecture(dimensions: 64, hidden: [64], latentDimensions: 5), digits.training,
      heldOut: digits.heldOut, transform: .sample
    ) { $0.epochs = 25 }
    let history = trainer.progress.history
    #expect(history.count == 25 && trainer.progress.step == 25 * 24)
    #expect(history[24].elbo > history[0].elbo + 2)
    #expect(history[24].heldOutELBO! > history[0].heldOutELBO! + 2)
  }

  /// All four backends follow the same path: they differ by rounding only.
  @Test func backendsFollowTheSamePath() throws {
    let architecture = Architecture(
      dimensions: 64, hidden: [24], latentDimensions: 3, activation: .tanh)
    let some = digits.training.selecting(Array(0..<200))
    var backends: [any Backend] = [SIMDBackend(), ReferenceBackend()]
    #if OpenBLAS
      backends.append(OpenBLASBackend())
    #endif
    let expected = try train(architecture, some, transform: .sample) { $0.epochs = 2 }
    for backend in backends {
      let found = try train(architecture, some, transform: .sample, backend: backend) {
        $0.epochs = 2
      }
      let difference = abs(found.progress.history[1].elbo - expected.progress.history[1].elbo)
      #expect(difference < 1e-3, "\(backend.name): \(difference) nats")
    }
  }

  /// Standardized iris: finite with defaults, and a learned variance beats the fixed one.
  @Test func learnedVariancesBeatTheFixedOne() throws {
    let iris = try Dataset.iris()
    func elbo(_ likelihood: Likelihood) throws -> Double {
      let architecture = Architecture(
        dimensions: 4, hidden: [32], latentDimensions: 2, likelihood: likelihood)
      let trainer = try train(architecture, iris, standardize: true) { $0.epochs = 150 }
      #expect(trainer.progress.history.allSatisfy { $0.elbo.isFinite })
      return trainer.progress.history.last!.elbo
    }
    let fixed = try elbo(.gaussianUnit)
    for likelihood in [Likelihood.gaussian, .gaussianShared, .gaussianDiagonal] {
      #expect(try elbo(likelihood) > fixed + 0.2, "\(likelihood)")
    }
  }

  @Test func patienceWaitsForTheWarmUp() throws {
    let trainer = try train(
      Architecture(dimensions: 64, hidden: [16], latentDimensions: 2),
      digits.training.selecting(Array(0..<100)), heldOut: digits.heldOut, transform: .threshold
    ) {
      $0.epochs = 60
      $0.warmUpEpochs = 20
      $0.patience = 1
      $0.learningRate = 0.02
    }
    #expect(trainer.progress.epoch > 20)
    #expect(trainer.progress.history[9].beta < 1 && trainer.progress.history[19].beta == 1)
  }

  /// With free bits above what the latents would spend, the KL's gradient is off, and they spend more.
  @Test func freeBitsKeepTheLatentsInUse() throws {
    func kl(_ freeBits: Double) throws -> Double {
      try train(
        Architecture(dimensions: 64, hidden: [16], latentDimensions: 4), digits.training,
        transform: .sample
      ) {
        $0.freeBits = freeBits
        $0.epochs = 3
      }.progress.history[2].kl
    }
    #expect(try kl(2) > kl(0) + 1)
  }

  @Test func stopsAtTheFirstNumberThatIsNotFinite() throws {
    #expect(throws: DivergenceError.self) {
      try train(
        Architecture(dimensions: 64, hidden: [16, 16], latentDimensions: 2, likelihood: .gaussian),
        digits.training
      ) { $0.learningRate = 1e30 }
    }
  }

  /// Steps compute in float: what is 0, 1 or infinite there is refused.
  @Test(
    arguments: [
      (\TrainingConfiguration.learningRate, 1e-60, "The learning rate"),
      (\.learningRate, 1e60, "The learning rate"), (\.epsilon, 1e-300, "Adam's epsilon"),
      (\.beta, 1e300, "Beta"), (\.freeBits, 1e300, "Free bits"),
      (\.beta1, 1 - 1e-12, "Adam's beta 1"), (\.beta2, 1 - 1e-12, "Adam's beta 2"),
    ] as [(WritableKeyPath<TrainingConfiguration, Double> & Sendable, Double, String)])
  func settingsThatNoFloatHolds(
    _ setting: WritableKeyPath<TrainingConfiguration, Double> & Sendable, _ value: Double,
    _ name: String
  ) throws {
    var configuration = TrainingConfiguration()
    try configuration.validate()
    configuration[keyPath: setting] = value
    do {
      try configuration.validate()
      Issue.record("no error")
    } catch {
      #expect("\(error)".hasPrefix("\(name) must be ") && "\(error)".hasSuffix("found \(value)."))
    }
  }

  @Test func schedulesAreExact() {
    var configuration = TrainingConfiguration()
    configuration.epochs = 8
    configuration.learningRate = 1
    func rates(_ schedule: TrainingConfiguration.Schedule) -> [Double] {
      configuration.schedule = schedule
      return (0..<8).map(configuration.learningRate(epoch:))
    }
    #expect(rates(.constant) == [1, 1, 1, 1, 1, 1, 1, 1])
    #expect(rates(.linear) == [1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125])
    #expect([8, 9, 1000].map { configuration.learningRate(epoch: $0) } == [0, 0, 0])
    let stages = rates(.stages)
    #expect(stages[0] == 1 && Set(stages[1...3]).count == 1 && Set(stages[4...7]).count == 1)
    for (i, rate) in TrainingProtocol.IWAE2016.rates.enumerated() {
      #expect(abs(rate - pow(10, -Double(i) / 7)) < 1e-15)
    }
    #expect(
      (1...8).map(TrainingProtocol.IWAE2016.epochs(stages:)).suffix(3) == [364, 1093, 3280])
    #expect(rates(.halving) == [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.125])
  }
}
