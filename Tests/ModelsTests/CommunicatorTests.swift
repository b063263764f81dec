import LatentKernels
import LatentModels
import Testing

@Suite struct CommunicatorTests {
  @Test func sharesCoverAllRows() {
    for size in 1...5 {
      for count in [0, 1, 4, 5, 1003] {
        let board = ThreadCommunicator.Board(size: size)
        let shares = (0..<size).map { ThreadCommunicator(rank: $0, board: board).share(of: count) }
        #expect(shares.flatMap { Array($0) } == Array(0..<count))
        #expect(shares.map(\.count).max()! - shares.map(\.count).min()! <= 1)
      }
    }
  }

  @Test(.timeLimit(.minutes(1))) func gathersInTheOrderOfTheRanks() throws {
    let results = ThreadCommunicator.run(4) { communicator in
      let own = [Int](repeating: communicator.rank, count: 3 - communicator.rank)
      let share = try RowShare(own.count, of: communicator)
      return (try communicator.gather(own), share.first, share.total)
    }
    for (rank, result) in results.enumerated() {
      let (all, first, total) = try result.get()
      #expect(all == [0, 0, 0, 1, 1, 2] && first == [0, 3, 5, 6][rank] && total == 6)
    }
  }

  /// The first of several errors is told; whoever did its part learns it, too.
  @Test(.timeLimit(.minutes(1))) func errorsReachAllRanks() {
    for failing in [[0], [2], [1, 3], [0, 1, 2, 3]] {
      let results = ThreadCommunicator.run(4) { communicator in
        try communicator.sum(count: 2) {
          guard !failing.contains(communicator.rank) else {
            throw SettingError("no \(communicator.rank)")
          }
          return [1, 2]
        }
      }
      for (rank, result) in results.enumerated() {
        #expect {
          try result.get()
        } throws: { error in
          rank == failing[0]
            ? error as? SettingError == SettingError("no \(rank)")
            : error as? RankError == RankError(rank: failing[0], "no \(failing[0])")
        }
      }
    }
  }

  /// Where one rank alone has made a mistake, none waits for the others.
  @Test(.timeLimit(.minutes(1))) func mistakesOfOneRankReachAll() throws {
    let counts = ThreadCommunicator.run(3) { communicator in
      try communicator.byRank(count: 2) { communicator.rank == 1 ? [1] : [1, 2] }
    }
    let facts = ThreadCommunicator.run(3) { communicator in
      try communicator.agree(on: try agreement(failing: communicator.rank == 1))
    }
    let pivots = ThreadCommunicator.run(2) { communicator in
      let accumulator = try CovarianceAccumulator(columns: 3, backend: FusedBackend(threads: 1))
      return try accumulator.finish(over: communicator) {}
    }
    for rank in 0..<3 {
      #expect(throws: (any Error).self) { try counts[rank].get() }
      #expect(throws: (any Error).self) { try facts[rank].get() }
    }
    #expect(throws: ShapeError.self) { try counts[1].get() }
    #expect(throws: DataError("no file")) { try facts[1].get() }
    for result in pivots { #expect(throws: SettingError.self) { try result.get() } }
    #expect(throws: ShapeError.self) { try SerialCommunicator().byRank(count: 2) { [1] } }
    #expect(throws: ShapeError.self) { try SerialCommunicator().sum(count: 2) { [1] } }
  }

  private func agreement(failing: Bool) throws -> Agreement {
    guard !failing else { throw DataError("no file") }
    return Agreement()
  }

  @Test(.timeLimit(.minutes(1))) func differencesAreNamed() throws {
    @Sendable func facts(_ rank: Int) -> Agreement {
      var agreement = Agreement()
      agreement.add("version", "1:2, \"ü\"")
      agreement.add("columns", rank == 2 ? 4000 : 3000)
      agreement.add("batchSize", rank == 2 ? 64 : 128)
      if rank == 3 { agreement.add("beta", 2) }
      return agreement
    }
    for result in ThreadCommunicator.run(2, { try $0.agree(on: facts($0.rank)) }) {
      try result.get()
    }
    let three = ThreadCommunicator.run(3) { try $0.agree(on: facts($0.rank)) }
    #expect { try three[0].get() } throws: {
      "\($0)"
        == "Rank 2: columns is 4000 where rank 0 has 3000, and 1 more differ; give all ranks the "
        + "same data, options and version."
    }
    #expect(throws: DisagreementError.self) { try three[2].get() }
    let more = ThreadCommunicator.run(2) { try $0.agree(on: facts($0.rank == 1 ? 3 : 0)) }
    #expect { try more[0].get() } throws: {
      "\($0)".hasPrefix("Rank 1: beta is 2 where rank 0 has none; ")
    }
    let fewer = ThreadCommunicator.run(2) { try $0.agree(on: facts($0.rank == 1 ? 0 : 3)) }
    #expect { try fewer[0].get() } throws: {
      "\($0)".hasPrefix("Rank 1: beta is not given where rank 0 has 2; ")
    }
  }
}
