import LatentKernels

/// Columns shifted and scaled to mean 0 and variance 1; a constant column keeps its scale.
public struct Standardization: Codable, Sendable, Equatable {
  /// Of each column.
  public let mean: [Double]
  /// Of each column: its standard deviation, or 1 where that is zero.
  public let scale: [Double]

  /// Means and scales that are known already.
  ///
  /// - Throws: ``ShapeError`` where there are not as many of one as of the other.
  public init(mean: [Double], scale: [Double]) throws {
    guard mean.count == scale.count else {
      throw ShapeError("\(mean.count) means need as many scales, found \(scale.count).")
    }
    self.mean = mean
    self.scale = scale
  }

  /// - Throws: `DecodingError` where there are not as many means as scales.
  public init(from decoder: any Swift.Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    mean = try values.decode([Double].self, forKey: .mean)
    scale = try values.decode([Double].self, forKey: .scale)
    guard mean.count == scale.count else {
      throw DecodingError.dataCorruptedError(
        forKey: .scale, in: values,
        debugDescription: "\(mean.count) means need as many scales, found \(scale.count).")
    }
  }

  /// From the rows that a model is fitted to.
  public init(_ rows: Rows) {
    try! self.init(streaming: rows)  // what is in memory can be read
  }

  /// From the rows that a model is fitted to, in two passes; what is missing (NaN) is left out.
  ///
  /// - Parameters:
  ///   - communicator: the ranks that hold the rows; `rows` are this rank's own.
  ///   - inTurn: whether each rank waits for those before it, and the bits are those of one rank.
  /// - Throws: what reading the rows throws.
  public init(
    streaming rows: some RowSource, communicator: any Communicator = SerialCommunicator(),
    inTurn: Bool = false
  ) throws {
    let columns = rows.columns
    func sums(_ terms: (Double, Int) -> (Double, Double)) throws -> (
      first: [Double], second: [Double]
    ) {
      func add(to all: inout [Double]) throws {
        try rows.forEachChunk(multipleOf: 1) { _, chunk in
          for row in 0..<chunk.count {
            for column in 0..<columns {
              let value = chunk.value(row, column)
              guard !value.isNaN else { continue }
              let (first, second) = terms(value, column)
              all[column] += first
              all[columns + column] += second
            }
          }
        }
      }
      let none = [Double](repeating: 0, count: 2 * columns)
      let all =
        try inTurn
        ? communicator.inTurn(from: none) { try add(to: &$0) }
        : communicator.sum(count: 2 * columns) {
          var all = none
          try add(to: &all)
          return all
        }
      return (Array(all[..<columns]), Array(all[columns...]))
    }
    let plain = try sums { value, _ in (value, 1) }
    let counts = plain.second.map { max(1, $0) }
    let centers = zip(plain.first, counts).map { $0 / $1 }
    let centered = try sums { value, column in
      let error = value - centers[column]
      return (error, error * error)
    }
    let columnSums = (0..<columns).map {
      CenteredSums(total: counts[$0], errors: centered.first[$0], squares: centered.second[$0])
    }
    let mean = zip(columnSums, centers).map { $0.mean(center: $1) }
    scale = zip(columnSums, mean).map { sums, mean in
      let deviation = sums.variance.squareRoot()
      return varies(deviation: deviation, mean: mean) ? deviation : 1
    }
    self.mean = mean
  }

  /// Whether it is of the same rows, for all that the rounding of sums can say.
  public func agrees(with other: Standardization) -> Bool {
    mean.count == other.mean.count
      && mean.indices.allSatisfy {
        abs(scale[$0] - other.scale[$0]) <= 1e-9 * scale[$0]
          && abs(mean[$0] - other.mean[$0]) <= 1e-9 * max(scale[$0], abs(mean[$0]))
      }
  }

  /// (value − mean) / scale of its column.
  public func apply(_ value: Double, column: Int) -> Double {
    (value - mean[column]) / scale[column]
  }

  /// Back to the data's own units.
  public func invert(_ value: Double, column: Int) -> Double {
    value * scale[column] + mean[column]
  }

  /// What log p(x) of a row is less in the data's units than in those of the standardized columns, in nats.
  public var logScale: Double {
    scale.reduce(0) { $0 + InstructionSet.reproducible.logarithm($1) }
  }

  /// The rows with every value standardized, as doubles.
  ///
  /// - Throws: ``ShapeError`` where they have not as many columns as there are means.
  public func apply(_ rows: Rows) throws -> Rows {
    try expect(columns: rows.columns)
    var matrix: Matrix<Double> = rows.matrix()
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns {
        matrix[row, column] = apply(matrix[row, column], column: column)
      }
    }
    return Rows(matrix)
  }

  fileprivate func expect(columns: Int) throws {
    guard columns == mean.count else {
      throw ShapeError(
        "The standardization is of \(mean.count) columns, the rows have \(columns).")
    }
  }
}

/// A source whose rows are standardized as they come.
public struct StandardizedRows<Source: RowSource>: RowSource {
  let source: Source
  let standardization: Standardization

  /// Rows to be standardized as they are read.
  public init(_ source: Source, _ standardization: Standardization) {
    self.source = source
    self.standardization = standardization
  }

  /// How many rows there are.
  public var count: Int { source.count }
  /// Values of a row.
  public var columns: Int { source.columns }
  public var chunkRows: Int { source.chunkRows }

  /// - Throws: ``ShapeError`` where the standardization is of another number of columns; what reading the
  ///   rows throws.
  public func forEachChunk(
    of size: Int, _ body: (_ first: Int, _ rows: Rows) throws -> Void
  ) throws {
    try standardization.expect(columns: columns)
    try source.forEachChunk(of: size) { try body($0, standardization.apply($1)) }
  }
}
