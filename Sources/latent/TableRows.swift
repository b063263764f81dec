import LatentIO
import LatentKernels

/// The rows of a table, in memory or streamed, and what is known about them. Of several ranks each has its
/// part of them.
struct TableRows {
  let name: String
  /// This rank's.
  let rows: any RowSource
  let columnNames: [String]?
  /// How much each row of all ranks counts, where a column says so.
  let allWeights: [Double]?
  /// Where this rank's rows are among those of all ranks.
  let share: RowShare
  let communicator: any Communicator

  /// How much each of this rank's rows counts.
  var weights: [Double]? {
    allWeights.map { Array($0[share.first..<share.first + share.count]) }
  }
  /// Rows of all ranks.
  var count: Int { share.total }
  var totalWeight: Double { allWeights?.sum() ?? Double(count) }

  /// Rows that every rank has; each takes its part.
  init(_ data: Dataset, communicator: any Communicator = SerialCommunicator()) throws {
    let own = communicator.share(of: data.rows.count)
    try self.init(
      data.name, communicator.size > 1 ? data.rows[own] : data.rows, data.columnNames,
      weights: data.weights.map { Array($0[own]) }, communicator)
  }

  /// The rows of this rank, as the file was opened.
  ///
  /// - Parameter isHeld: whether they are read into memory.
  init(
    _ file: RowFile, isHeld: Bool = false, communicator: any Communicator = SerialCommunicator()
  ) throws {
    try self.init(
      file.name, isHeld ? communicator.unanimously { try file.held() } : file, file.columnNames,
      weights: file.weights, communicator)
  }

  private init(
    _ name: String, _ rows: any RowSource, _ columnNames: [String]?, weights: [Double]?,
    _ communicator: any Communicator
  ) throws {
    (self.name, self.rows, self.columnNames) = (name, rows, columnNames)
    self.communicator = communicator
    share = try RowShare(rows.count, of: communicator)
    allWeights = try weights.map { try communicator.gather($0) }
  }

  /// Calls `body` with the rows, a chunk at a time, and returns all that it returns, of all ranks: the same
  /// numbers whatever the chunks.
  func map<Value: BitwiseCopyable>(_ body: (Rows) throws -> [Value]) throws -> [Value] {
    let own = try communicator.unanimously {
      var result: [Value] = []
      // Factor models take 512 rows at a time.
      try rows.forEachChunk(multipleOf: 512) { _, chunk in result += try body(chunk) }
      return result
    }
    return try communicator.gather(own)
  }

  /// So many rows of all ranks, evenly through them; all of them where nobody else holds any.
  func sample(_ most: Int) throws -> any RowSource {
    guard communicator.size > 1 else { return rows }
    let step = Double(max(count, 1)) / Double(min(max(count, 1), most))
    let chosen = (0..<min(count, most)).map { Int(Double($0) * step) - share.first }
    let own = try communicator.unanimously {
      try rows.selecting(ascending: chosen.filter { 0..<share.count ~= $0 }).matrix().values
    }
    return Rows(
      try Matrix(
        rows: chosen.count, columns: rows.columns, values: communicator.gather(own)))
  }
}

extension DataSettings {
  /// The rows to train on, and those held out; streamed where ``stream`` says so.
  ///
  /// - Parameter communicator: the ranks that share the rows: none reads what it does not need.
  /// - Throws: `LatentError`.
  func open(
    seed: UInt64, communicator: any Communicator = SerialCommunicator()
  ) throws -> (training: TableRows, heldOut: TableRows?) {
    let streams = stream ?? false
    guard streams || communicator.size > 1 && !Dataset.shippedNames.contains(source) else {
      let (training, heldOut) = try communicator.unanimously { try load(seed: seed) }
      return (
        try TableRows(training, communicator: communicator),
        try heldOut.map { try TableRows($0, communicator: communicator) }
      )
    }
    let file = try openFile(source, communicator: communicator)
    func table(_ file: RowFile) throws -> TableRows {
      try TableRows(file, isHeld: !streams, communicator: communicator)
    }
    guard let heldOutFraction, heldOutFraction != 0 else { return (try table(file), nil) }
    let (training, heldOut) = try file.split(heldOutFraction: heldOutFraction, seed: seed)
    return (try table(training), try table(heldOut))
  }

  /// One file whose rows stream, with the columns of these settings.
  func openFile(
    _ source: String, communicator: any Communicator = SerialCommunicator()
  ) throws -> RowFile {
    guard !Dataset.shippedNames.contains(source) else {
      throw SettingError("\(source) ships with the program and is small; drop --stream.")
    }
    let file = try matched(source, names: \.columnNames) { settings in
      try RowFile(source, options: settings.loadOptions, communicator: communicator)
    }
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
    let total = weights?.sum() ?? Double(count)
    return sum(weights) / (total > 0 ? total : 1)
  }
}
