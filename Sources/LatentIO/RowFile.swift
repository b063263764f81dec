import LatentKernels

/// The rows of a CSV, NPY or IDX file, gzipped or not, read anew in each pass: a table may be larger than
/// the memory.
///
/// Rows have the bits that ``Dataset/load(_:options:)`` gives them. Labels are left out. Of several ranks each
/// has its part of the rows, ``Communicator/share(of:)``: of arrays nothing else is read, of text (and within
/// gzip) what lies before it is passed over.
public struct RowFile: RowSource {
  /// What messages call it: the path it came from.
  public let name: String
  /// How many rows there are, on this rank.
  public let count: Int
  /// Values of a row.
  public let columns: Int
  public let chunkRows: Int
  /// One name a column.
  public let columnNames: [String]?
  /// How much each of these rows counts, where a column says so: 8 bytes a row are kept.
  public let weights: [Double]?
  private let options: LoadOptions
  private let form: Form
  /// The rows in the file, on all ranks.
  public let fileRows: Int
  /// This rank's part of the file's rows, of which `part` are rows of this source.
  let range: Range<Int>
  /// Set when a row is an image.
  public let imageShape: ImageShape?
  private let part: SplitPart?
  private let firstMissing: RowSurvey.Place?
  private let firstInfinite: RowSurvey.Place?

  /// What only all values together tell.
  private enum Form {
    case asStored
    /// Bytes of 0 and 1.
    case binary
    /// Text whose every number is a float.
    case floats
  }

  /// Reads the file once, to count and check it.
  ///
  /// - Parameters:
  ///   - chunkBytes: about how much memory a chunk of rows may take.
  ///   - communicator: the ranks that share the rows.
  ///   - groups: of rows, where ranks hold whole groups.
  /// - Throws: ``FileError``, also for a pipe, which can be read only once; `DisagreementError` or
  ///   `RankError` where ranks find other shapes; ``SettingError`` unless the groups are 2...4096.
  public init(
    _ path: String, options: LoadOptions = LoadOptions(), chunkBytes: Int = 8 << 20,
    communicator: any Communicator = SerialCommunicator(), groups: Int? = nil
  ) throws {
    (name, self.options) = (path, options)
    let reader = try communicator.unanimously {
      try RowGroups.check(groups)
      guard try FileSource(path).bound != nil else {
        throw FileError(path, "expected a file that can be read again and again, found a pipe.")
      }
      return try makeRowReader(path, options)
    }
    columns = reader.columns
    columnNames = reader.columnNames
    imageShape = reader.imageShape
    chunkRows = max(1, chunkBytes / (8 * columns))
    var facts = Agreement()
    facts.add("columns in the data", columns)
    facts.add("rows in the data", reader.count.map(String.init) ?? "those of a text")
    facts.add("column names", columnNames?.joined(separator: ", ") ?? "none")
    try communicator.agree(on: facts)
    let survey = try RowSurvey(
      reader, chunkRows: chunkRows, communicator: communicator, groups: groups)
    (fileRows, range, count) = (survey.count, survey.range, survey.range.count)
    part = nil
    form = survey.isBinary ? .binary : reader.isText && survey.isExactInFloat ? .floats : .asStored
    weights = survey.weights
    (firstMissing, firstInfinite) = (survey.firstMissing, survey.firstInfinite)
  }

  /// Part of another one's rows.
  private init(_ whole: RowFile, _ part: SplitPart) {
    (name, columns, chunkRows) = (whole.name, whole.columns, whole.chunkRows)
    imageShape = whole.imageShape
    (columnNames, options, form) = (whole.columnNames, whole.options, whole.form)
    (fileRows, range) = (whole.fileRows, whole.range)
    let range = range
    count = range.count == fileRows ? part.count : range.count(where: part.contains)
    (firstMissing, firstInfinite) = (whole.firstMissing, whole.firstInfinite)
    weights = whole.weights.map { all in
      all.indices.filter { part.contains(range.lowerBound + $0) }.map { all[$0] }
    }
    self.part = part
  }

  public func forEachChunk(
    of size: Int, _ body: (_ first: Int, _ rows: Rows) throws -> Void
  ) throws {
    try checkChunk(size)
    // Larger chunks hold no more, and their values might overflow Int.
    let size = min(size, max(1, fileRows))
    let reader = try makeRowReader(name, options)
    guard reader.columns == columns else { throw changed() }
    var waiting: Rows.Storage?
    var (seen, given) = (range.lowerBound, 0)
    let isLast = range.upperBound == fileRows
    try reader.skip(seen)
    func give(_ storage: Rows.Storage) throws {
      let rows = try Rows(
        count: storage.valueCount / columns, columns: columns, storage: storage)
      try body(given, rows)
      given += rows.count
    }
    while isLast || seen < range.upperBound,
      let piece = try reader.read(isLast ? size : min(size, range.upperBound - seen))
    {
      var storage =
        switch form {
        case .asStored: piece.storage
        case .binary: piece.storage.binaryScaled
        case .floats: piece.storage.asFloats
        }
      let first = seen
      seen += piece.count
      guard seen <= fileRows else { throw changed() }
      guard let part else {
        try give(storage)
        continue
      }
      storage = storage.selecting(
        (0..<piece.count).filter { part.contains(first + $0) }, columns: columns)
      var all = waiting.map { $0.appending(storage) } ?? storage
      if all.valueCount >= size * columns {
        try give(all.prefix(size * columns))
        all = all.dropFirst(size * columns)
      }
      waiting = all
    }
    guard seen == range.upperBound else { throw changed() }
    if let waiting, waiting.valueCount > 0 { try give(waiting) }
  }

  private func changed() -> FileError {
    FileError(name, "it changed while it was read again; leave it alone during a fit.")
  }

  /// Checks that every value is a finite number, or missing (NaN) where that is allowed.
  ///
  /// - Throws: ``FileError`` that names the row, its line and the column.
  public func validateFinite(allowMissing: Bool = false) throws {
    let found = [firstInfinite, allowMissing ? nil : firstMissing].compactMap { $0 }
    guard let place = found.min(by: { ($0.row, $0.column) < ($1.row, $1.column) }) else { return }
    let isMissing = firstMissing.map { ($0.row, $0.column) == (place.row, place.column) } ?? false
    throw FileError(
      name, isMissing: isMissing, row: place.row, line: place.line, column: place.column,
      names: columnNames)
  }

  /// Sets a fraction of the rows aside: those that ``Dataset/split(heldOutFraction:seed:)`` does.
  ///
  /// - Throws: ``SettingError`` unless both parts get a row, and for a part: rows that stream part once.
  public func split(
    heldOutFraction fraction: Double, seed: UInt64
  ) throws -> (training: RowFile, heldOut: RowFile) {
    guard part == nil else {
      throw SettingError(
        "\(name): these rows are a part already; split the whole file, or read the part into memory and split "
          + "that.")
    }
    let held = try heldOutCount(fraction, of: fileRows, name: name)
    let part = SplitPart(of: fileRows, heldOut: held, seed: seed)
    return (RowFile(self, part.complement(of: fileRows)), RowFile(self, part))
  }

  /// Reads all of this rank's rows into memory.
  ///
  /// - Throws: ``FileError``.
  public func held() throws -> Rows {
    var rows = try Rows(count: 0, columns: columns, storage: .doubles([]))
    try forEachChunk(of: max(1, count)) { _, all in rows = all }
    return rows
  }
}
