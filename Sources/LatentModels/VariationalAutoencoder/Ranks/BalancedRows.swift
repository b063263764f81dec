import LatentKernels

/// Which rank computes which rows of a batch.
///
/// Each rank holds a range of all rows, and a batch is drawn from all: of 512 rows one of two ranks would
/// have 265 on average, and the other one waits. So neighbours both hold the rows around the bound between
/// them, and a batch is cut there where its parts are even, as far as both sides hold the rows.
struct BalancedRows: Sendable {
  /// Where the ranks' own rows begin, and behind the last one how many there are.
  let bounds: [Int]
  /// How many rows on either side of a bound both neighbours hold.
  let margin: Int

  init(bounds: [Int], margin: Int) {
    let fewest = zip(bounds, bounds.dropFirst()).map { $1 - $0 }.min() ?? 0
    // The cuts at both ends of a rank's rows stay apart.
    (self.bounds, self.margin) = (bounds, min(margin, fewest / 4))
  }

  /// - Parameters:
  ///   - batchSize: rows of a batch; nil where each rank computes its own rows and no others.
  ///   - rowBytes: what a row takes in memory; margins take 256 MiB at most.
  /// - Throws: a ``CommunicationError`` when a rank is lost.
  init(
    _ share: RowShare, batchSize: Int?, rowBytes: Int, over communicator: any Communicator
  ) throws {
    let firsts = try communicator.byRank(count: 1) { [Double(share.first)] }.map { Int($0[0]) }
    // The row that halves a batch has a standard deviation of total / (2 √batchSize), others a smaller one.
    let margin = batchSize.map { Int(Double(share.total) / Double($0).squareRoot()) } ?? 0
    self.init(
      bounds: firsts + [share.total], margin: min(margin, (1 << 28) / max(1, rowBytes)))
  }

  /// The rows that a rank must have.
  func reach(of rank: Int) -> Range<Int> {
    max(0, bounds[rank] - margin)..<min(bounds[bounds.count - 1], bounds[rank + 1] + margin)
  }

  /// The rows that a rank computes of a batch, in the batch's order; every row is computed once.
  func rows(of batch: ArraySlice<UInt32>, on rank: Int) -> [UInt32] {
    let own = cut(batch, before: rank)..<cut(batch, before: rank + 1)
    return batch.filter { own.contains(Int($0)) }
  }

  /// The first row that is not left to the ranks before.
  private func cut(_ batch: ArraySlice<UInt32>, before rank: Int) -> Int {
    let (ranks, bound) = (bounds.count - 1, bounds[rank])
    guard rank > 0, rank < ranks, margin > 0 else { return bound }
    let both = bound - margin..<bound + margin
    let shared = batch.filter { both.contains(Int($0)) }.sorted()
    let before = batch.count { $0 < both.lowerBound }
    let wanted = batch.count * rank / ranks - before
    if wanted <= 0 { return both.lowerBound }
    return wanted < shared.count ? Int(shared[wanted]) : both.upperBound
  }
}

extension BatchSource {
  /// Takes the rows around this rank's own from the ranks that hold them.
  ///
  /// - Throws: a ``CommunicationError`` when a rank is lost.
  mutating func borrow(_ balanced: BalancedRows, over communicator: any Communicator) throws {
    guard balanced.margin > 0 else { return }
    let reach = balanced.reach(of: communicator.rank)
    for bound in 1..<communicator.size {
      let first = balanced.bounds[bound]
      let (before, after) = (first - balanced.margin..<first, first..<first + balanced.margin)
      if communicator.rank == bound - 1 {
        try communicator.send(UnsafeRawBufferPointer(values(of: before, within: reach)), to: bound)
        try communicator.receive(values(of: after, within: reach), from: bound)
        noteBorrowed(after)
      } else if communicator.rank == bound {
        try communicator.receive(values(of: before, within: reach), from: bound - 1)
        try communicator.send(
          UnsafeRawBufferPointer(values(of: after, within: reach)), to: bound - 1)
        noteBorrowed(before)
      }
    }
  }
}
