#if OpenBLAS
  import LatentIO
  import LatentKernels
  import LatentModels
  import Testing

  /// Mixtures fitted by several ranks, each with its part of the rows.
  @Suite struct RankedMixtureTests {
    static let kinds: [CovarianceKind] = [
      .full, .tied, .diagonal, .spherical, .factorAnalytic(factors: 2),
    ]
    /// Where the parts of 5,000 rows end: alone, even, uneven, and with ranks that have one row or none.
    static let cuts = [[5000], [2500, 5000], [700, 3000, 5000], [0, 1, 4999, 5000]]

    typealias Fit = (model: GaussianMixture, report: MixtureReport)

    /// Fits on so many ranks, checks that all have the same model, and returns it.
    static func fit(
      _ rows: Rows, _ configuration: MixtureConfiguration, cuts: [Int], weights: [Double]? = nil,
      chunk: Int? = nil, board: ThreadCommunicator.Board? = nil
    ) throws -> Fit {
      let fits = try ThreadCommunicator.run(cuts.count, board: board) { communicator -> Fit in
        let range = part(cuts, communicator.rank)
        let own = rows[range]
        let weights = weights.map { Array($0[range]) }
        let backend = try FusedBackend(threads: 1)
        if let chunk {
          return try GaussianMixture.fit(
            StreamedRows(rows: own, chunkRows: chunk), configuration, sampleWeights: weights,
            backend: backend, communicator: communicator)
        }
        return try GaussianMixture.fit(
          own, configuration, sampleWeights: weights, backend: backend, communicator: communicator)
      }.map { try $0.get() }
      for other in fits {
        #expect(other.model == fits[0].model && other.report == fits[0].report)
      }
      return fits[0]
    }

    static func part(_ cuts: [Int], _ rank: Int) -> Range<Int> {
      (rank == 0 ? 0 : cuts[rank - 1])..<cuts[rank]
    }

    /// The largest difference of any parameter, relative to the largest number of its kind.
    static func difference(_ a: Fit, _ b: Fit) -> Double {
      func compare(_ x: [Double], _ y: [Double]) -> Double {
        largestDifference(x, y) / y.reduce(0) { max($0, abs($1)) }
      }
      func covariances(_ model: GaussianMixture) -> [Double] {
        (0..<model.components).flatMap {
          model.covariances.matrix($0, columns: model.columns).values
        }
      }
      return max(
        compare(a.model.weights, b.model.weights),
        compare(a.model.means.values, b.model.means.values),
        compare(covariances(a.model), covariances(b.model)),
        compare([a.report.logLikelihood], [b.report.logLikelihood]),
        compare(a.report.lowerBounds.flatMap { $0 }, b.report.lowerBounds.flatMap { $0 }))
    }

    @Test(.timeLimit(.minutes(1)), arguments: kinds) func sameFitAsOneRank(
      kind: CovarianceKind
    ) throws {
      let configuration = MixtureConfiguration(
        components: 4, covariance: kind, tolerance: 0, maximumIterations: 10, restarts: 2, seed: 3)
      let serial = try GaussianMixture.fit(StreamingTests.table, configuration)
      for cuts in Self.cuts {
        let ranked = try Self.fit(StreamingTests.table, configuration, cuts: cuts)
        if cuts.count == 1 {
          #expect(ranked.model == serial.model && ranked.report == serial.report)
        }
        #expect(Self.difference(ranked, serial) < 1e-9, "\(kind) \(cuts)")
        let streamed = try Self.fit(StreamingTests.table, configuration, cuts: cuts, chunk: 1600)
        #expect(streamed.model == ranked.model && streamed.report == ranked.report)
      }
    }

    /// Densities have float's rounding, wherever the rows are.
    @Test(.timeLimit(.minutes(1)), arguments: kinds) func floats(kind: CovarianceKind) throws {
      let configuration = MixtureConfiguration(
        components: 4, covariance: kind, tolerance: 0, maximumIterations: 10, seed: 3,
        precision: .float)
      for rows in [StreamingTests.table, StreamingTests.floats] {
        let serial = try GaussianMixture.fit(rows, configuration)
        let ranked = try Self.fit(rows, configuration, cuts: [700, 3000, 5000])
        #expect(Self.difference(ranked, serial) < 1e-5)
      }
    }

    @Test(.timeLimit(.minutes(1))) func weightsAndRandomPoints() throws {
      let weights = (0..<StreamingTests.table.count).map { Double($0 % 3) / 2 }
      for initialization in [MixtureInitialization.kMeans, .randomPoints] {
        let configuration = MixtureConfiguration(
          components: 3, tolerance: 0, maximumIterations: 10, initialization: initialization,
          seed: 8)
        let serial = try GaussianMixture.fit(
          StreamingTests.table, configuration, sampleWeights: weights)
        for cuts in Self.cuts {
          let ranked = try Self.fit(
            StreamingTests.table, configuration, cuts: cuts, weights: weights)
          #expect(Self.difference(ranked, serial) < 1e-9)
        }
      }
    }

    /// Gaps on one rank only, too.
    @Test(.timeLimit(.minutes(1)), arguments: [0, 4000]) func missingValues(from row: Int) throws {
      var gappy = removing(0.1, from: StreamingTests.table).matrix(of: Double.self)
      let whole = StreamingTests.table.matrix(of: Double.self)
      for i in 0..<row * gappy.columns { gappy.values[i] = whole.values[i] }
      for kind in Self.kinds {
        let configuration = MixtureConfiguration(
          components: 3, covariance: kind, tolerance: 0, maximumIterations: 8, seed: 5)
        let serial = try GaussianMixture.fit(Rows(gappy), configuration)
        for cuts in Self.cuts {
          let ranked = try Self.fit(Rows(gappy), configuration, cuts: cuts)
          #expect(Self.difference(ranked, serial) < 1e-9, "\(kind) \(cuts)")
        }
      }
    }

    /// One message an iteration, with symmetric matrices sent once.
    @Test(.timeLimit(.minutes(1))) func messages() throws {
      for (kind, squares) in [
        (CovarianceKind.full, 4 * 5 / 2), (.tied, 0), (.diagonal, 4), (.spherical, 4),
      ] {
        func traffic(_ iterations: Int) throws -> (messages: Int, numbers: Int, broadcasts: Int) {
          let board = ThreadCommunicator.Board(size: 2)
          let configuration = MixtureConfiguration(
            components: 3, covariance: kind, tolerance: 0, maximumIterations: iterations)
          _ = try Self.fit(StreamingTests.table, configuration, cuts: [2500, 5000], board: board)
          return (board.reductions, board.reduced, board.broadcasts)
        }
        let (few, many) = (try traffic(2), try traffic(12))
        #expect(many.messages - few.messages == 10)
        // The log-likelihood, counts, sums and squares, and whether a rank failed.
        #expect(many.numbers - few.numbers == 10 * (1 + 3 * (1 + 4 + squares) + 1))
        #expect(many.broadcasts == few.broadcasts)
      }
    }

    @Test(.timeLimit(.minutes(1))) func choices() throws {
      let rows = StreamingTests.table[0..<1500]
      let weights = (0..<rows.count).map { 1 + Double($0 % 2) }
      let configuration = MixtureConfiguration(
        components: 1, covariance: .diagonal, tolerance: 0, maximumIterations: 5)
      let serial = try GaussianMixture.select(
        components: 1...3, rows, configuration, folds: 3, sampleWeights: weights)
      let ranked = ThreadCommunicator.run(3) { communicator in
        let range = communicator.share(of: rows.count)
        return try GaussianMixture.select(
          components: 1...3, rows[range], configuration, folds: 3,
          sampleWeights: Array(weights[range]), backend: FusedBackend(threads: 1),
          communicator: communicator)
      }
      for selection in try ranked.map({ try $0.get() }) {
        for (a, b) in zip(selection.candidates, serial.candidates) {
          for (x, y) in [
            (a.logLikelihood, b.logLikelihood), (a.bic, b.bic), (a.aic, b.aic), (a.icl, b.icl),
            (a.heldOut!, b.heldOut!),
          ] { #expect(abs(x - y) < 1e-9 * abs(y)) }
          #expect(a.components == b.components && a.parameterCount == b.parameterCount)
        }
      }
    }

    /// Where one rank cannot go on, all end: with its own error there, with its sentence elsewhere.
    @Test(.timeLimit(.minutes(1))) func oneRankFails() throws {
      var matrix: Matrix<Double> = StreamingTests.table.matrix()
      matrix[4321, 2] = .infinity
      let rows = Rows(matrix)
      let results = ThreadCommunicator.run(3) { communicator in
        try GaussianMixture.fit(
          rows[communicator.share(of: rows.count)], MixtureConfiguration(components: 2),
          backend: FusedBackend(threads: 1), communicator: communicator)
      }
      let sentence = "Row 4322, column 3 is infinite"
      for (rank, result) in results.enumerated() {
        #expect {
          try result.get()
        } throws: { error in
          guard rank == 2 else {
            return (error as? RankError)?.rank == 2 && "\(error)".hasPrefix("Rank 2: \(sentence)")
          }
          return (error as? DataError)?.description.hasPrefix(sentence) ?? false
        }
      }
      // In the middle of EM.
      let late = ThreadCommunicator.run(2) { communicator in
        try GaussianMixture.fit(
          FailingRows(
            rows: StreamingTests.table, failing: communicator.rank == 1, countdown: Countdown(25)),
          MixtureConfiguration(components: 2, tolerance: 0, maximumIterations: 50),
          backend: FusedBackend(threads: 1), communicator: communicator)
      }
      #expect(throws: RankError.self) { try late[0].get() }
      #expect(throws: DataError.self) { try late[1].get() }
    }

    /// Too few different rows are counted over all ranks.
    @Test(.timeLimit(.minutes(1))) func distinctRows() throws {
      let rows = Rows(try Matrix<Double>(rows: 6, columns: 1, values: [1, 1, 2, 1, 2, 2]))
      for components in 1...3 {
        let results = ThreadCommunicator.run(3) { communicator in
          try GaussianMixture.fit(
            rows[communicator.share(of: 6)], MixtureConfiguration(components: components),
            backend: FusedBackend(threads: 1), communicator: communicator)
        }
        for result in results {
          if components < 3 {
            _ = try result.get()
          } else {
            #expect(throws: SettingError.self) { try result.get() }
          }
        }
      }
    }
  }

  /// How many passes are left.
  private final class Countdown: @unchecked Sendable {
    var left: Int
    init(_ left: Int) { self.left = left }
  }

  /// A stream that breaks off after some passes.
  private struct FailingRows: RowSource {
    let rows: Rows
    let failing: Bool
    let countdown: Countdown

    var count: Int { rows.count }
    var columns: Int { rows.columns }
    var chunkRows: Int { 2000 }

    func forEachChunk(
      of size: Int, _ body: (_ first: Int, _ rows: Rows) throws -> Void
    ) throws {
      countdown.left -= 1
      guard !failing || countdown.left > 0 else { throw DataError("The disk is gone.") }
      try rows.forEachChunk(of: size, body)
    }
  }
#endif
