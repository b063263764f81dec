import LatentKernels

/// Weighted means and variances of the columns, over the values that are there.
struct ColumnMoments {
  let means: [Double]
  /// 1 where a column is constant.
  let variances: [Double]

  /// - Throws: ``DataError`` naming a column without any value.
  init(_ rows: Rows, weights: [Double]?) throws {
    switch rows.storage {
    case .bytes(let values): try self.init(values, rows, weights) { Double($0) / 255 }
    case .floats(let values): try self.init(values, rows, weights) { Double($0) }
    case .doubles(let values): try self.init(values, rows, weights) { $0 }
    }
  }

  private init<Value>(
    _ values: [Value], _ rows: Rows, _ weights: [Double]?, _ number: (Value) -> Double
  ) throws {
    let columns = rows.columns
    // Two sweeps, the second about the first one's means.
    func sweep(about centers: [Double]?, power: Int) -> (sums: [Double], weights: [Double]) {
      var sums = [Double](repeating: 0, count: columns)
      var totals = sums
      for row in 0..<rows.count {
        let weight = weights?[row] ?? 1
        guard weight > 0 else { continue }
        for column in 0..<columns {
          let value = number(values[row * columns + column])
          guard !value.isNaN else { continue }
          let error = value - (centers?[column] ?? 0)
          sums[column] += weight * (power == 1 ? error : error * error)
          totals[column] += weight
        }
      }
      return (sums, totals)
    }
    let first = sweep(about: nil, power: 1)
    if let column = first.weights.firstIndex(of: 0) {
      throw DataError(
        "Column \(column + 1) has no value in any row (of positive weight); leave it out.")
    }
    let means = zip(first.sums, first.weights).map { $0 / $1 }
    let second = sweep(about: means, power: 2)
    variances = (0..<columns).map {
      let variance = second.sums[$0] / second.weights[$0]
      // What rounding leaves of a constant column is no variance.
      return variance.squareRoot() > 1e-12 * abs(means[$0]) ? variance : 1
    }
    self.means = means
  }
}

extension Rows {
  /// Missing values replaced by a number for each column.
  func filled(with numbers: [Double]) -> Rows {
    var matrix: Matrix<Double> = self.matrix()
    for i in matrix.values.indices where matrix.values[i].isNaN {
      matrix.values[i] = numbers[i % columns]
    }
    return Rows(matrix)
  }

  /// How many different rows (of positive weight) there are, counted up to a limit.
  func countDistinct(upTo limit: Int, weights: [Double]?) -> Int {
    var seen = Set<[Double]>()
    for row in 0..<count where weights.map({ $0[row] > 0 }) ?? true {
      // A NaN equals nothing: a missing value counts as one number.
      seen.insert(
        (0..<columns).map { column in
          let value = value(row, column)
          return value.isNaN ? .infinity : value
        })
      if seen.count >= limit { break }
    }
    return seen.count
  }
}
