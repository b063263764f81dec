/// Rows that can be read again and again, front to back, a chunk at a time: data that streams.
///
/// ``Rows`` are one, in a single chunk. What models make of a source does not depend on its chunks.
public protocol RowSource: Sendable {
  /// How many rows there are.
  var count: Int { get }
  /// Values of a row.
  var columns: Int { get }
  /// About how many rows a chunk should have.
  var chunkRows: Int { get }
  /// Calls `body` with the number of the first row and the rows of each chunk, `size` rows but for the
  /// last; all in one ``Rows/Storage``. Throws a ``SettingError`` for chunks of less than one row.
  func forEachChunk(of size: Int, _ body: (_ first: Int, _ rows: Rows) throws -> Void) throws
}

extension RowSource {
  /// - Throws: ``SettingError`` for chunks without rows: no number of them would be all rows.
  package func checkChunk(_ size: Int) throws(SettingError) {
    guard size > 0 else {
      throw SettingError("The number of rows of a chunk must be at least 1, found \(size).")
    }
  }

  /// Calls `body` with chunks of a size that is a multiple of `unit`.
  ///
  /// - Throws: ``SettingError`` for a unit below 1; what reading and `body` throw.
  public func forEachChunk(
    multipleOf unit: Int, _ body: (_ first: Int, _ rows: Rows) throws -> Void
  ) throws {
    try checkChunk(unit)
    try forEachChunk(of: chunkRows(multipleOf: unit), body)
  }

  /// ``chunkRows``, rounded down to a multiple of `unit`, at least one.
  ///
  /// - Precondition: the unit is at least 1.
  public func chunkRows(multipleOf unit: Int) -> Int { max(1, chunkRows / unit) * unit }

  /// Some rows, in the order of their ascending indices.
  ///
  /// - Throws: ``ShapeError`` when the indices do not ascend, or there is no such row; what reading throws.
  public func selecting(ascending indices: [Int]) throws -> Rows {
    guard zip(indices, indices.dropFirst()).allSatisfy({ $0 < $1 }),
      indices.allSatisfy({ 0..<count ~= $0 })
    else { throw ShapeError("Expected ascending numbers of rows below \(count).") }
    var found: [Double] = []
    found.reserveCapacity(indices.count * columns)
    var next = 0
    try forEachChunk(of: chunkRows(multipleOf: 1)) { first, rows in
      while next < indices.count, indices[next] < first + rows.count {
        for column in 0..<columns { found.append(rows.value(indices[next] - first, column)) }
        next += 1
      }
    }
    return Rows(try Matrix(rows: indices.count, columns: columns, values: found))
  }
}

extension Rows: RowSource {
  /// No bound, so that no rounding parts what is in memory already.
  public var chunkRows: Int { .max }

  public func forEachChunk(
    of size: Int, _ body: (_ first: Int, _ rows: Rows) throws -> Void
  ) throws {
    try checkChunk(size)
    guard size < count else { return try body(0, self) }
    for first in stride(from: 0, to: count, by: size) {
      try body(first, self[first..<min(count, first + size)])
    }
  }

  /// Rows that lie together.
  ///
  /// - Precondition: the range lies within those there are.
  public subscript(range: Range<Int>) -> Rows {
    let values = range.lowerBound * columns..<range.upperBound * columns
    let part: Storage =
      switch storage {
      case .bytes(let all): .bytes(Array(all[values]))
      case .floats(let all): .floats(Array(all[values]))
      case .doubles(let all): .doubles(Array(all[values]))
      }
    return Rows(unchecked: range.count, columns: columns, storage: part)
  }
}
