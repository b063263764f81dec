import LatentKernels

/// Rows grouped by which of their values are there (NaN stands for a missing one).
struct ObservationPatterns {
  struct Pattern {
    let observed: [Int]
    var rows: [Int]
  }
  /// In the order of their first rows.
  private(set) var patterns: [Pattern] = []

  /// - Parameter first: the number of the first row, for messages.
  /// - Throws: ``DataError`` naming the first infinite value.
  init(_ rows: Rows, first: Int = 0) throws {
    switch rows.storage {
    case .bytes:
      guard rows.count > 0 else { return }
      patterns = [Pattern(observed: Array(0..<rows.columns), rows: Array(0..<rows.count))]
    case .floats(let values): try group(values, columns: rows.columns, first)
    case .doubles(let values): try group(values, columns: rows.columns, first)
    }
  }

  private mutating func group<Value: BinaryFloatingPoint>(
    _ values: [Value], columns: Int, _ first: Int
  ) throws {
    guard columns > 0 else { return }
    var numbers: [[Int]: Int] = [:]  // missing columns -> pattern
    for row in 0..<values.count / columns {
      var missing: [Int] = []
      for column in 0..<columns where !values[row * columns + column].isFinite {
        guard values[row * columns + column].isNaN else {
          throw DataError(
            "Row \(first + row + 1), column \(column + 1) is infinite; expected a finite value, or NaN for a "
              + "missing one.")
        }
        missing.append(column)
      }
      if let number = numbers[missing] {
        patterns[number].rows.append(row)
      } else {
        numbers[missing] = patterns.count
        let absent = Set(missing)
        patterns.append(
          Pattern(observed: (0..<columns).filter { !absent.contains($0) }, rows: [row]))
      }
    }
  }
}

extension Rows {
  /// Some rows and columns as doubles less `center`, [indices x chosen].
  func gathering(_ indices: ArraySlice<Int>, columns chosen: [Int], center: [Double]) -> Matrix<
    Double
  > {
    var result = Matrix<Double>(rows: indices.count, columns: chosen.count)
    func gather<Value>(_ values: [Value], _ double: (Value) -> Double) {
      for (to, row) in indices.enumerated() {
        for (i, column) in chosen.enumerated() {
          result.values[to * chosen.count + i] =
            double(values[row * columns + column]) - center[column]
        }
      }
    }
    switch storage {
    case .bytes(let values): gather(values) { Double($0) / 255 }
    case .floats(let values): gather(values) { Double($0) }
    case .doubles(let values): gather(values) { $0 }
    }
    return result
  }
}
