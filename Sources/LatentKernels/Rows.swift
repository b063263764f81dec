/// Rows of observations, held as they were stored: a data set of grey bytes stays one byte a pixel
/// until the batch that needs it.
public struct Rows: Sendable {
  /// Values row after row, in the type that they were stored in.
  public enum Storage: Sendable {
    /// Grey levels; the value is byte / 255.
    case bytes([UInt8])
    /// As they are.
    case floats([Float])
    /// As they are.
    case doubles([Double])
  }

  /// How many rows there are.
  public let count: Int
  /// How many values a row has.
  public let columns: Int
  /// `count * columns` values, row after row.
  public let storage: Storage

  /// - Throws: ``ShapeError`` when the values are not `count * columns` many.
  public init(count: Int, columns: Int, storage: Storage) throws {
    let found =
      switch storage {
      case .bytes(let values): values.count
      case .floats(let values): values.count
      case .doubles(let values): values.count
      }
    let (expected, overflow) = count.multipliedReportingOverflow(by: columns)
    guard count >= 0, columns >= 0, !overflow, expected == found else {
      throw ShapeError(
        "\(count) rows of \(columns) columns need \(count) * \(columns) values, found \(found).")
    }
    self.count = count
    self.columns = columns
    self.storage = storage
  }

  /// The rows of a matrix, as floats.
  ///
  /// - Precondition: the matrix holds as many values as its rows and columns say.
  public init(_ matrix: Matrix<Float>) {
    precondition(matrix.isWhole, "a matrix holds rows * columns values")
    count = matrix.rows
    columns = matrix.columns
    storage = .floats(matrix.values)
  }

  /// The rows of a matrix, as doubles.
  ///
  /// - Precondition: the matrix holds as many values as its rows and columns say.
  public init(_ matrix: Matrix<Double>) {
    precondition(matrix.isWhole, "a matrix holds rows * columns values")
    count = matrix.rows
    columns = matrix.columns
    storage = .doubles(matrix.values)
  }

  /// The value at a row and a column; grey bytes are scaled to [0, 1].
  public func value(_ row: Int, _ column: Int) -> Double {
    let index = row * columns + column
    return switch storage {
    case .bytes(let values): Double(values[index]) / 255
    case .floats(let values): Double(values[index])
    case .doubles(let values): values[index]
    }
  }

  /// All values as one matrix of the wanted precision.
  public func matrix<Scalar>(of type: Scalar.Type = Double.self) -> Matrix<Scalar> {
    var result = Matrix<Scalar>(rows: count, columns: columns)
    switch storage {
    case .bytes(let values): for i in values.indices { result.values[i] = Scalar(values[i]) / 255 }
    case .floats(let values): for i in values.indices { result.values[i] = Scalar(values[i]) }
    case .doubles(let values): for i in values.indices { result.values[i] = Scalar(values[i]) }
    }
    return result
  }

  /// The rows with the given indices, in that order.
  ///
  /// - Precondition: the indices are below ``count``, and none is negative.
  public func selecting(_ indices: [Int]) -> Rows {
    func pick<Value>(_ values: [Value]) -> [Value] {
      var result: [Value] = []
      result.reserveCapacity(indices.count * columns)
      for index in indices { result += values[index * columns..<(index + 1) * columns] }
      return result
    }
    let picked: Storage =
      switch storage {
      case .bytes(let values): .bytes(pick(values))
      case .floats(let values): .floats(pick(values))
      case .doubles(let values): .doubles(pick(values))
      }
    return Rows(unchecked: indices.count, columns: columns, storage: picked)
  }

  init(unchecked count: Int, columns: Int, storage: Storage) {
    self.count = count
    self.columns = columns
    self.storage = storage
  }
}
