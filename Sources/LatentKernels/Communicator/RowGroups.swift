/// Fixed ranges of rows, each summed by itself, and a fixed tree that joins the sums: the same bits for any
/// number of ranks up to that of the groups, one included.
public struct RowGroups: Sendable, Equatable {
  /// How many.
  public let count: Int
  /// The first row of each group, and behind the last one how many rows there are.
  public let bounds: [Int]

  /// - Parameter bounds: where `count` ranges of rows begin and end.
  /// - Throws: ``ShapeError`` for no groups, or bounds of another number or that fall; ``SettingError`` where
  ///   the ranks are too many, since each has whole groups.
  public init(_ count: Int, bounds: [Int], ranks: Int) throws {
    guard count > 0, bounds.count == count + 1,
      zip(bounds, bounds.dropFirst()).allSatisfy({ $0 <= $1 })
    else {
      throw ShapeError(
        "\(count) groups of rows need as many bounds and one, none below the one before, found \(bounds)."
      )
    }
    guard ranks <= count else {
      throw SettingError(
        "Sums of \(count) groups of rows are shared by at most \(count) ranks, found \(ranks); choose "
          + "more with --row-groups, which changes the bits.")
    }
    (self.count, self.bounds) = (count, bounds)
  }

  /// Numbers of groups that are taken.
  package static let allowedCounts = 2...4096

  /// - Throws: ``SettingError`` for another number of groups than ``allowedCounts``; none at all will do.
  package static func check(_ count: Int?) throws(SettingError) {
    guard let count, !(allowedCounts ~= count) else { return }
    throw SettingError(
      "The number of row groups must be \(allowedCounts.lowerBound)...\(allowedCounts.upperBound), "
        + "found \(count).")
  }

  /// `count` ranges of `total` rows, as even as they can be.
  ///
  /// - Precondition: at least one.
  public static func evenBounds(_ count: Int, of total: Int) -> [Int] {
    (0...count).map { total * $0 / count }
  }

  /// The groups that a rank of `size` sums, of `count`.
  public static func groups(_ count: Int, of rank: Int, size: Int) -> Range<Int> {
    count * rank / size..<count * (rank + 1) / size
  }

  /// The rows of a group.
  public func rows(of group: Int) -> Range<Int> { bounds[group]..<bounds[group + 1] }

  /// The group that a row is in.
  public func group(of row: Int) -> Int {
    var (low, high) = (0, count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if bounds[middle] <= row { low = middle } else { high = middle }
    }
    return low
  }

  private func owner(of group: Int, size: Int) -> Int { ((group + 1) * size - 1) / count }

  /// Joins the sums of all groups by halves, into `buffers[0]` of every rank.
  ///
  /// - Parameters:
  ///   - buffers: ``buffersNeeded`` of one size.
  ///   - sum: writes the sum over a group's rows; called for the groups of this rank, in their order.
  /// - Throws: a ``CommunicationError`` when a rank is lost.
  public func reduce(
    _ buffers: [UnsafeMutableBufferPointer<Float>], over communicator: any Communicator,
    sum: (_ group: Int, UnsafeMutableBufferPointer<Float>) -> Void
  ) throws {
    let (rank, size) = (communicator.rank, communicator.size)
    let own = Self.groups(count, of: rank, size: size)
    func join(_ range: Range<Int>, _ depth: Int) throws {
      guard range.count > 1 else { return sum(range.lowerBound, buffers[depth]) }
      let middle = (range.lowerBound + range.upperBound) / 2
      let (left, right) = (range.lowerBound..<middle, middle..<range.upperBound)
      if left.overlaps(own) { try join(left, depth) }
      let second = left.overlaps(own) ? depth + 1 : depth
      if right.overlaps(own) { try join(right, second) }
      let (receiver, sender) = (
        owner(of: range.lowerBound, size: size), owner(of: middle, size: size)
      )
      if sender == rank, receiver != rank {
        try communicator.send(UnsafeRawBufferPointer(buffers[second]), to: receiver)
      }
      guard receiver == rank else { return }
      if sender != rank {
        try communicator.receive(UnsafeMutableRawBufferPointer(buffers[second]), from: sender)
      }
      add(buffers[second], to: buffers[depth])
    }
    try join(0..<count, 0)
    if size > 1 { try communicator.broadcast(UnsafeMutableRawBufferPointer(buffers[0]), from: 0) }
  }

  /// How deep the tree is, and one.
  public var buffersNeeded: Int { Int.bitWidth - (count - 1).leadingZeroBitCount + 1 }

  private func add(
    _ source: UnsafeMutableBufferPointer<Float>, to target: UnsafeMutableBufferPointer<Float>
  ) {
    let whole = target.count / 16 * 16
    let (from, to) = (source.baseAddress!, target.baseAddress!)
    for i in stride(from: 0, to: whole, by: 16) {
      let sum =
        UnsafeRawPointer(to + i).loadUnaligned(as: SIMD16<Float>.self)
        + UnsafeRawPointer(from + i).loadUnaligned(as: SIMD16<Float>.self)
      UnsafeMutableRawPointer(to + i).storeBytes(of: sum, as: SIMD16<Float>.self)
    }
    for i in whole..<target.count { to[i] += from[i] }
  }
}
