import ArgumentParser
import Foundation
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

/// A fitted model, and what its run knows of the data.
struct SavedModel {
  let model: VAE
  /// Nil for a model file by itself.
  let settings: VAESettings?
  let path: String
  /// Where files about the model go: the run directory, or the model's.
  let directory: String

  var seed: UInt64 { settings?.training.seed ?? 0 }

  /// - Parameter path: a run directory, or a model file.
  init(_ path: String) throws {
    self.path = path
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw FileError(path, "there is no such run directory or model file.")
    }
    guard isDirectory.boolValue else {
      model = try VAE.load(path)
      settings = nil
      directory = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
      return
    }
    let run = try RunDirectory.open(path)
    settings = try run.readNetworkSettings()
    guard FileManager.default.fileExists(atPath: run.model) else {
      throw FileError(
        path, "the run has no model yet; let it end, or go on with fit vae --resume \(path).")
    }
    model = try VAE.load(run.model)
    directory = path
  }

  /// The rows that the options name, else those that the run held out (all, where it held none out).
  func data(_ options: NewDataOptions, allowMissing: Bool = false) throws -> Dataset {
    var source = source(options)
    if allowMissing { source.missing = true }
    if let path = options.data {
      if Dataset.shippedNames.contains(path) { source.forgetColumns(but: options) }
      return try source.load(DataSettings.source(path))
    }
    guard settings != nil else {
      throw SettingError("A model file knows no data; give --data, or the run directory.")
    }
    let (training, heldOut) = try source.load(seed: seed)
    return heldOut ?? training
  }

  /// The same rows, of which each of several ranks holds its part: where it can, nothing else is read.
  func held(_ options: NewDataOptions, rows: Int?) throws -> HeldRows {
    let communicator = Processes.communicator
    let source = source(options)
    // Inference by gradient steps goes over all rows.
    let isAmortized = (model.configuration.inference ?? .amortized) == .amortized
    let isShipped = options.data.map { Dataset.shippedNames.contains($0) } ?? false
    guard communicator.size > 1, rows == nil, isAmortized, !isShipped,
      settings != nil || options.data != nil
    else {
      let whole = try communicator.unanimously { try data(options).first(rows) }
      return try HeldRows(
        whole, groups: nil, communicator: isAmortized ? communicator : SerialCommunicator())
    }
    guard let path = options.data else {
      let (training, heldOut) = try source.held(
        seed: seed, groups: nil, communicator: communicator, check: { _ in })
      return heldOut ?? training
    }
    return try source.openHeld(
      DataSettings.source(path), groups: nil, communicator: communicator)
  }

  private func source(_ options: NewDataOptions) -> DataSettings {
    (settings?.data ?? DataSettings(source: ""))
      .asked(options, of: model.configuration.columnNames)
  }
}

/// The rows that a fitted model is asked about.
struct NewDataOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "IDX, NPY or CSV, or the name of data that ships. (default: the run's held-out rows)",
      valueName: "path"))
  var data: String?

  @Option(help: "Columns to keep, by name or number: 1-4,7. (default: the run's)")
  var columns: CommaSeparated<String>?

  @Option(help: "The column that is a label, not data. (default: the run's, where there is one)")
  var label: String?

  @Flag(
    inversion: .prefixedNo,
    help: "Whether a CSV begins with a line of names. (default: where it has text over numbers)")
  var header: Bool?
}

extension RunDirectory {
  /// The settings of a run of `fit vae` or `fit autoencoder`.
  ///
  /// - Throws: ``SettingError`` that names what takes another kind of run, or ``FileError``.
  func readNetworkSettings() throws -> VAESettings {
    struct Kind: Decodable {
      var command: String
    }
    let takers = [
      "fit mixture": "score, sample, predict and impute",
      "fit factors": "score, sample, transform and impute",
    ]
    if let command = (try? readConfiguration(Kind.self))?.command, let verbs = takers[command] {
      throw SettingError(
        "\(path) is a run of \(command), expected one of fit vae or fit autoencoder; \(verbs) take it."
      )
    }
    let settings = try readConfiguration(VAESettings.self)
    do {
      try settings.training.validate()
    } catch let error as SettingError {
      throw FileError(configuration, error.description)
    }
    return settings
  }
}

extension DataSettings {
  /// A run's settings for the rows that a command names, or its own.
  ///
  /// What ships has columns of its own: what the run chose among others is not asked of them, but what a command
  /// asks stands, to be refused.
  mutating func forgetColumns(but options: NewDataOptions) {
    (columns, label, weights) = (options.columns?.elements, options.label, nil)
  }

  /// - Parameter names: of the model's columns. A choice of columns for this command stands.
  func asked(_ options: NewDataOptions, of names: [String]?) -> DataSettings {
    var settings = self
    settings.mayLackLabels = options.data != nil
    // Of a file of the run's own it is known.
    settings.header = options.header ?? (options.data == nil ? header : nil)
    if let columns = options.columns { settings.columns = columns.elements }
    // One that is asked for must be there.
    if let label = options.label {
      (settings.label, settings.weights, settings.mayLackLabels) = (label, nil, false)
    }
    if options.columns == nil {
      settings.expected = ExpectedColumns(owner: "The model", names: names)
    }
    return settings
  }
}

/// A file for numbers, its format told by its name.
enum TableFile {
  /// - Parameter orPicture: whether a picture would do, too, and is written elsewhere.
  /// - Throws: ``SettingError`` for a name that says neither CSV nor NPY.
  static func check(_ path: String, orPicture: Bool = false) throws {
    guard ["csv", "npy"].contains(fileExtension(path)) || path.hasPrefix("/dev/") else {
      throw SettingError(
        "\(path): expected a name that ends in \(orPicture ? ".png, " : "").csv or .npy.")
    }
  }

  static func write(_ matrix: Matrix<Float>, columnNames: [String]?, to path: String) throws {
    if fileExtension(path) == "npy" {
      try NPY.write(matrix, to: path)
    } else {
      try CSV.write(matrix, columnNames: columnNames, to: path)
    }
  }

  static func write(_ matrix: Matrix<Double>, columnNames: [String]?, to path: String) throws {
    if fileExtension(path) == "npy" {
      try NPY.write(matrix, to: path)
    } else {
      try CSV.write(matrix, columnNames: columnNames, to: path)
    }
  }

  static func fileExtension(_ path: String) -> String {
    URL(fileURLWithPath: path).pathExtension.lowercased()
  }

  static let standardOutput = "/dev/stdout"

  static func isStandardOutput(_ path: String?) -> Bool {
    path.flatMap(AtomicFile.openDescriptor) == STDOUT_FILENO
  }
}
