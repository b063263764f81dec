#if OpenBLAS
  import ArgumentParser
  import LatentIO
  import LatentKernels
  import LatentModels
  import LatentReport

  struct FitMixture: SharedCommand {
    static let configuration = CommandConfiguration(
      commandName: "mixture",
      abstract: "Fit a mixture of Gaussians by EM: clusters, densities, synthetic rows.",
      discussion: """
        Without options: two components on Old Faithful, which ships with the program. Writes \
        model.safetensors, config.json, metrics.csv, components.csv, report.html and pictures.
        """)

    @OptionGroup(title: "Data and output") var table: TableOptions
    @OptionGroup(title: "Model") var model: MixtureOptions
    @OptionGroup(title: "Computing") var compute: FusedComputeOptions

    func run() throws {
      let clock = ContinuousClock()
      let begin = clock.now
      let communicator = Processes.communicator
      try model.check()
      var source = try table.settings(default: "faithful")
      source.weights = model.weights
      guard !model.standardize || source.missing == nil else {
        throw SettingError("Choose one of --standardize and --missing.")
      }
      var facts = try Agreement(command: "fit mixture", MixtureSettings(model))
      facts.add(source, seed: table.seed)
      try communicator.agree(on: facts)
      try table.checkOutput(communicator)
      let (data, heldOut) = try source.open(seed: table.seed, communicator: communicator)
      let backend = try communicator.unanimously { try compute.makeFusedBackend() }
      let standard =
        model.standardize
        ? try Standardization(streaming: data.rows, communicator: communicator) : nil
      var rows = data.rows
      if let standard { rows = try standardized(rows, standard) }
      let fit = try MixtureFit(
        rows, of: data, model, seed: table.seed, backend: backend)
      let fitted = try standard.map { try fit.model.inDataUnits($0) } ?? fit.model
      let scores = try data.map { try fitted.scoreSamples($0, backend: backend) }
      let gapless = source.missing == true ? try data.gapless() : nil
      let logLikelihood = scores.sum(data.allWeights)
      let heldOutScore = try heldOut.map { part in
        try part.map { try fitted.scoreSamples($0, backend: backend) }.mean(part.allWeights)
      }
      let summary = try MixtureSummary(fitted, data, backend: backend)
      let plotted = try data.sample(ClusterPlot.maximumRows)
      guard communicator.rank == 0 else { return }
      try table.makeRun("mixture", source) { run in
        try run.write(
          configuration: TableSettings(
            command: "fit mixture", data: source, seed: table.seed, columnNames: data.columnNames,
            model: MixtureSettings(model)))
        try fitted.save(to: run.model)
        try ScoreQuantiles.write(scores, of: data, gapless: gapless, to: run)
        try summary.write(to: run.components)
        try fit.writeMetrics(to: run, logScale: standard?.logScale ?? 0)
        try drawPictures(
          fit, fitted, data, plotted, logScale: standard?.logScale ?? 0, in: run, backend: backend)
        let result = MixtureResult(
          fit, fitted, summary, data: data, logLikelihood: logLikelihood,
          totalWeight: data.totalWeight, heldOut: heldOutScore,
          logScale: standard?.logScale ?? 0, output: run.path,
          seconds: (clock.now - begin).seconds, backend: backend)
        try result.writeSelection(to: run.selection)
        try result.page(
          lowerBounds: fit.report.lowerBounds, logScale: standard?.logScale ?? 0,
          names: data.columnNames, in: run
        ).write(to: run.report)
        for warning in fit.warnings { printError("warning: \(warning)") }
        try table.json ? printJSON(result) : print(result.text)
      }
    }

    private func standardized(
      _ rows: some RowSource, _ standard: Standardization
    ) throws -> any RowSource {
      if let held = rows as? Rows { return try standard.apply(held) }
      return StandardizedRows(rows, standard)
    }

    private func drawPictures(
      _ fit: MixtureFit, _ fitted: GaussianMixture, _ data: TableRows, _ rows: any RowSource,
      logScale: Double, in run: RunDirectory, backend: FusedBackend
    ) throws {
      if let selection = fit.selection {
        try PNG.write(
          SelectionPlot.picture(
            of: selection, rows: data.totalWeight, logScale: logScale),
          to: run.selectionPlot)
      }
      guard fitted.columns <= ClusterPlot.maximumColumns else { return }
      let plot = try ClusterPlot(
        rows, columnNames: data.columnNames, model: fitted, backend: backend)
      try PNG.write(plot.picture(of: fitted, backend: backend), to: run.clusters)
      // They only show how EM goes: not where they would take longer than the fit, nor where the rows
      // drawn are too few for them.
      guard fitted.components > 1, fitted.components * fitted.columns <= 64 else { return }
      var configuration = model.configuration(seed: table.seed)
      configuration.components = fitted.components
      configuration.covarianceFloor = max(configuration.covarianceFloor, 1e-6)
      if let steps = try? plot.steps(to: fitted, configuration, backend: backend) {
        try PNG.write(steps, to: run.steps)
      }
    }
  }

  /// One mixture, or the best by BIC of a range.
  struct MixtureFit {
    let model: GaussianMixture
    let report: MixtureReport
    let selection: MixtureSelection?
    /// The report's, and the first of what stood in the way of held-out likelihoods.
    let warnings: [String]

    init(
      _ rows: some RowSource, of data: TableRows, _ options: MixtureOptions, seed: UInt64,
      backend: FusedBackend
    ) throws {
      let (weights, communicator) = (data.weights, data.communicator)
      var configuration = options.configuration(seed: seed)
      let range = options.components.range
      var obstacle: String?
      if range.count > 1 {
        let folds = options.folds ?? (data.count > 1 && rows is Rows ? min(5, data.count) : 0)
        let selection = try GaussianMixture.select(
          components: range, rows, configuration,
          folds: folds, sampleWeights: weights, backend: backend, communicator: communicator)
        configuration.components =
          selection.candidates[selection.best(by: .bic)!].components
        if folds > 0 { obstacle = selection.candidates.first { $0.heldOut == nil }?.warnings.last }
        self.selection = selection
      } else {
        selection = nil
      }
      // The same as the candidate's: the seed decides.
      (model, report) = try GaussianMixture.fit(
        rows, configuration, sampleWeights: weights, backend: backend, communicator: communicator)
      warnings = report.warnings + [obstacle].compactMap { $0 }
    }

    /// The lower bound with which every iteration began: after so many of them.
    func writeMetrics(to run: RunDirectory, logScale: Double) throws {
      try AtomicFile.write(to: run.metrics) { file in
        try file.append("restart,iteration,lowerBound\n")
        for (restart, bounds) in report.lowerBounds.enumerated() {
          for (iteration, bound) in bounds.enumerated() {
            try file.append("\(restart + 1),\(iteration),\(bound - logScale)\n")
          }
        }
      }
    }
  }
#endif
