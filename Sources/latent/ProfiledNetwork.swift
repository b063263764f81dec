import LatentIO
import LatentKernels
import LatentModels
import LatentNetworks

/// The network to measure, and rows for its batches.
struct ProfiledNetwork {
  let configuration: VAEConfiguration
  let batches: BatchSource
  /// "synthetic rows", or the data of the run.
  let dataName: String
  let defaultBatch: Int
  /// How the run was trained; the plain ELBO where there is none.
  let training: TrainingConfiguration
  /// A fitted model's path; nil for one that is made up.
  let path: String?
  let parameterCount: Int
  private let rows: Rows

  var architecture: Architecture { configuration.architecture }

  /// - Parameter largestBatch: rows that there must be at least, where they are made up.
  /// - Throws: `LatentError`.
  init(run path: String?, _ options: ProfileNetworkOptions, largestBatch: Int) throws {
    self.path = path
    guard let path else {
      let architecture = try options.architecture()
      configuration = VAEConfiguration(architecture: architecture)
      rows = try Self.synthetic(architecture, largestBatch, dense: options.dense)
      batches = BatchSource(rows, transform: .none)
      (dataName, defaultBatch) = (options.dense ? "synthetic grey rows" : "synthetic rows", 128)
      training = TrainingConfiguration()
      parameterCount = try VAE(configuration).parameters.learnedCount
      return
    }
    guard !options.areGiven else {
      throw SettingError(
        "A run has its own network; drop the run, or --network, --inputs, --hidden, --latent, "
          + "--activation, --likelihood and --dense.")
    }
    let saved = try SavedModel(path)
    configuration = saved.model.configuration
    parameterCount = saved.model.parameters.learnedCount
    training = saved.settings?.training ?? TrainingConfiguration()
    if let settings = saved.settings {
      let (training, _) = try settings.data.load(seed: saved.seed)
      rows = training.rows
      batches = try saved.model.batches(of: training)
      (dataName, defaultBatch) = (
        settings.data.shortName, min(settings.training.batchSize, training.rows.count)
      )
    } else {
      rows = try Self.synthetic(configuration.architecture, largestBatch, dense: false)
      batches = BatchSource(rows, transform: .none)
      (dataName, defaultBatch) = ("synthetic rows", 128)
    }
  }

  private static func synthetic(_ architecture: Architecture, _ batch: Int, dense: Bool) throws
    -> Rows
  {
    // 256 MB at most, however wide.
    let count = max(batch, min(8192, (64 << 20) / architecture.dimensions))
    guard count <= 1 << 20, count * architecture.dimensions <= 1 << 30 else {
      throw SettingError(
        "A batch of \(batch) rows of \(architecture.dimensions) columns is more than 4 GB; "
          + "choose a smaller one.")
    }
    return try ProfileRows.rows(
      count, columns: architecture.dimensions, likelihood: architecture.likelihood, isBinary: !dense
    )
  }

  /// A copy of the model: initialized, or as it was fitted.
  func makeModel() throws -> VAE {
    if let path { return try SavedModel(path).model }
    let model = try VAE(configuration)
    try model.initialize(for: rows, seed: 1)
    return model
  }
}

extension TrainingConfiguration {
  /// The options of a training whose steps are more than one plan; nil where they are one.
  var leftOutOfSteps: String? {
    var options: [String] = []
    if inference != .amortized { options.append("--inference \(inference.rawValue)") }
    if gradientLimit > 0 { options.append("--gradient-limit") }
    if rowGroups != nil { options.append("--row-groups") }
    return options.isEmpty ? nil : options.joined(separator: " and ")
  }
}
