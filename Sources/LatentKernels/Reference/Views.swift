/// A row-major matrix in memory, read and written in double precision.
struct MatrixView<Scalar: BinaryFloatingPoint> {
  let base: UnsafeMutablePointer<Scalar>!
  let stride: Int

  subscript(row: Int, column: Int) -> Double {
    get { Double(base[row * stride + column]) }
    nonmutating set { base[row * stride + column] = Scalar(newValue) }
  }
}

struct VectorView<Scalar: BinaryFloatingPoint> {
  let base: UnsafeMutablePointer<Scalar>!

  subscript(index: Int) -> Double {
    get { Double(base[index]) }
    nonmutating set { base[index] = Scalar(newValue) }
  }
}

/// A matrix of `rows` rows held in panels of 16 columns.
struct PanelsView<Scalar: BinaryFloatingPoint> {
  let base: UnsafeMutablePointer<Scalar>!
  let rows: Int

  subscript(row: Int, column: Int) -> Double {
    get { Double(base[Panels.index(row, column, rows: rows)]) }
    nonmutating set { base[Panels.index(row, column, rows: rows)] = Scalar(newValue) }
  }
}
