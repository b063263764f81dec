/// Which of all rows a rank holds: those of the ranks before it come first.
public struct RowShare: Sendable {
  /// The number of this rank's first row.
  public let first: Int
  /// Rows of this rank.
  public let count: Int
  /// Rows of all ranks.
  public let total: Int

  /// Their numbers.
  public var range: Range<Int> { first..<first + count }

  /// `range` of `total` rows.
  public init(_ range: Range<Int>, of total: Int) {
    (first, count, self.total) = (range.lowerBound, range.count, total)
  }

  /// Asks all ranks how many rows they hold.
  ///
  /// - Throws: a ``CommunicationError`` when a rank is lost.
  public init(_ count: Int, of communicator: any Communicator) throws {
    let counts = try communicator.byRank(count: 1) { [Double(count)] }.map { Int($0[0]) }
    self.count = count
    first = counts[..<communicator.rank].reduce(0, +)
    total = counts.reduce(0, +)
  }
}

extension Communicator {
  /// The rows that this rank reads of `count`: as many as the others, or one more.
  public func share(of count: Int) -> Range<Int> {
    let (each, rest) = count.quotientAndRemainder(dividingBy: size)
    let first = rank * each + min(rank, rest)
    return first..<first + each + (rank < rest ? 1 : 0)
  }

  /// The same, or where there are groups of rows the rows of whole groups.
  ///
  /// - Precondition: where there are groups, at least one.
  public func share(of count: Int, groups: Int?) -> Range<Int> {
    guard let groups else { return share(of: count) }
    let own = RowGroups.groups(groups, of: rank, size: size)
    let bounds = RowGroups.evenBounds(groups, of: count)
    return bounds[own.lowerBound]..<bounds[own.upperBound]
  }
}
