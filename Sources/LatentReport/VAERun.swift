import LatentIO
import LatentKernels
import LatentModels

/// Trains a variational autoencoder into a run directory, so that a run killed at any instant and
/// resumed ends with the same bytes as one that was never stopped.
public final class VAERun {
  /// What is trained.
  public let trainer: VAETrainer
  /// Where files go.
  public let directory: RunDirectory
  private let checkpointEvery: Int
  private let isWriter: Bool

  /// Goes on from the directory's checkpoint where there is one.
  ///
  /// - Parameter checkpointEvery: epochs from one checkpoint to the next.
  /// - Throws: ``SettingError`` unless `checkpointEvery` is at least 1; what reading the checkpoint throws.
  public init(_ trainer: VAETrainer, in directory: RunDirectory, checkpointEvery: Int) throws {
    guard checkpointEvery > 0 else {
      throw SettingError(
        "The number of epochs between checkpoints must be at least 1, found \(checkpointEvery).")
    }
    self.trainer = trainer
    self.directory = directory
    self.checkpointEvery = checkpointEvery
    // Only rank 0 need see the directory.
    isWriter = trainer.communicator.rank == 0
    if try trainer.communicator.all(!isWriter || directory.hasCheckpoint) {
      try trainer.restore(from: directory.checkpoint)
    }
  }

  private var keepsBest: Bool { trainer.configuration.patience > 0 }

  /// The epoch that the saved model is of.
  public var modelEpoch: Int { keepsBest ? trainer.progress.bestEpoch : trainer.progress.epoch }

  /// Trains until all epochs are done, patience has run out, or it is asked to stop.
  ///
  /// - Parameters:
  ///   - stopping: asked between steps; then the model as it stands and a checkpoint are written, with
  ///     which a resumed run ends with the same bits.
  ///   - onStep: called after each step with the rows done so far.
  ///   - onEpoch: called after each epoch, when its files are written.
  /// - Returns: false where it was stopped.
  @discardableResult
  public func train(
    stopping: () -> Bool = { false }, onStep: (Int) -> Void = { _ in },
    onEpoch: (EpochMetrics) -> Void = { _ in }
  ) throws -> Bool {
    while !trainer.isFinished {
      guard let metrics = try trainer.trainEpoch(stopping: stopping, onStep: onStep) else {
        try saveCheckpoint()
        return false
      }
      // The best model goes before the checkpoint that knows of it: after a kill in between, the
      // resumed run trains this epoch again and writes the same model.
      if isWriter && keepsBest && trainer.isBest { try trainer.model.save(to: directory.model) }
      let isStopped = try trainer.anyStops(stopping())
      if trainer.progress.epoch % checkpointEvery == 0 || trainer.isFinished || isStopped {
        try saveCheckpoint()
      }
      if isWriter { try directory.write(metrics: trainer.progress.history) }
      // However long that took.
      try trainer.communicator.barrier()
      onEpoch(metrics)
      if isStopped { return false }
    }
    return true
  }

  private func saveCheckpoint() throws {
    guard isWriter else { return }
    if !keepsBest { try trainer.model.save(to: directory.model) }
    try trainer.saveCheckpoint(to: directory.checkpoint)
  }

  /// Writes the model and, for images, the pictures; `examples` are reconstructed.
  ///
  /// - Parameters:
  ///   - training: where the codes of a deterministic autoencoder are found to lie.
  ///   - other: a model whose samples are shown beside this one's.
  /// - Returns: the model that was written.
  /// - Throws: ``FileError``, and what the pictures throw.
  public func finish(
    examples: Dataset, training: Dataset? = nil, beside other: VAE? = nil
  ) throws -> VAE {
    try directory.write(metrics: trainer.progress.history)
    if !keepsBest { try trainer.model.save(to: directory.model) }
    let model =
      keepsBest || trainer.model.isDeterministic ? try VAE.load(directory.model) : trainer.model
    if let training, model.isDeterministic {
      try model.fitCodes(to: training, backend: trainer.backend)
      try model.save(to: directory.model)
    }
    if let pictures = VAEPictures(model, backend: trainer.backend) {
      try PNG.write(pictures.reconstructions(of: examples), to: directory.reconstructions)
      try PNG.write(
        pictures.samples(seed: trainer.configuration.seed), to: directory.samples)
      if let other {
        try PNG.write(
          pictures.samples(beside: other, seed: trainer.configuration.seed), to: directory.beside)
      }
      if let manifold = try pictures.manifold() {
        try PNG.write(manifold, to: directory.manifold)
      }
    }
    return model
  }
}
