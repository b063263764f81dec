import LatentKernels

/// The rows of a data set that a rank holds, which follow those of the ranks before it.
public struct HeldRows: Sendable {
  /// The rows that are here.
  public let data: Dataset
  /// Where they are among all rows.
  public let share: RowShare
  /// Where groups of all rows begin, and the number of all rows; nil without groups.
  public let bounds: [Int]?

  /// The part of a data set that a rank takes, without groups; all ranks have all of it.
  public init(_ whole: Dataset, communicator: any Communicator) {
    let own = communicator.share(of: whole.rows.count)
    self.init(whole, own, bounds: nil)
  }

  /// The part of a data set that a rank takes; all ranks have all of it.
  ///
  /// - Parameter groups: of rows, where ranks hold whole groups.
  /// - Throws: ``SettingError`` unless the groups are 2...4096.
  public init(_ whole: Dataset, groups: Int?, communicator: any Communicator) throws {
    try RowGroups.check(groups)
    let count = whole.rows.count
    self.init(
      whole, communicator.share(of: count, groups: groups),
      bounds: groups.map { RowGroups.evenBounds($0, of: count) })
  }

  private init(_ whole: Dataset, _ own: Range<Int>, bounds: [Int]?) {
    data = own.count == whole.rows.count ? whole : whole.selecting(Array(own))
    share = RowShare(own, of: whole.rows.count)
    self.bounds = bounds
  }

  /// The part of a file that a rank reads.
  ///
  /// - Throws: on all ranks, where one fails: ``FileError``, ``DisagreementError`` or ``RankError``;
  ///   ``SettingError`` unless the groups are 2...4096.
  public init(
    file path: String, options: LoadOptions, allowMissing: Bool, groups: Int?,
    communicator: any Communicator
  ) throws {
    let file = try RowFile(path, options: options, communicator: communicator, groups: groups)
    try file.validateFinite(allowMissing: allowMissing)
    let rows = try communicator.unanimously { try file.held() }
    data = Dataset(
      name: path, rows: rows, imageShape: file.imageShape, columnNames: file.columnNames,
      labels: nil,
      lines: nil)
    share = RowShare(file.range, of: file.fileRows)
    bounds = groups.map { RowGroups.evenBounds($0, of: file.fileRows) }
  }

  private init(_ data: Dataset, _ share: RowShare, _ bounds: [Int]?) {
    (self.data, self.share, self.bounds) = (data, share, bounds)
  }

  /// Sets a fraction of all rows aside: those that ``Dataset/split(heldOutFraction:seed:)`` does. A rank
  /// keeps what it holds, and groups keep their rows.
  ///
  /// - Throws: ``SettingError`` unless both parts get a row.
  public func split(
    heldOutFraction fraction: Double, seed: UInt64
  ) throws -> (training: HeldRows, heldOut: HeldRows) {
    let held = try heldOutCount(fraction, of: share.total, name: data.name)
    let part = SplitPart(of: share.total, heldOut: held, seed: seed)
    func select(_ part: SplitPart) -> HeldRows {
      var own: [Int] = []
      var newBounds: [Int]?
      var (first, count) = (0, 0)
      var next = bounds?[...] ?? []
      if bounds != nil { newBounds = [] }
      for row in 0..<share.total {
        while next.first == row {
          newBounds?.append(count)
          next.removeFirst()
        }
        if row == share.first { first = count }
        guard part.contains(row) else { continue }
        if share.range.contains(row) { own.append(row - share.first) }
        count += 1
      }
      newBounds? += next.map { _ in count }
      if own.isEmpty { first = min(first, count) }
      return HeldRows(
        data.selecting(own), RowShare(first..<first + own.count, of: count), newBounds)
    }
    return (select(part.complement(of: share.total)), select(part))
  }
}
