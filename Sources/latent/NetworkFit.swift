import ArgumentParser
import Foundation
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

/// What `fit vae` and `fit autoencoder` have in common: checks, a run directory, epochs, results.
struct NetworkFit {
  /// "vae" or "autoencoder".
  var name: String
  var data: FitDataOptions
  var training: TrainingOptions
  var bound: BoundOptions?
  var compute: ComputeOptions
  var output, resume: String?
  var checkpointEvery: Int
  var posteriorsOnDisk = false
  /// A model to show beside this one.
  var beside: SavedModel?
  /// Whether TensorBoard's event files are wanted, too.
  var tensorboard = false
  var json, quiet: Bool
  /// The model's settings from data and, where a run is resumed, its own.
  var chooseModel: (Dataset, VAESettings.Model?) throws -> VAESettings.Model

  func run() throws {
    let (run, settings, data) = try prepare()
    let examples = data.heldOut ?? data.training
    let progress = EpochProgress(run.trainer, noun: examples.noun, quiet: quiet)
    progress.announce(settings, examples: examples)
    do {
      let interruption = Interruption()
      let isDone = try run.train(
        stopping: { interruption.signal != nil }, onStep: progress.step, onEpoch: progress.finish)
      if !isDone, let signal = interruption.signal {
        progress.clear()
        printError(
          "stopped by a signal after step \(grouped(run.trainer.progress.step)); go on with: "
            + "latent fit \(name) --resume \(run.directory.path)")
        throw ExitCode(128 + signal)
      }
    } catch {
      progress.clear()
      if !run.directory.hasCheckpoint { run.directory.remove() }
      throw error
    }
    let model = try run.finish(
      examples: examples, training: data.training, beside: beside?.model)
    try writeReport(run, model: model, settings: settings, examples: examples)
    let result = FitResult(run, model: model, settings: settings, progress: progress)
    try json ? printJSON(result) : print(result.summary)
  }

  private func writeReport(
    _ run: VAERun, model: VAE, settings: VAESettings, examples: Dataset
  ) throws {
    let history = run.trainer.progress.history
    let sections = try VAEReport(
      model, history: history, modelEpoch: run.modelEpoch, directory: run.directory,
      examples: examples, backend: run.trainer.backend
    ).sections
    let architecture = model.architecture
    let title = name == "vae" ? "Variational autoencoder" : "Autoencoder"
    try ReportPage(
      "\(title) on \(settings.data.shortName)",
      subtitle: "\(architecture.description) \(architecture.activation.rawValue), "
        + "\(architecture.likelihood.rawValue) likelihood, "
        + "\(grouped(model.parameters.learnedCount)) parameters; Latent \(Latent.version)",
      sections: sections + [
        .settings(settings.pairs),
        .repeating(settings.repetition, digest: model.parameters.digest),
      ]
    ).write(to: run.directory.report)
    if tensorboard { try run.directory.writeEvents(history) }
  }

  /// Checks everything; only then makes the directory.
  private func prepare() throws -> (
    VAERun, VAESettings, data: (training: Dataset, heldOut: Dataset?)
  ) {
    guard checkpointEvery > 0 else {
      throw SettingError("--checkpoint-every must be at least 1, found \(checkpointEvery).")
    }
    guard resume == nil || output == nil else {
      throw SettingError("A resumed run stays in its directory; drop --output.")
    }
    let resumed = try resume.map { try RunDirectory.resume($0) }
    let saved = try resumed?.readConfiguration(VAESettings.self)
    guard saved == nil || saved!.command == "fit \(name)" else {
      throw SettingError(
        "\(resumed!.path) was begun with \(saved!.command); resume it with that.")
    }
    if let output { try RunDirectory.checkFree(output) }
    let settings: VAESettings
    let (rows, heldOut, network, trainer): (Dataset, Dataset?, VAE, VAETrainer?)
    (settings, rows, heldOut, network) = try build(resuming: saved)
    let backend = try compute.makeBackend(default: settings.backend)
    guard !posteriorsOnDisk || settings.training.inference == .svi else {
      throw SettingError("--posteriors-on-disk needs --inference svi; other kinds keep none.")
    }
    network.initialize(for: rows.rows, seed: settings.training.seed)
    func makeTrainer(in directory: RunDirectory?) throws -> VAETrainer {
      try VAETrainer(
        network, configuration: settings.training, data: rows, heldOut: heldOut, backend: backend,
        posteriorsPath: directory.map { "\($0.path)/.latent-posteriors-\(getpid()).tmp" })
    }
    // A file of posteriors needs the directory, everything else is checked before there is one.
    trainer = try posteriorsOnDisk ? nil : makeTrainer(in: nil)
    let path = output ?? RunDirectory.nextName("runs/\(name)-\(settings.data.shortName)-")
    let directory = try resumed ?? RunDirectory.create(path)
    do {
      let run = try VAERun(
        trainer ?? makeTrainer(in: directory), in: directory, checkpointEvery: checkpointEvery)
      try directory.write(configuration: settings)
      directory.removeLeftovers()
      return (run, settings, (rows, heldOut))
    } catch {
      if resumed == nil { directory.remove() }
      throw error
    }
  }

  private func build(
    resuming saved: VAESettings?
  ) throws -> (VAESettings, training: Dataset, heldOut: Dataset?, VAE) {
    let source = try VAESettings.data(data, resuming: saved?.data)
    guard name == "vae" || source.missing != true else {
      throw SettingError(
        "A deterministic autoencoder has no bound over what was observed; drop --missing.")
    }
    var chosen: VAESettings.Model?
    let seed = training.seed ?? saved?.training.seed ?? 0
    let (rows, heldOut) = try source.load(seed: seed) { data in
      let choice = try chosen ?? chooseModel(data, saved?.model)
      chosen = choice
      try VAEConfiguration(choice, for: data).validateRange(of: data)
    }
    let backend = compute.backend ?? saved?.backend ?? .fused
    if let saved, saved.backend != backend {
      throw SettingError(
        "The run was trained with the \(saved.backend.rawValue) backend, now \(backend.rawValue): "
          + "other bits; resume with the same one.")
    }
    let settings = VAESettings(
      command: "fit \(name)", backend: backend, data: source, model: chosen!,
      training: try VAESettings.training(
        training, bound, rows: rows.rows.count, resuming: saved?.training),
      notes: VAESettings.notes(chosen!, for: rows))
    let configuration = VAEConfiguration(
      chosen!, for: rows, training: settings.training,
      missing: source.missing ?? false)
    return (settings, rows, heldOut, try VAE(configuration))
  }
}
