import LatentKernels

/// Weighted means and variances of the columns, over the values that are there on all ranks.
struct ColumnMoments {
  let means: [Double]
  /// A typical one, the geometric mean of the others, where a column is constant; 1 where all are.
  let variances: [Double]
  /// Those whose variance is a typical one.
  let constantColumns: [Int]

  /// - Throws: ``DataError`` naming a column without any value.
  init(
    _ rows: some RowSource, weights: [Double]?,
    communicator: any Communicator = SerialCommunicator()
  ) throws {
    let columns = rows.columns
    // Two sweeps, the second about the first one's means.
    func sweep(about centers: [Double]) throws -> [CenteredSums] {
      var errors = [Double](repeating: 0, count: columns)
      var (squares, totals) = (errors, errors)
      func add<Value>(_ values: [Value], _ start: Int, _ number: (Value) -> Double) {
        for row in 0..<values.count / max(columns, 1) {
          let weight = weights?[start + row] ?? 1
          guard weight > 0 else { continue }
          for column in 0..<columns {
            let value = number(values[row * columns + column])
            guard !value.isNaN else { continue }
            let error = value - centers[column]
            errors[column] += weight * error
            squares[column] += weight * (error * error)
            totals[column] += weight
          }
        }
      }
      let all = try communicator.sum(count: 3 * columns) {
        try rows.forEachChunk(multipleOf: 1) { first, chunk in
          switch chunk.storage {
          case .bytes(let values): add(values, first) { Double($0) / 255 }
          case .floats(let values): add(values, first) { Double($0) }
          case .doubles(let values): add(values, first) { $0 }
          }
        }
        return totals + errors + squares
      }
      return (0..<columns).map {
        CenteredSums(total: all[$0], errors: all[columns + $0], squares: all[2 * columns + $0])
      }
    }
    let plain = try sweep(about: [Double](repeating: 0, count: columns))
    if let column = plain.firstIndex(where: { $0.total == 0 }) {
      throw DataError(
        "Column \(column + 1) has no value in any row (of positive weight); leave it out.")
    }
    let centers = plain.map { $0.mean(center: 0) }
    let centered = try sweep(about: centers)
    let means = zip(centered, centers).map { $0.mean(center: $1) }
    // What is not finite is one for ``checkFinite()``.
    let found = zip(centered, means).map { sums, mean -> Double? in
      let variance = sums.variance
      return !variance.isFinite || varies(deviation: variance.squareRoot(), mean: mean)
        ? variance : nil
    }
    // By the kernels, so that no library decides bits.
    let set = InstructionSet.reproducible
    let logs = found.compactMap { $0 }.map { set.logarithm($0) }
    let typical = logs.isEmpty ? 1 : set.exponential(logs.reduce(0, +) / Double(logs.count))
    variances = found.map { $0 ?? typical }
    constantColumns = found.indices.filter { found[$0] == nil }
    self.means = means
  }

  /// - Throws: ``DataError`` naming a column whose values, finite as they are, have no finite square.
  func checkFinite() throws {
    if let column = variances.firstIndex(where: { !$0.isFinite }) {
      throw DataError(tooLargeToSquare: column)
    }
  }

  /// - Throws: ``DataError`` naming a column whose variance leaves floats no room for squares and sums of it.
  func checkFloat() throws {
    if let column = variances.firstIndex(where: { !(1e-30...1e30 ~= $0) }) {
      throw DataError(
        "The variance of column \(column + 1) is \(variances[column]), too far from 1 to be computed with in "
          + "floats; rescale the column, or use double precision.")
    }
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
}

extension RowSource {
  /// How many different rows (of positive weight) there are on all ranks, counted up to a limit.
  func countDistinct(
    upTo limit: Int, weights: [Double]?, communicator: any Communicator = SerialCommunicator()
  ) throws -> Int {
    let own = try communicator.unanimously { try distinct(upTo: limit, weights: weights) }
    var seen = Set<[Double]>()
    for root in 0..<communicator.size where seen.count < limit {
      let values = try communicator.broadcast(own.flatMap { $0 }, from: root)
      for start in stride(from: 0, to: values.count, by: columns) {
        seen.insert(Array(values[start..<start + columns]))
      }
    }
    return min(seen.count, limit)
  }

  private func distinct(upTo limit: Int, weights: [Double]?) throws -> Set<[Double]> {
    var seen = Set<[Double]>()
    try forEachChunk(multipleOf: 1) { first, rows in
      for row in 0..<rows.count where weights.map({ $0[first + row] > 0 }) ?? true {
        guard seen.count < limit else { return }
        // A NaN equals nothing: a missing value counts as one number.
        seen.insert(
          (0..<columns).map { column in
            let value = rows.value(row, column)
            return value.isNaN ? .infinity : value
          })
      }
    }
    return seen
  }
}
