import LatentIO
import LatentKernels

/// The rows of a table, in memory or streamed, and what is known about them.
struct TableRows {
  let name: String
  let rows: any RowSource
  let columnNames: [String]?
  /// How much each row counts, where a column says so.
  let weights: [Double]?

  init(_ data: Dataset) {
    (name, rows, columnNames, weights) = (data.name, data.rows, data.columnNames, data.weights)
  }

  init(_ file: RowFile) {
    (name, rows, columnNames, weights) = (file.name, file, file.columnNames, file.weights)
  }

  /// Calls `body` with the rows, a chunk at a time, and returns all that it returns: the same numbers
  /// whatever the chunks.
  func map<Value>(_ body: (Rows) throws -> [Value]) throws -> [Value] {
    var result: [Value] = []
    // Factor models take 512 rows at a time.
    try rows.forEachChunk(multipleOf: 512) { _, chunk in result += try body(chunk) }
    return result
  }
}

extension DataSettings {
  /// The rows to train on, and those held out; streamed where ``stream`` says so.
  ///
  /// - Throws: `LatentError`.
  func open(seed: UInt64) throws -> (training: TableRows, heldOut: TableRows?) {
    guard stream ?? false else {
      let (training, heldOut) = try load(seed: seed)
      return (TableRows(training), heldOut.map { TableRows($0) })
    }
    let file = try openFile(source)
    guard let heldOutFraction, heldOutFraction != 0 else { return (TableRows(file), nil) }
    let (training, heldOut) = try file.split(heldOutFraction: heldOutFraction, seed: seed)
    return (TableRows(training), TableRows(heldOut))
  }

  /// One file whose rows stream, with the columns of these settings.
  func openFile(_ source: String) throws -> RowFile {
    guard !Dataset.shippedNames.contains(source) else {
      throw SettingError("\(source) ships with the program and is small; drop --stream.")
    }
    let file = try RowFile(source, options: loadOptions)
    try file.validateFinite(allowMissing: missing ?? false)
    return file
  }
}

extension [Double] {
  /// The sum, each number times its weight where there are some.
  func sum(_ weights: [Double]? = nil) -> Double {
    guard let weights else { return reduce(0, +) }
    var sum = 0.0
    for (weight, value) in zip(weights, self) { sum += weight * value }
    return sum
  }

  /// The mean, by weights where there are some; 0 of nothing.
  func mean(_ weights: [Double]? = nil) -> Double {
    sum(weights) / (weights?.sum() ?? Double(Swift.max(1, count)))
  }
}
