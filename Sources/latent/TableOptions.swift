import ArgumentParser
import LatentIO
import LatentKernels
import LatentReport

/// The rows that a mixture or a factor analysis is fitted to.
struct TableOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "CSV, NPY or IDX, gzipped or not; or faithful, iris or digits, which ship.",
      valueName: "path"))
  var data: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Fraction of the rows to hold out. (default: 0)", valueName: "fraction"))
  var heldOut: Double?

  @Option(help: "Columns to keep, by name or number: 1-4,7; \"a, b\",c where a name has a comma.")
  var columns: CommaSeparated<String>?

  @Option(help: "The column that is a label, not data.")
  var label: String?

  @Flag(
    inversion: .prefixedNo,
    help: "Whether a CSV begins with a line of names. (default: where it has text over numbers)")
  var header: Bool?

  @Flag(
    help: ArgumentHelp(
      """
      Read the file anew in each pass, in place of holding it in memory: the same model, for tables larger \
      than the memory. A few bytes a row are kept.
      """))
  var stream = false

  @Flag(help: "Let values be missing (NaN or empty): the fit integrates them out, exactly.")
  var missing = false

  @Option(parsing: .unconditional, help: "Keys all randomness.")
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "The run directory. (default: runs/<model>-<data>-<n>)", valueName: "directory"))
  var output: String?

  @Flag(help: "Print one JSON object on standard output.") var json = false

  func settings(default name: String) throws -> DataSettings {
    let fraction = heldOut ?? 0
    guard 0..<1 ~= fraction else {
      throw SettingError("The held-out fraction must be in [0, 1), found \(fraction).")
    }
    guard !stream || data != nil else {
      throw SettingError("--stream reads a file; give --data.")
    }
    guard !stream || !missing else {
      throw SettingError(
        "Rows that stream must have all their values; choose one of --stream and --missing.")
    }
    return DataSettings(
      source: DataSettings.source(data ?? name), heldOutFraction: fraction,
      columns: columns?.elements, label: label, header: header, stream: stream ? true : nil,
      missing: missing ? true : nil)
  }

  /// Refuses a directory that is taken, before the work.
  func checkOutput(_ communicator: any Communicator) throws {
    try communicator.unanimously {
      guard communicator.rank == 0, let output else { return }
      try RunDirectory.checkFree(output, canResume: false)
    }
  }

  /// Makes the run directory, lets `body` fill it, and takes it back when that fails. A signal meanwhile waits for
  /// the run to be whole.
  func makeRun(_ model: String, _ data: DataSettings, _ body: (RunDirectory) throws -> Void) throws
  {
    let directory = try RunDirectory.create(
      output ?? RunDirectory.nextName("runs/\(model)-\(data.shortName)-"))
    let interruption = Interruption()
    do {
      try body(directory)
    } catch {
      directory.remove()
      throw error
    }
    if let signal = interruption.signal { throw ExitCode(128 + signal) }
  }
}

/// What config.json says of a run of `fit mixture` or `fit factors`.
struct TableSettings<Model: Codable>: Codable {
  var command: String
  var version = Latent.version
  /// Nil for a fit to a covariance matrix.
  var data: DataSettings?
  var seed: UInt64
  var columnNames: [String]?
  var model: Model
}
