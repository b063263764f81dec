import ArgumentParser
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

extension FactorConfiguration.Method: ExpressibleByArgument {}
extension FactorConfiguration.Rotation: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}

struct FactorOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: "How many factors.")
  var factors = 1

  @Option(help: "What climbs the likelihood; rows with gaps are always fitted by em.")
  var method = FactorConfiguration.Method.maximumLikelihood

  @Option(help: "How factors are turned.")
  var rotation = FactorConfiguration.Rotation.none

  @Flag(help: "Keep loadings and uniquenesses of columns of variance 1.")
  var correlation = false

  @Flag(help: "Probabilistic PCA: one noise variance for all columns, in closed form.")
  var ppca = false

  @Option(
    help: ArgumentHelp(
      "Fit a covariance matrix in place of rows; needs --observations.", valueName: "path"))
  var covariance: String?

  @Option(parsing: .unconditional, help: "Rows behind the covariance matrix.")
  var observations: Int?

  @Option(
    parsing: .unconditional,
    help: "Ends the fit when an iteration gains less, in nats a row. (default: 1e-09)")
  var tolerance: Double?

  @Option(parsing: .unconditional, help: "The most iterations. (default: 1000)")
  var iterations: Int?

  @Option(
    parsing: .unconditional,
    help: "The least uniqueness, as a part of its column's variance. (default: 0.005)")
  var uniquenessFloor: Double?

  @Option(help: "What products of the data are computed in.")
  var precision = Precision.double

  func configuration(seed: UInt64) -> FactorConfiguration {
    var result = FactorConfiguration(
      factors: factors, method: method, correlationScale: correlation, rotation: rotation,
      seed: seed, precision: precision)
    result.tolerance = tolerance ?? result.tolerance
    result.maximumIterations = iterations ?? result.maximumIterations
    result.uniquenessFloor = uniquenessFloor ?? result.uniquenessFloor
    return result
  }

  /// - Throws: ``SettingError`` for options that contradict each other.
  func check() throws {
    guard (covariance == nil) == (observations == nil) else {
      throw SettingError("--covariance and --observations go together, found one of them.")
    }
    guard !ppca || covariance == nil else {
      throw SettingError("Probabilistic PCA is fitted to rows; drop --covariance or --ppca.")
    }
    guard !ppca || (rotation == .none && !correlation && method == .maximumLikelihood) else {
      throw SettingError(
        "Probabilistic PCA has no --method, --rotation or --correlation; drop them, or --ppca.")
    }
    guard !ppca || (tolerance == nil && iterations == nil && uniquenessFloor == nil) else {
      throw SettingError(
        "Probabilistic PCA is in closed form: drop --tolerance, --iterations and --uniqueness-floor, or --ppca."
      )
    }
  }
}

struct FitFactors: SharedCommand {
  static let configuration = CommandConfiguration(
    commandName: "factors",
    abstract: "Fit a factor analysis, or a probabilistic PCA.",
    discussion: """
      Without options: one factor on iris, which ships with the program. Writes \
      model.safetensors, config.json, metrics.csv, loadings.png and report.html.
      """)

  @OptionGroup(title: "Data and output") var table: TableOptions
  @OptionGroup(title: "Model") var options: FactorOptions
  @OptionGroup(title: "Computing") var compute: FusedComputeOptions

  struct Settings: Codable {
    var kind: String
    var configuration: FactorConfiguration
    var covariance: String?
    var observations: Int?
  }

  func run() throws {
    let clock = ContinuousClock()
    let begin = clock.now
    let communicator = Processes.communicator
    try options.check()
    guard options.covariance == nil || table.data == nil else {
      throw SettingError("A fit is of --data or of --covariance, found both.")
    }
    var source = try table.settings(default: "iris")
    if let path = options.covariance { source.source = DataSettings.source(path) }
    guard options.covariance == nil || table.heldOut == nil else {
      throw SettingError("A covariance matrix has no rows to hold out; drop --held-out.")
    }
    guard options.covariance == nil || !table.stream else {
      throw SettingError("A covariance matrix does not stream; drop --stream.")
    }
    guard options.covariance == nil || communicator.size == 1 else {
      throw SettingError(
        "A covariance matrix is the work of one process, found \(communicator.size); start one.")
    }
    let settings = Settings(
      kind: options.ppca ? "ppca" : "factors",
      configuration: options.configuration(seed: table.seed),
      covariance: options.covariance.map(DataSettings.source), observations: options.observations)
    var facts = try Agreement(command: "fit factors", settings)
    facts.add(source, seed: table.seed)
    try communicator.agree(on: facts)
    try table.checkOutput(communicator)
    let (data, heldOut) =
      try options.covariance == nil
      ? source.open(seed: table.seed, communicator: communicator)
      : (TableRows(source.load(source.source)), nil)
    let backend = try communicator.unanimously { try compute.makeFusedBackend() }
    let model = try fit(data, backend)
    let scores = try options.covariance == nil ? data.map(model.scoreSamples) : []
    let gapless = source.missing == true ? try data.gapless() : nil
    let heldOutScore = try heldOut.map { try $0.map(model.scoreSamples).mean() }
    guard communicator.rank == 0 else { return }
    try table.makeRun("factors", source) { run in
      try run.write(
        configuration: TableSettings(
          command: "fit factors", data: options.covariance == nil ? source : nil, seed: table.seed,
          columnNames: data.columnNames, model: settings))
      try model.save(to: run.model)
      try model.writeHistory(to: run.metrics)
      if options.covariance == nil {
        try ScoreQuantiles.write(scores, of: data, gapless: gapless, to: run)
      }
      if let picture = model.loadingsPicture(columnNames: data.columnNames) {
        try PNG.write(picture, to: run.loadings)
      }
      let result = try FactorResult(
        model, data: data, heldOut: heldOutScore,
        output: run.path, seconds: (clock.now - begin).seconds, backend: backend)
      try result.page(model, names: data.columnNames, in: run).write(to: run.report)
      for warning in result.warnings { printError("warning: \(warning)") }
      try table.json ? printJSON(result) : print(result.text)
    }
  }

  private func fit(_ data: TableRows, _ backend: FusedBackend) throws -> any FittedFactors {
    let configuration = options.configuration(seed: table.seed)
    if options.ppca {
      return try ProbabilisticPCA.fit(
        data.rows, factors: options.factors, precision: options.precision, seed: table.seed,
        backend: backend, communicator: data.communicator)
    }
    if let observations = options.observations {
      return try ReportedFactors(
        model: FactorAnalysis.fit(
          covariance: (data.rows as! Rows).matrix(), observations: observations, configuration))
    }
    return try ReportedFactors(
      model: FactorAnalysis.fit(
        data.rows, configuration, backend: backend, communicator: data.communicator))
  }
}
