import Foundation
import LatentIO
import LatentKernels

/// Where a run's data comes from, and how it is parted; kept in its config.json.
struct DataSettings: Codable, Equatable {
  /// The name of a data set that ships, or an absolute path.
  var source: String
  var testSource: String?
  /// The fraction of rows held out; nil where the data comes parted.
  var heldOutFraction: Double?
  var columns: [String]?
  var label: String?
  /// Whether files begin with a line of names; nil where their first lines tell.
  var header: Bool?
  /// The column that says how much each row counts.
  var weights: String?
  /// Whether rows are read anew in each pass, in place of being held in memory.
  var stream: Bool?
  /// Whether values may be missing (NaN).
  var missing: Bool?
  /// What the columns have to fit, by name; not kept.
  var expected: ExpectedColumns?
  /// Whether a file may lack the columns of labels and weights, as new rows may; not kept.
  var mayLackLabels = false

  private enum CodingKeys: CodingKey {
    case source, testSource, heldOutFraction, columns, label, header, weights, stream, missing
  }

  var isShipped: Bool { Dataset.shippedNames.contains(source) }

  /// A name that ships, or the path made absolute, so that it is found from anywhere.
  static func source(_ text: String) -> String {
    Dataset.shippedNames.contains(text)
      ? text : URL(fileURLWithPath: text).standardizedFileURL.path
  }

  /// For the names of run directories: "train-images-idx3-ubyte".
  var shortName: String {
    var name = URL(fileURLWithPath: source).lastPathComponent
    for suffix in [".gz", ".csv", ".npy", ".idx", ".tsv", ".txt"] where name.hasSuffix(suffix) {
      name.removeLast(suffix.count)
    }
    return name
  }

  /// The rows to train on, and those held out; all values are finite.
  ///
  /// - Throws: `LatentError`.
  func load(seed: UInt64) throws -> (training: Dataset, heldOut: Dataset?) {
    let data = try load(source)
    if let testSource {
      let test = try expecting(data.columnNames, of: data.name).load(testSource)
      guard test.rows.columns == data.rows.columns else {
        throw ShapeError(
          "\(test.name) has \(test.rows.columns) columns, \(data.name) has \(data.rows.columns).")
      }
      return (data, test)
    }
    guard let heldOutFraction else {
      return try source == "digits" ? Dataset.digitsSplit() : (data, nil)
    }
    guard heldOutFraction != 0 else { return (data, nil) }
    return try data.split(heldOutFraction: heldOutFraction, seed: seed)
  }

  /// The same, of several ranks each holding its part, and where groups of rows begin.
  ///
  /// - Parameter check: of the rows of each file; all ranks make the same calls in it.
  /// - Throws: on all ranks, where one fails.
  func held(
    seed: UInt64, groups: Int?, communicator: any Communicator,
    check: (HeldRows) throws -> Void
  ) throws -> (training: HeldRows, heldOut: HeldRows?) {
    func hold(_ data: Dataset) throws -> HeldRows {
      try HeldRows(data, groups: groups, communicator: communicator)
    }
    func open(_ source: String, _ settings: DataSettings) throws -> HeldRows {
      let rows =
        communicator.size == 1 || Dataset.shippedNames.contains(source)
        ? try hold(communicator.unanimously { try settings.load(source) })
        : try settings.openHeld(source, groups: groups, communicator: communicator)
      // Before rows are held out, while messages can count as the file does.
      try check(rows)
      return rows
    }
    let rows = try open(source, self)
    if let testSource {
      let test = try open(testSource, expecting(rows.data.columnNames, of: rows.data.name))
      guard test.data.rows.columns == rows.data.rows.columns else {
        throw ShapeError(
          "\(test.data.name) has \(test.data.rows.columns) columns, \(rows.data.name) has "
            + "\(rows.data.rows.columns).")
      }
      return (rows, test)
    }
    guard let heldOutFraction else {
      guard source == "digits" else { return (rows, nil) }
      let digits = try Dataset.digitsSplit()
      return (try hold(digits.training), try hold(digits.heldOut))
    }
    guard heldOutFraction != 0 else { return (rows, nil) }
    return try rows.split(heldOutFraction: heldOutFraction, seed: seed)
  }

  var loadOptions: LoadOptions {
    var options = LoadOptions(
      columns: columns, label: label, header: header, weights: weights)
    options.mayLackLabels = mayLackLabels
    return options
  }

  /// These settings for held-out rows in a file of their own. Columns that were chosen stay as they are.
  private func expecting(_ names: [String]?, of name: String) -> DataSettings {
    var settings = self
    if columns == nil { settings.expected = ExpectedColumns(owner: name, names: names) }
    // What ships has no choice of columns, and one choice is for both files.
    if isShipped { settings.expected?.advice = "give them the same names" }
    return settings
  }

  /// One file of which each of several ranks holds its part.
  ///
  /// - Throws: on all ranks, where one fails.
  func openHeld(
    _ source: String, groups: Int?, communicator: any Communicator
  ) throws -> HeldRows {
    try matched(source, names: \.data.columnNames) { settings in
      try HeldRows(
        file: source, options: settings.loadOptions, allowMissing: missing ?? false,
        groups: groups, communicator: communicator)
    }
  }

  /// One data set, with the columns of these settings.
  func load(_ source: String) throws -> Dataset {
    let data = try matched(source, names: \.columnNames) { try $0.read(source) }
    try data.validateFinite(allowMissing: missing ?? false)
    return data
  }

  private func read(_ source: String) throws -> Dataset {
    if Dataset.shippedNames.contains(source) {
      guard columns == nil, label == nil, weights == nil, header == nil else {
        throw SettingError(
          "--columns, --label, --weights and --header are about a file; \(source) ships as it is."
        )
      }
      return try Dataset.named(source)
    }
    return try Dataset.load(source, options: loadOptions)
  }
}

// Of several ranks each looks at the rows that it holds, and they ask together.
extension Dataset {
  /// Whether every value lies in [0, 1] for a reason: grey levels.
  var isGrey: Bool {
    get throws {
      // All ranks ask, and one without rows has no objection.
      let holds: Bool
      if case .bytes = rows.storage {
        holds = true
      } else {
        holds = rows.count == 0 || imageShape != nil && allSatisfy { 0...1 ~= $0 }
      }
      return try Processes.communicator.all(holds)
    }
  }

  /// Whether every value is 0 or 1.
  var isBinary: Bool {
    get throws {
      if case .bytes(let values) = rows.storage {
        return try Processes.communicator.all(values.allSatisfy { $0 == 0 || $0 == 255 })
      }
      return try Processes.communicator.all(allSatisfy { $0 == 0 || $0 == 1 })
    }
  }

  var noun: String { imageShape == nil ? "rows" : "images" }

  private func allSatisfy(_ holds: (Double) -> Bool) -> Bool {
    switch rows.storage {
    case .bytes(let values): values.allSatisfy { holds(Double($0) / 255) }
    case .floats(let values): values.allSatisfy { holds(Double($0)) }
    case .doubles(let values): values.allSatisfy(holds)
    }
  }
}
