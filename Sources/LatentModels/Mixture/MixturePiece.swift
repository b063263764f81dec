#if OpenBLAS
  import LatentKernels

  /// Rows that lie together, in the precision of the passes.
  struct MixturePiece {
    /// The number of its first row.
    let first: Int
    let count: Int
    let columns: Int
    let values: Values
    /// What kernels subtract: the origin, or zeros where the values are less it already.
    let shift: [Double]

    enum Values {
      case doubles([Double])
      case floats([Float])
    }

    init(first: Int, count: Int, columns: Int, values: Values, shift: [Double]) {
      (self.first, self.count, self.columns) = (first, count, columns)
      (self.values, self.shift) = (values, shift)
    }

    init(_ rows: Rows, first: Int, origin: [Double], precision: MixturePrecision) {
      (self.first, count, columns) = (first, rows.count, rows.columns)
      switch (precision, rows.storage) {
      case (.double, .doubles(let doubles)): (values, shift) = (.doubles(doubles), origin)
      case (.double, _): (values, shift) = (.doubles(rows.matrix(of: Double.self).values), origin)
      case (.float, .floats(let floats)): (values, shift) = (.floats(floats), origin)
      case (.float, _):
        var floats: [Float] = []
        floats.reserveCapacity(rows.count * rows.columns)
        for row in 0..<rows.count {
          for column in 0..<rows.columns {
            floats.append(Float(rows.value(row, column) - origin[column]))
          }
        }
        values = .floats(floats)
        shift = [Double](repeating: 0, count: columns)
      }
    }

    /// The values of one row, counted from the piece's first, less the origin.
    func row(_ index: Int) -> [Double] { (0..<columns).map { value(index, $0) } }

    func value(_ row: Int, _ column: Int) -> Double {
      switch values {
      case .doubles(let all): all[row * columns + column] - shift[column]
      case .floats(let all): Double(all[row * columns + column]) - shift[column]
      }
    }

    func equals(_ row: Int, _ point: ArraySlice<Double>) -> Bool {
      var column = 0
      for number in point {
        guard value(row, column) == number else { return false }
        column += 1
      }
      return true
    }
  }
#endif
