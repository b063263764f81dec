/// Which addresses a matrix takes.
package struct MatrixExtent {
  let address: UInt
  let columns, stride: Int
  /// Values from the first to the last, those between rows counted.
  let count: Int

  package init(_ base: UnsafePointer<Float>?, _ rows: Int, _ columns: Int, _ stride: Int) {
    address = UInt(bitPattern: base)
    self.columns = columns
    self.stride = stride
    count = rows == 0 || columns == 0 ? 0 : (rows - 1) * stride + columns
  }

  package init(_ buffer: UnsafeBufferPointer<Float>) {
    self.init(buffer.baseAddress, 1, buffer.count, buffer.count)
  }

  package init(_ buffer: UnsafeMutableBufferPointer<Float>) {
    self.init(UnsafeBufferPointer(buffer))
  }

  /// Rows, columns and strides that the kernels can count.
  package static let largest = Int(Int32.max)

  static func check(_ rows: Int, _ columns: Int, _ stride: Int, found: Int) throws(ShapeError) {
    guard 0...largest ~= rows, 0...largest ~= columns, columns...largest ~= max(stride, -1) else {
      throw ShapeError(
        "A matrix must have 0...\(largest) rows and columns and a stride of at least its columns, "
          + "found \(rows) x \(columns) with stride \(stride).")
    }
    // At most (2³¹)² elements: no overflow of Int.
    let needed = rows == 0 || columns == 0 ? 0 : (rows - 1) * stride + columns
    guard needed <= found else {
      throw ShapeError(
        "A matrix of \(rows) x \(columns) with stride \(stride) takes \(needed) values, the buffer "
          + "has \(found).")
    }
  }

  /// Whether both have some value in common. Columns of one matrix beside each other have none.
  package func overlaps(_ other: MatrixExtent) -> Bool {
    guard count > 0, other.count > 0 else { return false }
    if address > other.address { return other.overlaps(self) }
    let distance = Int(other.address - address) / MemoryLayout<Float>.stride
    guard distance < count else { return false }
    guard stride == other.stride else { return true }
    let column = distance % stride
    return column < columns || column + other.columns > stride
  }
}
