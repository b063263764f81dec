import LatentModels
import LatentReport

/// What a fit ends with; the metrics are those of the epoch that the saved model is of.
struct FitResult: Encodable {
  /// What stands under "elbo" and "heldOutELBO"; absent for a deterministic autoencoder, whose log p(x|z)
  /// stands there.
  var bound: String?
  var elbo, reconstruction, kl: Double
  var heldOutELBO, heldOutReconstruction, heldOutKL: Double?
  var epochs: Int
  var modelEpoch: Int
  var digest: String
  var seconds: Double
  var rowsPerSecond: Double?
  var threads: Int?
  /// Processes that trained together, and the bytes a step that rank 0 handed to MPI; absent for one.
  var ranks: Int?
  var messageBytesPerStep: Double?
  var instructionSet: String?
  var backend: String
  var architecture: String
  var likelihood: String
  var parameters: Int
  var data: String
  var output: String
  var notes: [String]

  init(_ run: VAERun, model: VAE, settings: VAESettings, progress: EpochProgress) {
    let metrics = run.trainer.progress.history[run.modelEpoch - 1]
    (elbo, reconstruction, kl) = (metrics.elbo, metrics.reconstruction, metrics.kl)
    heldOutELBO = metrics.heldOutELBO
    heldOutReconstruction = metrics.heldOutReconstruction
    heldOutKL = metrics.heldOutKL
    bound = model.isDeterministic ? nil : run.trainer.configuration.boundName
    epochs = run.trainer.progress.epoch
    modelEpoch = run.modelEpoch
    digest = model.parameters.digest
    seconds = progress.seconds
    rowsPerSecond = progress.rowsPerSecond
    if run.trainer.communicator.size > 1 { ranks = run.trainer.communicator.size }
    messageBytesPerStep = progress.messageBytesPerStep
    backend = run.trainer.backend.name
    (threads, instructionSet) = run.trainer.backend.hardware
    architecture = model.architecture.description
    likelihood = model.architecture.likelihood.rawValue
    parameters = model.parameters.learnedCount
    data = settings.data.source
    output = run.directory.path
    notes = settings.notes
  }

  var summary: String {
    guard let bound else {
      let score =
        heldOutReconstruction.map { "held-out log p(x|z) \(decimal($0, 3)), training " }
        ?? "log p(x|z) "
      return """
        \(score)\(decimal(reconstruction, 3)) nats after epoch \(modelEpoch) of \(epochs), \
        \(decimal(seconds, 1)) s
        \(output)
        """
    }
    let score =
      heldOutELBO.map {
        "held-out \(bound) \(decimal($0, 3)), training \(bound) \(decimal(elbo, 3)) nats"
      } ?? "\(bound) \(decimal(elbo, 3)) nats"
    return """
      \(score) after epoch \(modelEpoch) of \(epochs), \(decimal(seconds, 1)) s
      \(output)
      """
  }
}
