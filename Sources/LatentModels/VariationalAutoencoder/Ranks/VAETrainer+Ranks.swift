import LatentIO
import LatentKernels

extension VAETrainer {
  /// Whether any rank was asked to stop; all of them ask together.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost.
  public func anyStops(_ isAsked: Bool) throws -> Bool { try !communicator.all(!isAsked) }

  /// Of an epoch that was stopped, what this rank goes on with: its own groups of rows; without groups
  /// rank 0 has it all.
  func ownPart(of partial: PartialEpoch) -> PartialEpoch {
    var sums = partial
    guard let count = configuration.rowGroups else {
      if communicator.rank != 0 { sums.sums = [0, 0, 0] }
      return sums
    }
    sums.sums = [0, 0, 0]
    let own = RowGroups.groups(count, of: communicator.rank, size: communicator.size)
    sums.groups = (0..<3 * count).map { own.contains($0 / 3) ? partial.groups?[$0] ?? 0 : 0 }
    return sums
  }

  /// Over all ranks.
  func total(_ own: PartialEpoch) throws -> PartialEpoch {
    var sums = own
    guard var groups = own.groups else {
      try communicator.allReduce(&sums.sums)
      return sums
    }
    // One rank has each group; zeros change nothing.
    try communicator.allReduce(&groups)
    sums.groups = groups
    sums.sums = (0..<3).map { term in
      stride(from: term, to: groups.count, by: 3).reduce(0) { $0 + groups[$1] }
    }
    return sums
  }
}

extension TrainingConfiguration {
  /// - Throws: ``SettingError`` for what so many ranks cannot share.
  func validate(ranks: Int, rows: Int) throws {
    guard ranks > 1 else { return }
    guard inference == .amortized else {
      throw SettingError(
        "Inference by gradient steps on each row runs on one rank, found \(ranks); use --inference "
          + "amortized, or start one.")
    }
    guard batchSize >= ranks else {
      throw SettingError(
        "A batch of \(batchSize) rows cannot be shared by \(ranks) ranks; choose --batch-size "
          + "\(ranks) or more.")
    }
    guard rows >= ranks else {
      throw SettingError("\(rows) rows cannot be shared by \(ranks) ranks; start fewer.")
    }
  }
}

extension HeldRows {
  /// All rows of a data set.
  init(allOf data: Dataset) {
    self.init(data, communicator: SerialCommunicator())
  }

  /// - Throws: ``SettingError`` where the ranks are more than the groups.
  func groups(_ count: Int?, ranks: Int) throws -> RowGroups? {
    try count.map {
      try RowGroups(
        $0, bounds: bounds ?? RowGroups.evenBounds($0, of: share.total), ranks: ranks)
    }
  }
}
