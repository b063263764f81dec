import CKernels

/// What factor models need of the data: count, mean and covariance.
public struct SampleMoments: Sendable, Equatable {
  /// How many rows there were.
  public let count: Int
  /// [columns]
  public let mean: [Double]
  /// [columns x columns], divided by the count (the maximum-likelihood estimate).
  public let covariance: Matrix<Double>

  /// Moments that were computed elsewhere.
  public init(count: Int, mean: [Double], covariance: Matrix<Double>) {
    self.count = count
    self.mean = mean
    self.covariance = covariance
  }
}

/// The mean and covariance of rows that come in chunks; each row is seen once.
///
/// Sums run over fixed ranges of 256 rows, whose totals are added in double, about a pivot: the mean
/// of the first range. The same rows give the same bits, however they are cut into chunks, for any
/// number of threads and on every instruction set that keeps the bit contract.
public final class CovarianceAccumulator {
  /// Values of a row.
  public let columns: Int
  /// Rows added so far.
  public private(set) var count = 0
  private let precision: Precision
  private let backend: FusedBackend
  private let width: Int
  private var pivot: [Double]
  /// Whether ranks may add sums about it.
  private let pivotIsGiven: Bool
  private var sums: [Double]
  private let products: Storage<Double>
  private let workspace: Storage<UInt8>
  /// Rows of a range that is not complete yet.
  private var pending: [Double] = []

  private static let range = Int(LATENT_SCATTER_ROWS)

  /// Starts with no rows of `columns` values.
  ///
  /// - Parameter pivot: what sums are about, [columns], in place of the mean of the first range: ranks whose
  ///   sums are added need the same.
  /// - Throws: ``ShapeError`` when the pivot has not as many values; ``SettingError`` for less than no
  ///   columns, or so many that their products take more memory than the machine has.
  public init(
    columns: Int, precision: Precision = .double, backend: FusedBackend, pivot: [Double]? = nil
  ) throws {
    guard 0...MatrixExtent.largest ~= columns else {
      throw SettingError(
        "A covariance is of 0...\(MatrixExtent.largest) columns, found \(columns).")
    }
    guard pivot == nil || pivot!.count == columns else {
      throw ShapeError(
        "The pivot of \(columns) columns needs as many values, found \(pivot!.count).")
    }
    let wide = Double(columns)
    try expectMemory(for: 8 * wide * wide, "A covariance of \(columns) columns", "choose fewer")
    self.columns = columns
    self.pivot = pivot ?? []
    pivotIsGiven = pivot != nil
    self.precision = precision
    self.backend = backend
    width = latent_scatter_width(columns)
    sums = [Double](repeating: 0, count: width)
    products = Storage(count: width * width)
    var scatter = latent_scatter()
    scatter.columns = columns
    scatter.narrow = precision == .float
    workspace = Storage(count: latent_scatter_workspace(&scatter))
  }

  /// - Throws: ``ShapeError`` when the width is not the accumulator's.
  public func add(_ rows: Rows) throws {
    guard rows.columns == columns else {
      throw ShapeError("The covariance is of \(columns) columns, these rows have \(rows.columns).")
    }
    switch rows.storage {
    case .bytes(let values): add(values, LATENT_SOURCE_BYTES) { Double($0) / 255 }
    case .floats(let values): add(values, LATENT_SOURCE_FLOATS) { Double($0) }
    case .doubles(let values): add(values, LATENT_SOURCE_DOUBLES) { $0 }
    }
    count += rows.count
  }

  private func add<Value>(
    _ values: [Value], _ source: latent_source, double: (Value) -> Double
  ) {
    guard columns > 0 else { return }
    let rows = values.count / columns
    // Complete the pending range first, then whole ranges from where they lie.
    let missing = pending.isEmpty ? 0 : Self.range - pending.count / columns
    let head = min(missing, rows)
    pending += values[..<(head * columns)].lazy.map(double)
    if pending.count == Self.range * columns { flushPending() }
    let whole = (rows - head) / Self.range * Self.range
    if whole > 0 {
      if pivot.isEmpty {
        let first = head * columns
        pivot = columnMeans(values[first..<first + Self.range * columns].map(double))
      }
      values.withUnsafeBufferPointer {
        accumulate($0.baseAddress! + head * columns, source, rows: whole)
      }
    }
    pending += values[((head + whole) * columns)...].lazy.map(double)
  }

  private func flushPending() {
    guard !pending.isEmpty else { return }
    if pivot.isEmpty { pivot = columnMeans(pending) }
    pending.withUnsafeBufferPointer {
      accumulate($0.baseAddress!, LATENT_SOURCE_DOUBLES, rows: pending.count / columns)
    }
    pending.removeAll(keepingCapacity: true)
  }

  private func columnMeans(_ values: [Double]) -> [Double] {
    var means = [Double](repeating: 0, count: columns)
    for start in stride(from: 0, to: values.count, by: columns) {
      for column in 0..<columns { means[column] += values[start + column] }
    }
    return means.map { $0 / Double(values.count / columns) }
  }

  private func accumulate(_ rows: UnsafeRawPointer, _ source: latent_source, rows count: Int) {
    pivot.withUnsafeBufferPointer { pivot in
      sums.withUnsafeMutableBufferPointer { sums in
        var scatter = latent_scatter(
          rows: rows, source: source, narrow: precision == .float, count: count, columns: columns,
          pivot: pivot.baseAddress, sums: sums.baseAddress, products: products.pointer,
          workspace: workspace.pointer)
        latent_scatter_add(backend.pool, &scatter)
      }
    }
  }

  /// The moments of all rows, which ends the accumulation: a missing value makes those of its column
  /// NaN.
  public func finish() -> SampleMoments {
    flushPending()
    return moments
  }

  /// The moments of all ranks' rows, in one message; each began with the same pivot.
  ///
  /// - Parameter rows: adds this rank's rows.
  /// - Throws: on all ranks, what `rows` throws on one; ``SettingError`` where there are several, and no
  ///   pivot was given.
  public func finish(
    over communicator: any Communicator, rows: () throws -> Void
  ) throws -> SampleMoments {
    guard communicator.size == 1 || pivotIsGiven else {
      throw SettingError(
        "Ranks add sums about one pivot: give the same to the accumulator of each, found none.")
    }
    let upper = (0..<columns).flatMap { i in i * width + i..<i * width + columns }
    let all = try communicator.sum(count: 1 + columns + upper.count) {
      try rows()
      flushPending()
      return [Double(count)] + sums.prefix(columns) + upper.map { products.pointer[$0] }
    }
    count = Int(all[0])
    sums.replaceSubrange(0..<columns, with: all[1..<1 + columns])
    for (at, sum) in zip(upper, all[(1 + columns)...]) { products.pointer[at] = sum }
    return moments
  }

  private var moments: SampleMoments {
    let scale = 1 / Double(max(count, 1))
    let shift = sums.prefix(columns).map { $0 * scale }
    var covariance = Matrix<Double>(rows: columns, columns: columns)
    for i in 0..<columns {
      for j in i..<columns {
        let value = products.pointer[i * width + j] * scale - shift[i] * shift[j]
        covariance[i, j] = value
        covariance[j, i] = value
      }
    }
    let mean = pivot.isEmpty ? shift : (0..<columns).map { pivot[$0] + shift[$0] }
    return SampleMoments(count: count, mean: mean, covariance: covariance)
  }
}
