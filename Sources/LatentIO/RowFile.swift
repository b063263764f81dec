import LatentKernels

/// The rows of a CSV, NPY or IDX file, gzipped or not, read anew in each pass: a table may be larger than
/// the memory.
///
/// Rows have the bits that ``Dataset/load(_:options:)`` gives them. Labels are left out.
public struct RowFile: RowSource {
  /// What messages call it: the path it came from.
  public let name: String
  /// How many rows the file has.
  public let count: Int
  /// Values of a row.
  public let columns: Int
  public let chunkRows: Int
  /// One name a column.
  public let columnNames: [String]?
  /// How much each row counts, where a column says so: 8 bytes a row are kept.
  public let weights: [Double]?
  private let options: LoadOptions
  private let form: Form
  /// The rows in the file, of which `part` are rows of this source.
  private let fileRows: Int
  private let part: SplitPart?
  private let firstMissing: Place?
  private let firstInfinite: Place?

  /// What only all values together tell.
  private enum Form {
    case asStored
    /// Bytes of 0 and 1.
    case binary
    /// Text whose every number is a float.
    case floats
  }

  private struct Place {
    var row, column: Int
    var line: Int?
  }

  /// Reads the file once, to count and check it.
  ///
  /// - Parameter chunkBytes: about how much memory a chunk of rows may take.
  /// - Throws: ``FileError``, also for a pipe, which can be read only once.
  public init(
    _ path: String, options: LoadOptions = LoadOptions(), chunkBytes: Int = 8 << 20
  ) throws {
    guard try FileSource(path).bound != nil else {
      throw FileError(path, "expected a file that can be read again and again, found a pipe.")
    }
    (name, self.options) = (path, options)
    let reader = try makeRowReader(path, options)
    columns = reader.columns
    columnNames = reader.columnNames
    chunkRows = max(1, chunkBytes / (8 * columns))
    var (count, weights) = (0, [Double]())
    var (isBinary, isFloat) = (true, true)
    var firstMissing: Place?
    var firstInfinite: Place?
    while let piece = try reader.read(chunkRows) {
      let values = piece.storage
      isBinary = isBinary && values.isBinary
      isFloat = isFloat && values.isExactInFloat
      if let index = values.firstIndex(where: { $0.isNaN }), firstMissing == nil {
        firstMissing = Place(
          row: count + index / columns, column: index % columns,
          line: piece.lines?[index / columns])
      }
      if let index = values.firstIndex(where: { $0.isInfinite }), firstInfinite == nil {
        firstInfinite = Place(
          row: count + index / columns, column: index % columns,
          line: piece.lines?[index / columns])
      }
      weights += piece.weights ?? []
      count += piece.count
    }
    self.count = count
    fileRows = count
    part = nil
    form = isBinary ? .binary : reader.isText && isFloat ? .floats : .asStored
    self.weights = reader.hasWeights ? weights : nil
    (self.firstMissing, self.firstInfinite) = (firstMissing, firstInfinite)
  }

  /// Part of another one's rows.
  private init(_ whole: RowFile, _ part: SplitPart) {
    (name, columns, chunkRows) = (whole.name, whole.columns, whole.chunkRows)
    (columnNames, options, form) = (whole.columnNames, whole.options, whole.form)
    (fileRows, count) = (whole.count, part.count)
    (firstMissing, firstInfinite) = (whole.firstMissing, whole.firstInfinite)
    weights = whole.weights.map { all in all.indices.filter(part.contains).map { all[$0] } }
    self.part = part
  }

  public func forEachChunk(
    of size: Int, _ body: (_ first: Int, _ rows: Rows) throws -> Void
  ) throws {
    let reader = try makeRowReader(name, options)
    guard reader.columns == columns else { throw changed() }
    var waiting: Rows.Storage?
    var (seen, given) = (0, 0)
    func give(_ storage: Rows.Storage) throws {
      let rows = try Rows(
        count: storage.valueCount / columns, columns: columns, storage: storage)
      try body(given, rows)
      given += rows.count
    }
    while let piece = try reader.read(size) {
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
    guard seen == fileRows else { throw changed() }
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
    let line = place.line.map { " (line \($0))" } ?? ""
    let title = columnNames.map { " (\(excerpt($0[place.column])))" } ?? ""
    let isMissing = firstMissing.map { ($0.row, $0.column) == (place.row, place.column) } ?? false
    throw FileError(
      name,
      "expected finite values, found \(isMissing ? "a missing value (NaN)" : "an infinite one") in "
        + "row \(place.row + 1)\(line), column \(place.column + 1)\(title).")
  }

  /// Sets a fraction of the rows aside: those that ``Dataset/split(heldOutFraction:seed:)`` does.
  ///
  /// - Throws: ``SettingError`` unless both parts get a row.
  public func split(
    heldOutFraction fraction: Double, seed: UInt64
  ) throws -> (training: RowFile, heldOut: RowFile) {
    let held = try heldOutCount(fraction, of: count, name: name)
    let part = SplitPart(of: count, heldOut: held, seed: seed)
    return (RowFile(self, part.complement(of: count)), RowFile(self, part))
  }
}
