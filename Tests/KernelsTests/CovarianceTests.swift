import Foundation
import LatentKernels
import Testing

@Suite struct CovarianceTests {
  static let columns = 43

  static func rows(_ count: Int) -> Rows {
    var matrix = Matrix<Float>(rows: count, columns: columns)
    for i in matrix.values.indices {
      matrix.values[i] = Float((i * 7919 + 13) % 1009) / 100 + Float(i % columns * 1000)
    }
    return Rows(matrix)
  }

  func moments(
    _ chunks: [Rows], _ precision: Precision = .double, threads: Int = 2,
    on set: InstructionSet = .best
  ) throws -> SampleMoments {
    let accumulator = try CovarianceAccumulator(
      columns: Self.columns, precision: precision,
      backend: try FusedBackend(threads: threads, instructionSet: set))
    for chunk in chunks { try accumulator.add(chunk) }
    return accumulator.finish()
  }

  @Test func agreesWithTwoPasses() throws {
    let rows = Self.rows(700)
    let found = try moments([rows])
    let narrow = try moments([rows], .float)
    #expect(found.count == 700)
    let mean = (0..<Self.columns).map { column in
      (0..<700).reduce(0) { $0 + rows.value($1, column) } / 700
    }
    for i in 0..<Self.columns {
      #expect(abs(found.mean[i] - mean[i]) < 1e-13 * max(1, abs(mean[i])))
      for j in 0..<Self.columns {
        let covariance =
          (0..<700).reduce(0) {
            $0 + (rows.value($1, i) - mean[i]) * (rows.value($1, j) - mean[j])
          } / 700
        #expect(abs(found.covariance[i, j] - covariance) < 1e-12)
        #expect(abs(narrow.covariance[i, j] - covariance) < 1e-5)
      }
    }
  }

  /// Any number of threads, instruction set and cut into chunks.
  @Test(arguments: Precision.allCases)
  func sameBits(precision: Precision) throws {
    let rows = Self.rows(1000)
    let expected = try moments([rows], precision)
    for set in InstructionSet.available where set.keepsBits {
      for threads in [1, 3] {
        #expect(try moments([rows], precision, threads: threads, on: set) == expected)
      }
    }
    for cuts in [[1, 2, 999], [256, 512, 900], [10, 700, 701]] {
      let bounds = [0] + cuts + [1000]
      let chunks = zip(bounds, bounds.dropFirst()).map { rows.selecting(Array($0..<$1)) }
      #expect(try moments(chunks, precision) == expected)
    }
    #expect(try moments([Rows(rows.matrix(of: Double.self))], precision) == expected)
  }

  @Test func bytesAreGreyLevels() throws {
    let bytes = (0..<300 * Self.columns).map { UInt8(truncatingIfNeeded: $0 * 31) }
    let grey = try Rows(count: 300, columns: Self.columns, storage: .bytes(bytes))
    #expect(try moments([grey]) == moments([Rows(grey.matrix(of: Double.self))]))
  }

  @Test func otherWidthsAreRefused() throws {
    let accumulator = try CovarianceAccumulator(columns: 3, backend: try FusedBackend(threads: 1))
    #expect(throws: ShapeError.self) { try accumulator.add(Self.rows(2)) }
  }

  @Test(arguments: [(1000, 1), (2, 0), (2, 3), (0, 1)])
  func pivotsOfAnotherWidthAreRefused(columns: Int, count: Int) throws {
    let backend = try FusedBackend(threads: 1)
    #expect(throws: ShapeError.self) {
      try CovarianceAccumulator(
        columns: columns, backend: backend, pivot: [Double](repeating: 0, count: count))
    }
  }

  /// Of no columns there are no moments, by one rank as without ranks.
  @Test func noColumns() throws {
    let backend = try FusedBackend(threads: 1)
    let rows = Rows(Matrix<Float>(rows: 3, columns: 0))
    let alone = try CovarianceAccumulator(columns: 0, backend: backend)
    try alone.add(rows)
    let ranked = try CovarianceAccumulator(columns: 0, backend: backend)
    let moments = try ranked.finish(over: SerialCommunicator()) { try ranked.add(rows) }
    #expect(moments == alone.finish() && moments.count == 3)
  }

  @Test(arguments: [Int.min, -1, 1 << 30, 1 << 45, .max])
  func widthsThatNothingHoldsAreRefused(_ columns: Int) throws {
    let backend = try FusedBackend(threads: 1)
    #expect(throws: SettingError.self) {
      try CovarianceAccumulator(columns: columns, backend: backend)
    }
  }
}
