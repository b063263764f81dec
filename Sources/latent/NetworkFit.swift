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
  var missing: Bool
  var training: TrainingOptions
  var bound: BoundOptions?
  var compute: ComputeOptions
  var output, resume: String?
  var files: VAESettings.Files
  /// A model to show beside this one.
  var beside: SavedModel?
  var json, quiet: Bool
  /// The model's settings from data and, where a run is resumed, its own.
  var chooseModel: (Dataset, VAESettings.Model?) throws -> VAESettings.Model

  private var communicator: any Communicator { Processes.communicator }
  private var isFirst: Bool { communicator.rank == 0 }

  func run() throws {
    try communicator.agree(on: Agreement(arguments: Array(CommandLine.arguments.dropFirst())))
    let (run, settings, data) = try prepare()
    let examples = (data.heldOut ?? data.training).data
    let progress = EpochProgress(
      run.trainer, noun: examples.noun, heldOut: data.heldOut?.share.total,
      quiet: quiet || !isFirst)
    progress.announce(settings)
    do {
      let interruption = Interruption(also: communicator.size > 1 ? [SIGUSR1] : [])
      Processes.watch(patiently: true)
      let isDone = try run.train(
        stopping: { interruption.signal != nil },
        onStep: { rows in
          progress.step(rows)
          Processes.noteStep()
        }, onEpoch: progress.finish)
      Processes.watch(patiently: false)
      if !isDone {
        progress.clear()
        if isFirst {
          printError(
            "stopped by a signal after step \(grouped(run.trainer.progress.step)); go on with: "
              + "latent fit \(name) --resume \(run.directory.path)")
        }
        throw ExitCode(128 + (interruption.signal ?? SIGTERM))
      }
    } catch {
      progress.clear()
      if isFirst, !run.directory.hasCheckpoint { run.directory.remove() }
      throw error
    }
    // The others are done; this one shows the rows that it holds.
    guard isFirst else { return }
    let model = try run.finish(
      examples: examples, training: data.training.data, beside: beside?.model)
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
      examples: examples, bound: settings.training.boundName,
      beside: beside?.path, backend: run.trainer.backend
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
        .repeating(
          settings.repetition(
            threads: run.trainer.backend.hardware.threads, ranks: communicator.size),
          digest: settings.isRepeatable && run.trainer.endsAsBegun ? model.parameters.digest : nil),
      ]
    ).write(to: run.directory.report)
    if settings.files?.tensorboard == true { try run.directory.writeEvents(history) }
  }

  /// Checks everything; only then makes the directory.
  private func prepare() throws -> (
    VAERun, VAESettings, data: (training: HeldRows, heldOut: HeldRows?)
  ) {
    guard resume == nil || output == nil else {
      throw SettingError("A resumed run stays in its directory; drop --output.")
    }
    let resumed = try communicator.unanimously {
      try resume.map { isFirst ? try RunDirectory.resume($0) : .elsewhere($0) }
    }
    let saved = try communicator.first { try resumed?.readNetworkSettings() }
    guard saved == nil || saved!.command == "fit \(name)" else {
      throw SettingError(
        "\(resumed!.path) was begun with \(saved!.command); resume it with that.")
    }
    try communicator.unanimously {
      if isFirst, let resumed, let saved { try checkCheckpoint(of: resumed, saved) }
    }
    let model = try communicator.first {
      resumed.flatMap { try? VAE.load($0.model).configuration }
    }
    try communicator.unanimously { if let output, isFirst { try RunDirectory.checkFree(output) } }
    let settings: VAESettings
    let (rows, heldOut, network, trainer): (HeldRows, HeldRows?, VAE, VAETrainer?)
    (settings, rows, heldOut, network) = try build(resuming: saved, of: model)
    let backend = try communicator.unanimously {
      try compute.makeBackend(default: settings.backend)
    }
    let posteriorsOnDisk = settings.files?.posteriorsOnDisk == true
    guard !posteriorsOnDisk || settings.training.inference == .svi else {
      throw SettingError("--posteriors-on-disk needs --inference svi; other kinds keep none.")
    }
    try network.initialize(
      for: rows.data.rows, seed: settings.training.seed, over: communicator)
    func makeTrainer(in directory: RunDirectory?) throws -> VAETrainer {
      try VAETrainer(
        network, configuration: settings.training, rows: rows, heldOut: heldOut, backend: backend,
        communicator: communicator,
        posteriorsPath: directory.map { "\($0.path)/.latent-posteriors-\(getpid()).tmp" })
    }
    // A file of posteriors needs the directory, everything else is checked before there is one.
    trainer = try posteriorsOnDisk ? nil : makeTrainer(in: nil)
    let path = try communicator.first {
      output ?? RunDirectory.nextName("runs/\(name)-\(settings.data.shortName)-")
    }
    let directory = try communicator.unanimously {
      try resumed ?? (isFirst ? RunDirectory.create(path) : .elsewhere(path))
    }
    do {
      let run = try VAERun(
        trainer ?? makeTrainer(in: directory), in: directory,
        checkpointEvery: settings.files?.checkpointEvery ?? 1)
      try communicator.unanimously {
        guard isFirst else { return }
        try directory.write(configuration: settings)
        directory.removeLeftovers()
      }
      return (run, settings, (rows, heldOut))
    } catch {
      if isFirst { directory.remove() }
      throw error
    }
  }

  /// A run without a checkpoint begins again, but not over what it has trained.
  private func checkCheckpoint(of run: RunDirectory, _ settings: VAESettings) throws {
    guard !run.hasCheckpoint else { return }
    let epochs = run.epochsTold
    let every = files.checkpointEvery ?? settings.files?.checkpointEvery ?? 1
    guard epochs < min(every, settings.training.epochs) else {
      throw FileError(
        run.checkpoint,
        "the run trained \(counted(epochs, "epoch")), but the checkpoint to go on from is gone; train anew "
          + "in another directory.")
    }
    if !quiet { printError("\(run.path) has no checkpoint yet: it begins again") }
  }

  /// - Parameter model: of the run that is resumed, where it has saved one.
  private func build(
    resuming saved: VAESettings?, of model: VAEConfiguration?
  ) throws -> (VAESettings, training: HeldRows, heldOut: HeldRows?, VAE) {
    var source = try VAESettings.data(data, missing: missing, resuming: saved?.data)
    if saved != nil, source.columns == nil {
      source.expected = ExpectedColumns(owner: "The run", names: model?.columnNames)
    }
    guard name == "vae" || source.missing != true else {
      throw SettingError(
        "A deterministic autoencoder has no bound over what was observed; drop --missing.")
    }
    var chosen: VAESettings.Model?
    let seed = training.seed ?? saved?.training.seed ?? 0
    let groups = training.groups ?? saved?.training.rowGroups
    // Before rows are dealt to so many; the other settings wait for how many rows there are.
    var grouping = TrainingConfiguration()
    grouping.rowGroups = groups
    try grouping.validate()
    let (rows, heldOut) = try source.held(
      seed: seed, groups: groups, communicator: communicator
    ) { rows in
      let choice = try chosen ?? chooseModel(rows.data, saved?.model)
      chosen = choice
      try communicator.unanimously {
        try VAEConfiguration(choice, for: rows.data)
          .validateRange(of: rows.data, first: rows.share.first)
      }
    }
    let backend = compute.backend ?? saved?.backend ?? .fused
    if let saved, saved.backend != backend {
      throw SettingError(
        "The run was trained with the \(saved.backend.rawValue) backend, now \(backend.rawValue): "
          + "other bits; resume with the same one.")
    }
    let training = try VAESettings.training(
      self.training, bound, rows: rows.share.total, resuming: saved?.training)
    let settings = VAESettings(
      command: "fit \(name)", backend: backend, data: source, model: chosen!, training: training,
      files: try VAESettings.files(files, resuming: saved?.files),
      notes: try VAESettings.notes(
        chosen!, training, for: rows.data, isTested: heldOut != nil))
    var facts = try Agreement(command: settings.command, settings)
    facts.add("rows in the data", rows.share.total)
    facts.add("columns in the data", rows.data.rows.columns)
    try communicator.agree(on: facts)
    var configuration = try VAEConfiguration(
      chosen!, for: rows.data, training: settings.training, missing: source.missing ?? false,
      communicator: communicator)
    // A file without names goes by position.
    if let names = model?.columnNames, configuration.columnNames == nil,
      names.count == rows.data.rows.columns
    {
      configuration.columnNames = names
    }
    // Another version may have added the same rows in another order.
    if let before = model?.standardization, let now = configuration.standardization,
      before.agrees(with: now)
    {
      configuration.standardization = before
    }
    return (settings, rows, heldOut, try VAE(configuration))
  }
}
