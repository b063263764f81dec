import ArgumentParser
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

struct FitVAE: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vae",
    abstract: "Fit a variational autoencoder.",
    discussion: """
      Without options: handwritten digits that ship with the program. Writes model.safetensors, \
      checkpoint.safetensors, config.json, metrics.csv, report.html and, for images, pictures.
      """)

  @OptionGroup(title: "Data") var data: FitDataOptions
  @OptionGroup(title: "Model") var model: VAEModelOptions
  @OptionGroup(title: "Training") var training: TrainingOptions
  @OptionGroup(title: "Computing") var compute: ComputeOptions

  @Option(
    help: ArgumentHelp("The run directory. (default: runs/vae-<data>-<n>)", valueName: "directory"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Go on with the run in this directory, its options included.", valueName: "directory"))
  var resume: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Epochs from one checkpoint to the next.", valueName: "epochs"))
  var checkpointEvery = 1

  @Flag(help: "Write the curves for TensorBoard, too: a directory tensorboard in the run's.")
  var tensorboard = false

  @Flag(help: "Print one JSON object on standard output.") var json = false
  @Flag(help: "No progress on standard error.") var quiet = false

  func run() throws {
    let (run, settings, examples) = try prepare()
    let progress = EpochProgress(run.trainer, noun: examples.noun, quiet: quiet)
    progress.announce(settings, examples: examples)
    do {
      try run.train(onStep: progress.step, onEpoch: progress.finish)
    } catch {
      progress.clear()
      if !run.directory.hasCheckpoint { run.directory.remove() }
      throw error
    }
    let model = try run.finish(examples: examples)
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
    try ReportPage(
      "Variational autoencoder on \(settings.data.shortName)",
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
  private func prepare() throws -> (VAERun, VAESettings, examples: Dataset) {
    guard checkpointEvery > 0 else {
      throw SettingError("--checkpoint-every must be at least 1, found \(checkpointEvery).")
    }
    guard resume == nil || output == nil else {
      throw SettingError("A resumed run stays in its directory; drop --output.")
    }
    let resumed = try resume.map { try RunDirectory.open($0) }
    let saved = try resumed?.readConfiguration(VAESettings.self)
    if let output { try RunDirectory.checkFree(output) }
    let settings: VAESettings
    let (rows, heldOut, network, trainer): (Dataset, Dataset?, VAE, VAETrainer)
    (settings, rows, heldOut, network) = try build(resuming: saved)
    let backend = try compute.makeBackend(default: settings.backend)
    trainer = try VAETrainer(
      network, configuration: settings.training, data: rows, heldOut: heldOut, backend: backend)
    network.initialize(for: rows.rows, seed: settings.training.seed)
    let path = output ?? RunDirectory.nextName("runs/vae-\(settings.data.shortName)-")
    let directory = try resumed ?? RunDirectory.create(path)
    let run = try VAERun(trainer, in: directory, checkpointEvery: checkpointEvery)
    do {
      try directory.write(configuration: settings)
      directory.removeLeftovers()
    } catch {
      if resumed == nil { directory.remove() }
      throw error
    }
    return (run, settings, heldOut ?? rows)
  }

  private func build(
    resuming saved: VAESettings?
  ) throws -> (VAESettings, training: Dataset, heldOut: Dataset?, VAE) {
    let source = try VAESettings.data(data, resuming: saved?.data)
    var chosen: VAESettings.Model?
    let seed = training.seed ?? saved?.training.seed ?? 0
    let (rows, heldOut) = try source.load(seed: seed) { data in
      let choice = try chosen ?? VAESettings.model(model, for: data, resuming: saved?.model)
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
      backend: backend, data: source, model: chosen!,
      training: try VAESettings.training(
        training, rows: rows.rows.count, resuming: saved?.training),
      notes: VAESettings.notes(chosen!, for: rows))
    return (settings, rows, heldOut, try VAE(VAEConfiguration(chosen!, for: rows)))
  }
}
