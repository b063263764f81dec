import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Models and checkpoints of variational autoencoders in files: whole, damaged, and others'.
@Suite struct ModelFileTests {
  private func inDirectory(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "/latent-models-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private let data: Dataset = {
    let values = (0..<24).map { Float($0 * 7 % 11) / 10 }
    return try! Dataset(
      name: "x", rows: Rows(Matrix(rows: 8, columns: 3, values: values)))
  }()

  private func trainer(
    hidden: [Int] = [4], likelihood: Likelihood = .gaussian,
    _ change: (inout TrainingConfiguration, inout VAEConfiguration) -> Void = { _, _ in },
    rows: Dataset? = nil
  ) throws -> VAETrainer {
    var configuration = VAEConfiguration(
      architecture: Architecture(
        dimensions: 3, hidden: hidden, latentDimensions: 2, likelihood: likelihood))
    var training = TrainingConfiguration()
    training.batchSize = 4
    change(&training, &configuration)
    let model = try VAE(configuration)
    model.parameters.initialize(seed: 3)
    return try VAETrainer(
      model, configuration: training, data: rows ?? data, heldOut: nil, backend: ReferenceBackend())
  }

  private func message(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "no error"
  }

  @Test func modelsComeBackWhole() throws {
    try inDirectory { directory in
      for likelihood in Likelihood.allCases {
        let model = try trainer(likelihood: likelihood).model
        let path = directory + "/model"
        try model.save(to: path)
        let loaded = try VAE.load(path)
        #expect(loaded.configuration == model.configuration)
        #expect(loaded.parameters.digest == model.parameters.digest)
      }
    }
  }

  @Test func damagedModelsAreRefused() throws {
    try inDirectory { directory in
      let path = directory + "/model"
      try trainer().model.save(to: path)
      let whole = try TensorFile(contentsOf: path)
      func refusal(_ change: (inout TensorFile) throws -> Void) throws -> String {
        var file = whole
        try change(&file)
        return message { _ = try VAE.load(file, path: "x") }
      }
      #expect(try refusal { $0.metadata["format"] = nil }.contains("name no format"))
      #expect(try refusal { $0.metadata["version"] = nil }.contains("its version is none"))
      #expect(try refusal { $0.metadata["version"] = "2" }.contains("its version is \"2\""))
      #expect(try refusal { $0.metadata["configuration"] = nil }.contains("lack \"configuration\""))
      #expect(try refusal { $0.metadata["configuration"] = "{" }.contains("cannot be read"))
      #expect(
        try refusal {
          $0.tensors["other"] = $0.tensors.removeValue(forKey: "encoder.mean.bias")
        }.contains("tensor encoder.mean.bias is missing"))
      #expect(
        try refusal { $0.tensors["encoder.mean.bias"] = Tensor([Float](repeating: 0, count: 9)) }
          .contains("must be float32 of shape [2], found shape [9]"))
      #expect(
        try refusal {
          $0.tensors["other"] = Tensor([Float](repeating: 0, count: 9))
          $0.tensors["encoder.mean.bias"] = Tensor([0.0, 0])
        }.contains("must be float32"))
      #expect(
        try refusal { $0.tensors = $0.tensors.filter { $0.key.hasPrefix("encoder.mean") } }
          .contains("more parameters than the file"))
    }
  }

  @Test func checkpointsAreOfOneRun() throws {
    try inDirectory { directory in
      let path = directory + "/checkpoint"
      let first = try trainer()
      _ = try first.trainEpoch()
      try first.saveCheckpoint(to: path)
      let saved = try SavedRun(checkpoint: path)
      #expect(saved.progress == first.progress && saved.training == first.configuration)

      let again = try trainer()
      try again.restore(from: path)
      #expect(try again.trainEpoch() == first.trainEpoch())
      #expect(again.model.parameters.digest == first.model.parameters.digest)

      func refusal(_ other: VAETrainer) -> String { message { try other.restore(from: path) } }
      #expect(refusal(try trainer(hidden: [5])).contains("of a 3-4-2"))
      #expect(refusal(try trainer { $1.columnNames = ["a", "b", "c"] }).contains("differently"))
      #expect(
        refusal(try trainer { training, _ in training.beta = 2 }).contains("beta 1.0, now 2.0"))
      let semi = try trainer {
        $0.inference = .semiAmortized
        $1.inference = .semiAmortized
      }
      #expect(refusal(semi).contains("amortized inference, now"))
      let fewer = data.selecting([0, 1, 2, 3])
      #expect(refusal(try trainer(rows: fewer)).contains("on other rows"))
      // More epochs at a constant rate are no other training, but are along a line.
      #expect(refusal(try trainer { training, _ in training.epochs = 99 }) == "no error")
      #expect(
        refusal(try trainer { training, _ in training.schedule = .linear }).contains("schedule"))
    }
  }

  @Test func settingsThatDecideBits() {
    var (was, now) = (TrainingConfiguration(), TrainingConfiguration())
    now.epochs += 1
    #expect(was.difference(from: now) == nil)
    for schedule in [TrainingConfiguration.Schedule.linear, .halving] {
      (was.schedule, now.schedule) = (schedule, schedule)
      #expect(was.difference(from: now)?.hasPrefix("epochs") == true)
    }
    (was.schedule, now.schedule) = (.stages, .stages)
    #expect(was.difference(from: now) == nil)
    now.innerSteps += 1
    #expect(was.difference(from: now) == nil)
    (was.inference, now.inference) = (.svi, .svi)
    #expect(was.difference(from: now)?.hasPrefix("inner steps") == true)
  }

  /// Posteriors lie beside the checkpoint that names their moment; those of the one before go.
  @Test func checkpointsKeepTheirPosteriors() throws {
    try inDirectory { directory in
      let path = directory + "/checkpoint.safetensors"
      func make() throws -> VAETrainer {
        try trainer {
          $0.inference = .svi
          $0.innerSteps = 2
          $1.inference = .svi
        }
      }
      func posteriors() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
          .filter { $0 != "checkpoint.safetensors" }
      }
      let first = try make()
      _ = try first.trainEpoch()
      try first.saveCheckpoint(to: path)
      #expect(try posteriors() == ["posteriors-1.npy"])
      #expect(try first.trainEpoch(stopping: { true }) == nil)
      try first.saveCheckpoint(to: path)
      #expect(try posteriors() == ["posteriors-1-4.npy"])

      let again = try make()
      try again.restore(from: path)
      #expect(try again.trainEpoch() == first.trainEpoch())
      try FileManager.default.removeItem(atPath: directory + "/posteriors-1-4.npy")
      #expect(message { try make().restore(from: path) }.contains("posteriors-1-4.npy"))
    }
  }

  /// Checkpoints of one directory, each with posteriors of its own.
  @Test func checkpointsSideBySide() throws {
    try inDirectory { directory in
      func make(_ seed: UInt64) throws -> VAETrainer {
        try trainer {
          ($0.inference, $0.innerSteps, $0.seed) = (.svi, 2, seed)
          $1.inference = .svi
        }
      }
      let (a, b) = (try make(1), try make(2))
      for trainer in [a, b] { try trainer.trainEpoch() }
      try a.saveCheckpoint(to: directory + "/a")
      try b.saveCheckpoint(to: directory + "/b")
      let names = ["epoch1.safetensors", "checkpoint.1.safetensors", "checkpoint.safetensors"]
      for name in names { try a.saveCheckpoint(to: directory + "/" + name) }
      try a.trainEpoch()
      for name in ["epoch2.safetensors", "checkpoint.2.safetensors"] {
        try a.saveCheckpoint(to: directory + "/" + name)
      }
      // As an earlier version named them.
      try FileManager.default.removeItem(atPath: directory + "/epoch1.safetensors.posteriors-1.npy")
      for name in ["a"] + names {
        let restored = try make(1)
        try restored.restore(from: directory + "/" + name)
        try restored.trainEpoch()
        #expect(restored.model.parameters.digest == a.model.parameters.digest)
        try #expect(restored.posteriors!.read([0, 7]) == a.posteriors!.read([0, 7]))
      }
    }
  }

  /// What is fitted beside the parameters decides nothing of the training.
  @Test func checkpointsAndCodes() throws {
    try inDirectory { directory in
      func make() throws -> VAETrainer {
        let configuration = VAEConfiguration(
          architecture: Architecture(
            dimensions: 3, hidden: [4], latentDimensions: 2, likelihood: .gaussian,
            posterior: .point))
        let model = try VAE(configuration)
        model.parameters.initialize(seed: 3)
        return try VAETrainer(
          model, configuration: TrainingConfiguration(), data: data, heldOut: nil,
          backend: ReferenceBackend())
      }
      let first = try make()
      try first.trainEpoch()
      try first.saveCheckpoint(to: directory + "/before")
      try first.model.fitCodes(to: data, backend: ReferenceBackend())
      #expect(first.model.configuration.codes != nil)
      try first.restore(from: directory + "/before")
      #expect(first.model.configuration.codes == nil)
      try first.saveCheckpoint(to: directory + "/after")
      let second = try make()
      try second.restore(from: directory + "/after")
      #expect(try second.trainEpoch() == first.trainEpoch())
    }
  }

  /// No file of ours holds them.
  @Test func parametersThatAreNoNumbers() throws {
    try inDirectory { directory in
      for value in [Float.nan, .infinity] {
        let model = try trainer().model
        let slot = model.parameters.slots[1]
        try model.parameters.write([Float](repeating: value, count: slot.count), to: slot)
        try model.save(to: directory + "/model")
        #expect(
          message { _ = try VAE.load(directory + "/model") }.contains(
            "\(slot.name) has values that are not finite"))
      }
    }
  }

  #if OpenBLAS
    @Test func damagedMixturesAreRefused() throws {
      func refusal(_ metadata: [String: String], _ tensors: [String: Tensor] = [:]) -> String {
        message {
          _ = try GaussianMixture(TensorFile(metadata: metadata, tensors: tensors), name: "x")
        }
      }
      var metadata: [String: String] = [:]
      #expect(refusal(metadata).contains("found no model that Latent wrote"))
      metadata["latent.model"] = "mixture"
      #expect(refusal(metadata).contains("format version 1, found none"))
      metadata["latent.version"] = "1"
      #expect(refusal(metadata).contains("covariances, found none"))
      metadata["latent.covariance"] = "factorAnalytic"
      let loadings = try Tensor(shape: [1, 2, 1], values: .float64([1, 1]))
      let uniquenesses = Tensor(Matrix<Double>(rows: 2, columns: 2, repeating: 1))
      #expect(
        refusal(metadata, ["loadings": loadings, "uniquenesses": uniquenesses])
          .contains("do not fit together"))
    }
  #endif

  @Test func factorsAreAsManyAsConfigured() throws {
    var file = TensorFile(metadata: FileKind.factorAnalysis.metadata)
    file.tensors["mean"] = Tensor([0.0, 0])
    file.tensors["loadings"] = try Tensor(shape: [2, 1], values: .float64([1, 1]))
    try file.encode(FactorConfiguration(factors: 2), as: "configuration")
    #expect(
      message { _ = try FactorAnalysis.load(file, path: "x") }.contains(
        "1 columns, its configuration 2")
    )
  }
}
