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

  var isFinite: Bool { mean.allSatisfy(\.isFinite) && covariance.values.allSatisfy(\.isFinite) }
}

extension RowSource {
  /// The first row there is on any rank; nil for one rank alone, which finds a pivot by itself. A missing or
  /// infinite value is 0 in it.
  fileprivate func sharedPivot(_ communicator: any Communicator) throws -> [Double]? {
    guard communicator.size > 1 else { return nil }
    let firsts = try communicator.byRank(count: 1 + columns) {
      guard count > 0 else { return [Double](repeating: 0, count: 1 + columns) }
      let row = try selecting(ascending: [0])
      return [1] + (0..<columns).map { row.value(0, $0) }.map { $0.isFinite ? $0 : 0 }
    }
    return firsts.first { $0[0] > 0 }.map { Array($0[1...]) }
  }
}
