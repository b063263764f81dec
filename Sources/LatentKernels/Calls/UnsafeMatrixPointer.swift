/// A row-major matrix in the caller's memory, to be read where it lies.
///
/// As with `UnsafeBufferPointer`, the memory must outlive the view.
public struct UnsafeMatrixPointer {
  /// The first value; may be nil where there is none.
  public let baseAddress: UnsafePointer<Float>?
  /// How many rows; rows are observations.
  public let rows: Int
  /// How many values a row has.
  public let columns: Int
  /// Values from the start of a row to the start of the next.
  public let stride: Int

  /// Views `rows` x `columns` values of `buffer`, row after row, `stride` values from row to row
  /// (`columns` if nil).
  ///
  /// - Throws: ``ShapeError`` when a size is negative, the stride is below the columns, or the buffer
  ///   is smaller than that; also where its size would overflow.
  public init(_ buffer: UnsafeBufferPointer<Float>, rows: Int, columns: Int, stride: Int? = nil)
    throws(ShapeError)
  {
    let stride = stride ?? columns
    try MatrixExtent.check(rows, columns, stride, found: buffer.count)
    baseAddress = buffer.baseAddress
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// The same memory as a mutable view has.
  public init(_ other: UnsafeMutableMatrixPointer) {
    baseAddress = UnsafePointer(other.baseAddress)
    rows = other.rows
    columns = other.columns
    stride = other.stride
  }

  var extent: MatrixExtent { MatrixExtent(baseAddress, rows, columns, stride) }
  var buffer: Buffer {
    Buffer(
      data: UnsafeMutableRawPointer(mutating: baseAddress), count: UInt64(extent.count))
  }
}

/// A row-major matrix in the caller's memory, to be written where it lies.
public struct UnsafeMutableMatrixPointer {
  /// The first value; may be nil where there is none.
  public let baseAddress: UnsafeMutablePointer<Float>?
  /// How many rows; rows are observations.
  public let rows: Int
  /// How many values a row has.
  public let columns: Int
  /// Values from the start of a row to the start of the next; those between rows are not touched.
  public let stride: Int

  /// Views `rows` x `columns` values of `buffer`, row after row, `stride` values from row to row
  /// (`columns` if nil).
  ///
  /// - Throws: ``ShapeError`` when a size is negative, the stride is below the columns, or the buffer
  ///   is smaller than that; also where its size would overflow.
  public init(
    _ buffer: UnsafeMutableBufferPointer<Float>, rows: Int, columns: Int, stride: Int? = nil
  ) throws(ShapeError) {
    let stride = stride ?? columns
    try MatrixExtent.check(rows, columns, stride, found: buffer.count)
    baseAddress = buffer.baseAddress
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  var extent: MatrixExtent { MatrixExtent(UnsafePointer(baseAddress), rows, columns, stride) }
  var buffer: Buffer { Buffer(data: baseAddress, count: UInt64(extent.count)) }
}
