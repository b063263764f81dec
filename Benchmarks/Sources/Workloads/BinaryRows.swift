import LatentKernels

/// Real rows as zeros and ones.
package enum BinaryRows {
  /// The first `count` rows, 1 where a value is above 1/2.
  package static func threshold(_ rows: Rows, count: Int = 8192) throws -> Rows {
    let count = min(count, rows.count)
    var values: [Float] = []
    values.reserveCapacity(count * rows.columns)
    for row in 0..<count {
      for column in 0..<rows.columns { values.append(rows.value(row, column) > 0.5 ? 1 : 0) }
    }
    return try Rows(count: count, columns: rows.columns, storage: .floats(values))
  }
}
