import LatentKernels

/// Some rows of a file, as they are stored.
struct RowPiece {
  let count: Int
  let storage: Rows.Storage
  let weights: [Double]?
  /// Of a text file.
  let lines: [Int]?
}

/// Reads a file's rows once, front to back.
protocol RowReader: AnyObject {
  var columns: Int { get }
  var columnNames: [String]? { get }
  var hasWeights: Bool { get }
  var isText: Bool { get }
  /// Set when a row is an image.
  var imageShape: ImageShape? { get }
  /// Rows of the file, where it tells; nil for text.
  var count: Int? { get }
  /// Leaves out the next rows.
  func skip(_ rows: Int) throws
  /// The next rows, `size` but for the last ones; nil at the end, which is checked.
  func read(_ size: Int) throws -> RowPiece?
}

func makeRowReader(_ path: String, _ options: LoadOptions) throws -> any RowReader {
  try makeRowReader(ByteStream(contentsOf: path), options)
}

func makeRowReader(_ stream: ByteStream, _ options: LoadOptions) throws -> any RowReader {
  switch try FileFormat.of(stream) {
  case .idx: return try ArrayRowReader(IDX.openTable(stream), options)
  case .npy: return try ArrayRowReader(NPY.open(stream), options)
  case .csv: return try TextRowReader(stream, options)
  }
}

private final class ArrayRowReader: RowReader {
  private let array: ArrayStream
  /// Nil where all columns are data, of which a header may claim any number.
  private let selection: ColumnSelection?
  private let width: Int
  private var left: Int
  let count: Int?
  let isText = false
  let columnNames: [String]? = nil
  let imageShape: ImageShape?

  init(_ array: ArrayStream, _ options: LoadOptions) throws {
    self.array = array
    (left, width) = try array.tableShape()
    count = left
    if let bound = array.stream.bound, array.count > bound {
      throw FileError(
        array.stream.name,
        "expected \(array.count) values, found at most \(bound) bytes: the file is cut short or its "
          + "header is wrong.")
    }
    let choosesColumns =
      options.columns != nil || options.label != nil || options.weights != nil
    selection =
      choosesColumns
      ? try ColumnSelection(options, count: width, names: nil, file: array.stream.name) : nil
    imageShape =
      !choosesColumns && array.shape.count == 3
      ? ImageShape(height: array.shape[1], width: array.shape[2]) : nil
  }

  var columns: Int { selection?.data.count ?? width }
  var hasWeights: Bool { selection?.weights != nil }

  func skip(_ rows: Int) throws {
    try array.skip(rows * width)
    left -= rows
  }

  func read(_ size: Int) throws -> RowPiece? {
    guard left > 0 else {
      try array.expectEnd()
      return nil
    }
    let count = min(size, left)
    let all = try array.read(count * width)
    left -= count
    return RowPiece(
      count: count, storage: selection.map { all.picking($0.data, of: width) } ?? all,
      weights: selection?.weights.map { all.picking([$0], of: width).numbers }, lines: nil)
  }
}

private final class TextRowReader: RowReader {
  private var reader: CSVReader
  let isText = true
  let imageShape: ImageShape? = nil
  let count: Int? = nil

  init(_ stream: ByteStream, _ options: LoadOptions) throws {
    reader = try CSVReader(stream, options)
  }

  var columns: Int { reader.selection.data.count }
  var columnNames: [String]? { reader.columnNames }
  var hasWeights: Bool { reader.selection.weights != nil }

  func skip(_ rows: Int) throws {
    for _ in 0..<rows { guard try reader.next() else { return } }
  }

  func read(_ size: Int) throws -> RowPiece? {
    var (values, weights, lines) = ([Double](), [Double](), [Int]())
    while lines.count < size, try reader.next() {
      values += reader.row
      lines.append(reader.line)
      if hasWeights { weights.append(reader.weight) }
    }
    guard !lines.isEmpty else { return nil }
    return RowPiece(
      count: lines.count, storage: .doubles(values), weights: hasWeights ? weights : nil,
      lines: lines)
  }
}

extension Rows.Storage {
  var valueCount: Int {
    switch self {
    case .bytes(let values): values.count
    case .floats(let values): values.count
    case .doubles(let values): values.count
    }
  }

  /// Whether floats hold every value.
  var isExactInFloat: Bool {
    guard case .doubles(let values) = self else { return true }
    return values.allSatisfy { Double(Float($0)) == $0 || $0.isNaN }
  }

  var asFloats: Rows.Storage {
    guard case .doubles(let values) = self else { return self }
    return .floats(values.map { Float($0) })
  }

  func firstIndex(where holds: (Double) -> Bool) -> Int? {
    switch self {
    case .bytes: nil
    case .floats(let values): values.firstIndex { holds(Double($0)) }
    case .doubles(let values): values.firstIndex(where: holds)
    }
  }

  /// The rows with these indices.
  func selecting(_ rows: [Int], columns: Int) -> Rows.Storage {
    func pick<Value>(_ values: [Value]) -> [Value] {
      var result: [Value] = []
      result.reserveCapacity(rows.count * columns)
      for row in rows { result += values[row * columns..<(row + 1) * columns] }
      return result
    }
    return switch self {
    case .bytes(let values): .bytes(pick(values))
    case .floats(let values): .floats(pick(values))
    case .doubles(let values): .doubles(pick(values))
    }
  }

  func appending(_ other: Rows.Storage) -> Rows.Storage {
    switch (self, other) {
    case (.bytes(let a), .bytes(let b)): .bytes(a + b)
    case (.floats(let a), .floats(let b)): .floats(a + b)
    case (.doubles(let a), .doubles(let b)): .doubles(a + b)
    default: preconditionFailure("a file has values of one kind")
    }
  }

  func prefix(_ count: Int) -> Rows.Storage {
    switch self {
    case .bytes(let values): .bytes(Array(values.prefix(count)))
    case .floats(let values): .floats(Array(values.prefix(count)))
    case .doubles(let values): .doubles(Array(values.prefix(count)))
    }
  }

  func dropFirst(_ count: Int) -> Rows.Storage {
    switch self {
    case .bytes(let values): .bytes(Array(values.dropFirst(count)))
    case .floats(let values): .floats(Array(values.dropFirst(count)))
    case .doubles(let values): .doubles(Array(values.dropFirst(count)))
    }
  }
}
