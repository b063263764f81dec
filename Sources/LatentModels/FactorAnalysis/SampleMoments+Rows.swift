import LatentKernels

extension SampleMoments {
  /// The most columns whose covariance is formed: 2 GB in double.
  static let maximumColumns = 16_384

  /// Of all rows in one pass, in memory or streamed with the same bits; not finite where values are
  /// missing, infinite or too large.
  ///
  /// - Throws: ``DataError`` for too many columns; ``SettingError`` when threads cannot be had.
  init(_ rows: some RowSource, precision: Precision, backend: FusedBackend?) throws {
    guard rows.columns <= Self.maximumColumns else {
      throw DataError(
        "The covariance of \(rows.columns) columns does not fit in memory; at most "
          + "\(Self.maximumColumns) are taken.")
    }
    let accumulator = CovarianceAccumulator(
      columns: rows.columns, precision: precision, backend: try backend ?? FusedBackend())
    try rows.forEachChunk(multipleOf: 256) { _, chunk in try accumulator.add(chunk) }
    self = accumulator.finish()
  }

  var isFinite: Bool { mean.allSatisfy(\.isFinite) && covariance.values.allSatisfy(\.isFinite) }
}
