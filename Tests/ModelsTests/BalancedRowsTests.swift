import LatentKernels
import Testing

@testable import LatentModels

/// A batch dealt to ranks that hold a few rows of their neighbours.
@Suite struct BalancedRowsTests {
  @Test func everyRowIsComputedOnce() {
    var random = SaneConfigurationTests.Random(state: 2)
    for _ in 0..<200 {
      var bounds = [0]
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        bounds.append(bounds.last! + Int.random(in: 0...60, using: &random))
      }
      let total = bounds.last!
      let balanced = BalancedRows(bounds: bounds, margin: Int.random(in: 0...30, using: &random))
      let batch = (0..<UInt32(total)).shuffled(using: &random).prefix(
        Int.random(in: 0...total, using: &random))
      let shares = (0..<bounds.count - 1).map { balanced.rows(of: batch, on: $0) }
      #expect(shares.flatMap { $0 }.sorted() == batch.sorted(), "\(balanced)")
      for (rank, rows) in shares.enumerated() {
        #expect(rows.allSatisfy { balanced.reach(of: rank).contains(Int($0)) }, "\(balanced)")
        // In the batch's order.
        let own = Set(rows)
        #expect(rows == batch.filter { own.contains($0) })
      }
    }
  }

  /// Even parts of 512 of 60,000 rows, but for one batch in twenty, and those nearly.
  @Test func partsAreEven() {
    let balanced = BalancedRows(bounds: [0, 30_000, 60_000], margin: 2651)
    var random = SaneConfigurationTests.Random(state: 1)
    let uneven = (0..<200).map { _ in
      let batch = (0..<UInt32(60_000)).shuffled(using: &random).prefix(512)
      return abs(256 - balanced.rows(of: batch, on: 0).count)
    }
    #expect(uneven.count { $0 == 0 } >= 180 && uneven.max()! < 16, "\(uneven)")
    let alone = BalancedRows(bounds: [0, 30_000, 60_000], margin: 0)
    let batch = (0..<UInt32(60_000)).shuffled(using: &random).prefix(512)
    #expect(alone.rows(of: batch, on: 1) == batch.filter { $0 >= 30_000 })
  }

  /// What came from the neighbours is what they hold, and what it says of the whole is known.
  @Test(.timeLimit(.minutes(1)), arguments: [2, 3, 5]) func neighboursLend(ranks: Int) throws {
    var whole = Matrix<Float>(rows: 60, columns: 3)
    for i in whole.values.indices { whole.values[i] = Float(i % 2) }
    for (row, value) in [(-1, Float(0)), (29, 7), (30, .nan)] {
      if row >= 0 { whole[row, 1] = value }
      let all = BatchSource(Rows(whole), transform: .none)
      let matrix = whole
      let results = ThreadCommunicator.run(ranks) { communicator in
        let own = communicator.share(of: 60)
        let share = RowShare(own, of: 60)
        let values = Array(matrix.values[own.lowerBound * 3..<own.upperBound * 3])
        let rows = try Rows(Matrix<Float>(rows: own.count, columns: 3, values: values))
        let balanced = try BalancedRows(share, batchSize: 16, rowBytes: 12, over: communicator)
        #expect(balanced.margin == min(15, 60 / communicator.size / 4))
        var source = BatchSource(rows, share: share, transform: .none)
        try source.borrow(balanced, over: communicator)
        let reach = balanced.reach(of: communicator.rank)
        let held = source.values(of: reach, within: reach).bindMemory(to: UInt32.self)
        let expected = matrix.values[reach.lowerBound * 3..<reach.upperBound * 3]
        #expect(Array(held) == expected.map(\.bitPattern))
        #expect(source.isBinary == expected.allSatisfy { $0 == 0 || $0 == 1 })
        #expect(source.hasMissing == expected.contains { $0.isNaN })
      }
      for result in results { try result.get() }
      #expect(all.hasMissing == (row == 30))
    }
  }
}
