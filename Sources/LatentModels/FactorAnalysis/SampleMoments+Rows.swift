import LatentKernels

extension SampleMoments {
  /// The most columns whose covariance is formed: 2 GB in double.
  static let maximumColumns = 16_384

  /// Of all ranks' rows in one pass, in memory or streamed with the same bits; not finite where values are
  /// missing, infinite or too large.
  ///
  /// - Throws: ``DataError`` for too many columns; ``SettingError`` when threads cannot be had.
  init(
    _ rows: some RowSource, precision: Precision, backend: FusedBackend?,
    communicator: any Communicator = SerialCommunicator()
  ) throws {
    let backend = try communicator.unanimously {
      guard rows.columns <= Self.maximumColumns else {
        throw DataError(
          "The covariance of \(rows.columns) columns does not fit in memory; at most "
            + "\(Self.maximumColumns) are taken.")
      }
      return try backend ?? FusedBackend()
    }
    let accumulator = try CovarianceAccumulator(
      columns: rows.columns, precision: precision, backend: backend,
      pivot: try rows.sharedPivot(communicator))
    func add() throws {
      try rows.forEachChunk(multipleOf: 256) { _, chunk in try accumulator.add(chunk) }
    }
    guard communicator.size > 1 else {
      try add()
      self = accumulator.finish()
      return
    }
    self = try accumulator.finish(over: communicator, rows: add)
  }

  /// - Throws: ``ShapeError``; ``DataError`` for a covariance that is not symmetric.
  func checkShape() throws {
    guard covariance.rows == covariance.columns, mean.count == covariance.columns else {
      throw ShapeError(
        "A covariance matrix is square with a mean for each column, found \(covariance.rows) x "
          + "\(covariance.columns) and \(mean.count) means.")
    }
    for i in 0..<covariance.rows {
      for j in 0..<i {
        let (one, other) = (covariance[i, j], covariance[j, i])
        guard !(abs(one - other) > 1e-8 * max(abs(one), abs(other))) else {
          throw DataError(
            "The covariance matrix is not symmetric: row \(i + 1), column \(j + 1) is \(one), row "
              + "\(j + 1), column \(i + 1) is \(other).")
        }
      }
    }
  }

  /// What was not computed here may be anything: shapes, and whether any rows have such a covariance. It may
  /// be singular, by what rounding leaves of zeros on either side.
  ///
  /// - Throws: ``ShapeError``; ``DataError`` for a covariance that is not symmetric, or that is indefinite.
  func validate() throws {
    try checkShape()
    guard isFinite else { return }
    let indefinite = DataError(
      "The covariance matrix is indefinite: no rows have it; give that of rows without gaps.")
    // What rounding leaves of a variance of zero.
    let largest = mean.indices.map { covariance[$0, $0] }.max() ?? 0
    let slack = mean.map { 1e-12 * max(largest, $0 * $0) }
    for i in mean.indices {
      guard covariance[i, i] >= -slack[i] else { throw indefinite }
      for j in 0..<i {
        let limit =
          (1 + 1e-4) * (max(0, covariance[i, i]) + slack[i])
          * (max(0, covariance[j, j]) + slack[j])
        guard covariance[i, j] * covariance[i, j] <= limit else { throw indefinite }
      }
    }
    let deviations = mean.indices.map { covariance[$0, $0].squareRoot() }
    // As of a factor problem: what rounding leaves of a constant column has no correlations.
    let varying = mean.indices.filter { varies(deviation: deviations[$0], mean: mean[$0]) }
    var correlation = Matrix<Double>(rows: varying.count, columns: varying.count)
    for (i, row) in varying.enumerated() {
      for (j, column) in varying.enumerated() {
        correlation[i, j] =
          i == j
          ? 1 + 1e-4 : covariance[row, column] / deviations[row] / deviations[column]
      }
    }
    guard FactorAlgebra.cholesky(correlation) != nil else { throw indefinite }
  }

  var isFinite: Bool { mean.allSatisfy(\.isFinite) && covariance.values.allSatisfy(\.isFinite) }
}

extension RowSource {
  /// The first row there is on any rank, or zeros; nil for one rank alone, which finds a pivot by itself. A
  /// missing or infinite value is 0 in it.
  fileprivate func sharedPivot(_ communicator: any Communicator) throws -> [Double]? {
    guard communicator.size > 1 else { return nil }
    let firsts = try communicator.byRank(count: 1 + columns) {
      guard count > 0 else { return [Double](repeating: 0, count: 1 + columns) }
      let row = try selecting(ascending: [0])
      return [1] + (0..<columns).map { row.value(0, $0) }.map { $0.isFinite ? $0 : 0 }
    }
    return firsts.first { $0[0] > 0 }.map { Array($0[1...]) }
      ?? [Double](repeating: 0, count: columns)
  }
}
