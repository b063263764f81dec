import LatentIO
import LatentKernels
import LatentModels
import LatentNetworks

/// All that decides what a run of `latent fit vae` computes: its config.json.
struct VAESettings: Codable, Equatable {
  struct Model: Codable, Equatable {
    var hidden: [Int]
    var latentDimensions: Int
    var activation: Activation
    var likelihood: Likelihood
    var transform: Transform
    var standardize: Bool
    var posterior: PosteriorFamily?
  }

  /// What a run keeps where, how often: it decides no bits.
  struct Files: Codable, Equatable {
    var checkpointEvery: Int?
    var tensorboard: Bool?
    var posteriorsOnDisk: Bool?
  }

  var command = "fit vae"
  var version = Latent.version
  var backend: BackendName
  var data: DataSettings
  var model: Model
  var training: TrainingConfiguration
  /// Nil in runs of earlier versions, and where nothing of it was asked for.
  var files: Files?
  /// What a reader of the numbers must know.
  var notes: [String] = []
}

// Options that were given come first, then those of the run that is resumed, then defaults that fit
// the data.
extension VAESettings {
  static func files(_ options: Files, resuming saved: Files?) throws -> Files? {
    let files = Files(
      checkpointEvery: options.checkpointEvery ?? saved?.checkpointEvery,
      tensorboard: options.tensorboard ?? saved?.tensorboard,
      posteriorsOnDisk: options.posteriorsOnDisk ?? saved?.posteriorsOnDisk)
    if let every = files.checkpointEvery, every < 1 {
      throw SettingError("--checkpoint-every must be at least 1, found \(every).")
    }
    return files == Files() ? nil : files
  }

  static func data(
    _ options: FitDataOptions, missing: Bool, resuming saved: DataSettings?
  ) throws -> DataSettings {
    guard options.testData == nil || options.heldOut == nil else {
      throw SettingError("Held-out rows come from --test-data or --held-out, found both.")
    }
    var data = saved ?? DataSettings(source: "digits", heldOutFraction: nil)
    if let source = options.data {
      data.source = DataSettings.source(source)
      data.header = nil
      if saved == nil && source != "digits" { data.heldOutFraction = 0.1 }
    }
    if let test = options.testData {
      data.testSource = DataSettings.source(test)
      data.heldOutFraction = nil
    }
    if let fraction = options.heldOut {
      guard 0..<1 ~= fraction else {
        throw SettingError("The held-out fraction must be in [0, 1), found \(fraction).")
      }
      data.heldOutFraction = fraction
      data.testSource = nil
    }
    if let columns = options.columns { data.columns = columns.elements }
    if let label = options.label { data.label = label }
    if let header = options.header { data.header = header }
    if missing { data.missing = true }
    return data
  }

  static func model(
    _ options: VAEModelOptions, for data: Dataset, resuming saved: Model?
  ) throws -> Model {
    let transform = try transform(options, for: data, resuming: saved?.transform)
    let likelihood =
      try options.likelihood ?? saved?.likelihood ?? defaultLikelihood(for: data, transform)
    let standardize =
      try options.standardize ?? saved?.standardize
      ?? (!likelihood.needsUnitInterval && transform == .none && !data.isGrey)
    guard !standardize || !likelihood.needsUnitInterval else {
      throw SettingError(
        "Standardized columns leave [0, 1], where the \(likelihood.rawValue) likelihood lives; "
          + "drop --standardize, or use --likelihood gaussian.")
    }
    guard !standardize || transform == .none else {
      throw SettingError("Choose one of --standardize, --binarize and --dequantize.")
    }
    return Model(
      hidden: options.hidden?.elements ?? saved?.hidden
        ?? (data.rows.columns < 32 ? [64, 64] : [200, 200]),
      latentDimensions: options.latent ?? saved?.latentDimensions
        ?? min(10, max(1, data.rows.columns / 2)),
      activation: options.activation ?? saved?.activation ?? .relu, likelihood: likelihood,
      transform: transform, standardize: standardize)
  }

  private static func transform(
    _ options: VAEModelOptions, for data: Dataset, resuming saved: Transform?
  ) throws -> Transform {
    let binarization = options.binarize.map { Transform(rawValue: $0.rawValue)! }
    var transform = binarization ?? saved ?? Transform.none
    if let dequantize = options.dequantize {
      guard !dequantize || binarization ?? Transform.none == Transform.none else {
        throw SettingError("Choose one of --binarize and --dequantize.")
      }
      if dequantize {
        transform = .dequantize
      } else if transform == .dequantize {
        transform = Transform.none
      }
    }
    guard transform == .dequantize else { return transform }
    if data.rows.count == 0 { return .dequantize }
    guard case .bytes = data.rows.storage else {
      throw SettingError(
        "--dequantize needs grey levels stored as bytes; \(data.name) holds other numbers.")
    }
    return .dequantize
  }

  private static func defaultLikelihood(
    for data: Dataset, _ transform: Transform
  ) throws -> Likelihood {
    switch transform {
    case .threshold, .sample: .bernoulli
    case .dequantize: .gaussian
    case .none: try data.isGrey ? (data.isBinary ? .bernoulli : .continuousBernoulli) : .gaussian
    }
  }

  static func training(
    _ options: TrainingOptions, _ bound: BoundOptions?, rows: Int,
    resuming saved: TrainingConfiguration?
  ) throws -> TrainingConfiguration {
    var training = saved ?? TrainingConfiguration()
    try bound?.checkProtocol(options, resuming: saved)
    if let chosen = bound?.protocol {
      try chosen.configure(&training, stages: bound?.stages ?? TrainingProtocol.IWAE2016.stages)
    } else if let stages = bound?.stages {
      try TrainingProtocol.iwae2016.configure(&training, stages: stages)
    }
    if let value = options.batchSize { training.batchSize = value }
    if let value = options.learningRate { training.learningRate = value }
    if let value = options.schedule { training.schedule = value }
    if let value = bound?.beta { training.beta = value }
    if let value = bound?.warmUpEpochs { training.warmUpEpochs = value }
    if let value = bound?.freeBits { training.freeBits = value }
    if let value = options.gradientLimit { training.gradientLimit = value }
    if let value = options.patience { training.patience = value }
    if let value = options.seed { training.seed = value }
    if let value = options.groups { training.rowGroups = value }
    if let value = bound?.objective { training.objective = value }
    if let value = bound?.samples { training.samples = value }
    if let value = bound?.inference { training.inference = value }
    if let value = bound?.innerSteps {
      guard training.inference != .amortized else {
        throw SettingError("--inner-steps needs --inference svi or semi-amortized.")
      }
      training.innerSteps = value
    }
    if let epochs = options.epochs {
      training.epochs = epochs
    } else if saved == nil && bound?.protocol == nil {
      let steps = max(1, rows / max(1, training.batchSize))
      training.epochs = min(300, max(20, 10_000 / steps))
    }
    try training.validate()
    return training
  }

  /// The model that a protocol asks for.
  static func model(
    _ chosen: TrainingProtocol, _ options: VAEModelOptions, for data: Dataset
  ) throws -> Model {
    let network = chosen.architecture(dimensions: data.rows.columns)
    let given: [(String, Bool)] = [
      ("--hidden", options.hidden != nil), ("--latent", options.latent != nil),
      ("--activation", options.activation != nil), ("--likelihood", options.likelihood != nil),
      ("--binarize", options.binarize != nil), ("--dequantize", options.dequantize != nil),
      ("--standardize", options.standardize != nil),
    ]
    if let (name, _) = given.first(where: \.1) {
      throw SettingError("--protocol \(chosen.rawValue) chooses the model; drop \(name).")
    }
    return Model(
      hidden: network.hidden, latentDimensions: network.latentDimensions,
      activation: network.activation, likelihood: network.likelihood, transform: .sample,
      standardize: false)
  }

  static func notes(
    _ model: Model, _ training: TrainingConfiguration, for data: Dataset, isTested: Bool
  ) throws -> [String] {
    var notes: [String] = []
    if training.objective.isImportanceWeighted, training.samples == 1 {
      notes.append(
        "\(training.objective.rawValue) of one draw is the ELBO; --samples makes the bound tighter")
    }
    if training.patience > 0, !isTested {
      notes.append("patience waits for the training rows' bound: no rows are held out")
    }
    if model.posterior == .point {
      notes.append(
        "a deterministic autoencoder: what stands for the elbo is log p(x|z) at the code")
    }
    if try model.likelihood == .bernoulli && model.transform != .threshold
      && model.transform != .sample && !data.isBinary
    {
      notes.append("bernoulli on grey values: not a density")
    }
    if model.standardize {
      notes.append("columns standardized; densities are those of the data's own units")
    }
    return notes
  }
}

extension BoundOptions {
  /// - Throws: ``SettingError`` for options that a protocol decides.
  fileprivate func checkProtocol(
    _ training: TrainingOptions, resuming saved: TrainingConfiguration?
  ) throws {
    guard let chosen = self.protocol else {
      guard stages == nil || saved?.schedule == .stages else {
        throw SettingError("--stages needs --protocol, or a run to resume that was begun with it.")
      }
      return
    }
    let given: [(String, Bool)] = [
      ("--epochs", training.epochs != nil), ("--batch-size", training.batchSize != nil),
      ("--learning-rate", training.learningRate != nil),
      ("--schedule", training.schedule != nil),
    ]
    if let (name, _) = given.first(where: \.1) {
      throw SettingError("--protocol \(chosen.rawValue) decides \(name); drop one of them.")
    }
  }
}

extension VAEConfiguration {
  /// - Parameter data: the rows to train on, this rank's.
  init(
    _ model: VAESettings.Model, for data: Dataset, training: TrainingConfiguration,
    missing: Bool, communicator: any Communicator
  ) throws {
    self.init(
      model, for: data,
      standardization: model.standardize
        ? try Standardization(streaming: data.rows, communicator: communicator, inTurn: true) : nil)
    self.missing = missing ? true : nil
    guard training.inference != .amortized else { return }
    inference = training.inference
    innerSteps = training.inference == .semiAmortized ? training.innerSteps : nil
  }

  init(
    _ model: VAESettings.Model, for data: Dataset, standardization: Standardization? = nil
  ) {
    self.init(
      architecture: Architecture(
        dimensions: data.rows.columns, hidden: model.hidden,
        latentDimensions: model.latentDimensions, activation: model.activation,
        likelihood: model.likelihood, posterior: model.posterior ?? .diagonalGaussian),
      transform: model.transform,
      standardization: standardization, imageShape: data.imageShape, columnNames: data.columnNames)
  }
}
