import Foundation
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

/// A fitted model with exact densities: a mixture, a factor analysis or a probabilistic PCA.
struct ExactRun {
  let model: any ExactModel
  /// What config.json says of the data; nil for a model file by itself.
  let about: About?
  let path: String

  struct About: Decodable {
    /// Nil for a fit to a covariance matrix.
    var data: DataSettings?
    var seed: UInt64
    var columnNames: [String]?
  }

  var columnNames: [String]? { about?.columnNames }
  /// Where files about the model go: the run directory, or the model's.
  var directory: String {
    RunDirectory.exists(path)
      ? path : URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
  }

  /// Nil when the model is of another kind, or none that can be read.
  ///
  /// - Parameter path: a run directory, or a model file.
  /// - Throws: ``FileError`` or ``ModelFileError`` for a damaged file of these kinds.
  init?(_ path: String) throws {
    let run = RunDirectory.exists(path) ? try RunDirectory.open(path) : nil
    let file = run?.model ?? path
    guard let tensors = try? TensorFile(contentsOf: file),
      let model = try Self.load(tensors, path: file)
    else { return nil }
    self.path = path
    self.model = model
    about = try run?.readConfiguration(About.self)
  }

  /// For a verb that variational autoencoders do not have.
  static func open(_ path: String, verb: String) throws -> ExactRun {
    if let run = try ExactRun(path) { return run }
    // Its error says what else is wrong.
    let saved = try SavedModel(path)
    throw SettingError(
      saved.model.isDeterministic
        ? "\(path) is a deterministic autoencoder, which cannot \(verb); it can score, sample, "
          + "transform and reconstruct."
        : "\(path) is a variational autoencoder, which cannot \(verb); it can score, sample, "
          + "transform, reconstruct and impute.")
  }

  private static func load(_ file: TensorFile, path: String) throws -> (any ExactModel)? {
    let format = file.metadata["format"] ?? file.metadata["latent.model"].map { "latent.\($0)" }
    switch format {
    case "latent.factors": return try FactorAnalysis.load(path)
    case "latent.ppca": return try ProbabilisticPCA.load(path)
    #if OpenBLAS
      case "latent.mixture": return try GaussianMixture.load(path)
    #endif
    default: return nil
    }
  }

  /// The model as a kind that has the verb.
  func model<Wanted>(as type: Wanted.Type, verb: String) throws -> Wanted {
    if let wanted = model as? Wanted { return wanted }
    throw SettingError(
      "\(path) is \(model.title), which cannot \(verb); it can \(model.verbs).")
  }

  private func settings(_ options: NewDataOptions) -> DataSettings {
    var source = (about?.data ?? DataSettings(source: "")).asked(options, of: columnNames)
    // These models integrate over what is missing.
    source.missing = true
    return source
  }

  /// The same rows as ``data(_:)``, streamed where the run's were, or where asked; each of several ranks has
  /// its part of them.
  func rows(
    _ options: NewDataOptions, stream: Bool, communicator: any Communicator
  ) throws -> TableRows {
    var source = settings(options)
    source.stream = stream || (source.stream ?? false && options.data == nil)
    let name = options.data.map(DataSettings.source) ?? source.source
    guard source.stream! || communicator.size > 1 && !Dataset.shippedNames.contains(name) else {
      return try TableRows(
        communicator.unanimously { try data(options) }, communicator: communicator)
    }
    let table: TableRows
    if options.data != nil {
      table = try TableRows(
        source.openFile(name, communicator: communicator), isHeld: !source.stream!,
        communicator: communicator)
    } else {
      guard let about, about.data != nil else {
        throw SettingError("A model file knows no data; give --data, or the run directory.")
      }
      let (training, heldOut) = try source.open(seed: about.seed, communicator: communicator)
      table = heldOut ?? training
    }
    guard table.rows.columns == model.columns else {
      throw ShapeError(
        "The model expects \(model.columns) columns, \(table.name) has \(table.rows.columns).")
    }
    return table
  }

  /// The rows that the options name, else those that the run held out (all, where it held none out).
  func data(_ options: NewDataOptions) throws -> Dataset {
    var source = settings(options)
    let data: Dataset
    if let path = options.data {
      if Dataset.shippedNames.contains(path) { source.forgetColumns(but: options) }
      data = try source.load(DataSettings.source(path))
    } else {
      guard let about else {
        throw SettingError("A model file knows no data; give --data, or the run directory.")
      }
      guard about.data != nil else {
        throw SettingError("\(self.path) was fitted to a covariance matrix; give --data.")
      }
      let (training, heldOut) = try source.load(seed: about.seed)
      data = heldOut ?? training
    }
    guard data.rows.columns == model.columns else {
      throw ShapeError(
        "The model expects \(model.columns) columns, \(data.name) has \(data.rows.columns).")
    }
    return data
  }
}
