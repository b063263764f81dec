import LatentKernels
import LatentNetworks

@testable import LatentIO
@testable import LatentModels

/// Files that the JSON of a fuzzed one is put into.
enum Fixtures {
  /// A 2-2-1 model, all parameters zero.
  static let model: TensorFile = {
    var file = TensorFile(metadata: FileKind.vae.metadata)
    for slot in trainer.model.parameters.slots {
      file.tensors[slot.name] = Tensor(
        unchecked: slot.shape, .float32([Float](repeating: 0, count: slot.count)))
    }
    return file
  }()

  /// A checkpoint of ``trainer``, all zero.
  static let checkpoint: TensorFile = {
    var file = model
    file.metadata.merge(FileKind.vaeCheckpoint.metadata) { $1 }
    file.metadata["data"] = trainer.dataFingerprint
    for (name, tensor) in model.tensors {
      file.tensors[name + ".firstMoment"] = tensor
      file.tensors[name + ".secondMoment"] = tensor
    }
    try! file.encode(trainer.model.configuration, as: "configuration")
    try! file.encode(trainer.configuration, as: "training")
    try! file.encode(trainer.progress, as: "progress")
    return file
  }()

  static let backend = try! FusedBackend(threads: 1)

  /// What takes checkpoints up.
  nonisolated(unsafe) static let trainer: VAETrainer = {
    var settings = TrainingConfiguration()
    settings.batchSize = 2
    let architecture = Architecture(
      dimensions: 2, hidden: [2], latentDimensions: 1, likelihood: .gaussian)
    let rows = try! Matrix<Float>(rows: 3, columns: 2, values: [1, 2, 4, 3, 2, 5])
    return try! VAETrainer(
      VAE(VAEConfiguration(architecture: architecture)), configuration: settings,
      data: Dataset(name: "x", rows: Rows(rows)), heldOut: nil, backend: ReferenceBackend())
  }()
}
