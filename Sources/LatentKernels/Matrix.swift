/// A dense row-major matrix that owns its values.
///
/// Rows are observations and columns are variables everywhere in Latent.
public struct Matrix<Scalar: BinaryFloatingPoint & SIMDScalar & Sendable>: Sendable, Equatable {
  /// How many rows there are; rows are observations.
  public let rows: Int
  /// How many values a row has.
  public let columns: Int
  /// `rows * columns` values, row after row: they may change, their number may not.
  public var values: [Scalar]

  /// A matrix of `rows` x `columns`, every entry `value`.
  ///
  /// - Precondition: neither is negative.
  public init(rows: Int, columns: Int, repeating value: Scalar = 0) {
    precondition(rows >= 0 && columns >= 0, "a matrix has no negative number of rows or columns")
    self.rows = rows
    self.columns = columns
    values = [Scalar](repeating: value, count: rows * columns)
  }

  /// Takes `values` row after row.
  ///
  /// - Throws: ``ShapeError`` when their count is not `rows * columns`.
  public init(rows: Int, columns: Int, values: [Scalar]) throws {
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard rows >= 0, columns >= 0, !overflow, count == values.count else {
      throw ShapeError(
        "A matrix of \(rows) x \(columns) needs \(rows) * \(columns) values, found \(values.count)."
      )
    }
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  /// The value at a row and a column; both must be inside.
  @inlinable public subscript(row: Int, column: Int) -> Scalar {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }

  /// The values of one row.
  public func row(_ index: Int) -> ArraySlice<Scalar> {
    values[index * columns..<(index + 1) * columns]
  }
}

extension Matrix {
  /// Whether nobody has taken values out, or put some in.
  package var isWhole: Bool { values.count == rows * columns }

  /// A copy of some of the columns.
  public func columns(_ range: Range<Int>) -> Matrix {
    var result = Matrix(rows: rows, columns: range.count)
    for row in 0..<rows {
      let start = row * columns
      result.values.replaceSubrange(
        row * range.count..<(row + 1) * range.count,
        with: values[start + range.lowerBound..<start + range.upperBound])
    }
    return result
  }
}
