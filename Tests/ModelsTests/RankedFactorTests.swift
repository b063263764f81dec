import LatentKernels
import Testing

@testable import LatentModels

/// Factor models fitted by several ranks, each with its part of the rows.
@Suite struct RankedFactorTests {
  static let cuts = [[3000], [1500, 3000], [200, 1100, 3000], [0, 1, 2999, 3000]]
  static let rows = factorRows(3000, columns: 12, factors: 2)

  private func part(_ cuts: [Int], _ rank: Int) -> Range<Int> {
    (rank == 0 ? 0 : cuts[rank - 1])..<cuts[rank]
  }

  /// The largest difference, relative to the largest number of its kind.
  private func difference(_ a: any LinearGaussianModel, _ b: any LinearGaussianModel) -> Double {
    func compare(_ x: [Double], _ y: [Double]) -> Double {
      largestDifference(x, y) / y.reduce(0) { max($0, abs($1)) }
    }
    return max(
      compare(a.mean, b.mean), compare(a.dataLoadings.values, b.dataLoadings.values),
      compare(a.dataUniquenesses, b.dataUniquenesses))
  }

  @Test(.timeLimit(.minutes(1)), arguments: FactorConfiguration.Method.allCases)
  func factorAnalysis(
    method: FactorConfiguration.Method
  ) throws {
    let configuration = FactorConfiguration(factors: 2, method: method)
    let serial = try FactorAnalysis.fit(Self.rows, configuration)
    for cuts in Self.cuts {
      let board = ThreadCommunicator.Board(size: cuts.count)
      let models = try ThreadCommunicator.run(cuts.count, board: board) { communicator in
        try FactorAnalysis.fit(
          Self.rows[part(cuts, communicator.rank)], configuration,
          backend: FusedBackend(threads: 1), communicator: communicator)
      }.map { try $0.get() }
      if cuts.count == 1 { #expect(models[0] == serial) }
      for model in models {
        #expect(model == models[0])
        #expect(difference(model, serial) < 1e-9, "\(cuts)")
        #expect(model.report.observations == 3000)
        let (one, other) = (model.report.logLikelihood, serial.report.logLikelihood)
        #expect(abs(one - other) < 1e-9 * abs(other))
      }
    }
  }

  @Test(.timeLimit(.minutes(1))) func probabilisticPCA() throws {
    let serial = try ProbabilisticPCA.fit(Self.rows, factors: 3)
    for cuts in Self.cuts {
      let models = try ThreadCommunicator.run(cuts.count) { communicator in
        try ProbabilisticPCA.fit(
          Self.rows[part(cuts, communicator.rank)], factors: 3, backend: FusedBackend(threads: 1),
          communicator: communicator)
      }.map { try $0.get() }
      for model in models {
        #expect(difference(model, serial) < 1e-9)
        #expect(abs(model.logLikelihood - serial.logLikelihood) < 1e-9 * abs(serial.logLikelihood))
      }
    }
  }

  /// The moments of rows without gaps go in one message, each product once.
  @Test(.timeLimit(.minutes(1))) func oneMessage() throws {
    let board = ThreadCommunicator.Board(size: 2)
    _ = try ThreadCommunicator.run(2, board: board) { communicator in
      try FactorAnalysis.fit(
        Self.rows[communicator.share(of: 3000)], FactorConfiguration(factors: 2),
        backend: FusedBackend(threads: 1), communicator: communicator)
    }.map { try $0.get() }
    // Twice whether both could begin; the pivot; count, sums, products and whether a rank failed.
    #expect(board.reduced == 2 * 2 + (2 * 13 + 1) + (1 + 12 + 12 * 13 / 2 + 1))
    #expect(board.broadcasts == 0)
  }

  @Test(.timeLimit(.minutes(1))) func missingValues() throws {
    let gappy = removing(0.2, from: Self.rows)
    let configuration = FactorConfiguration(factors: 2, tolerance: 0, maximumIterations: 20)
    let serial = try FactorAnalysis.fit(gappy, configuration)
    for cuts in Self.cuts {
      let models = try ThreadCommunicator.run(cuts.count) { communicator in
        try FactorAnalysis.fit(
          gappy[part(cuts, communicator.rank)], configuration, backend: FusedBackend(threads: 1),
          communicator: communicator)
      }.map { try $0.get() }
      if cuts.count == 1 { #expect(models[0] == serial) }
      for model in models {
        #expect(model == models[0])
        #expect(difference(model, serial) < 1e-9, "\(cuts)")
        #expect(model.report.iterations == serial.report.iterations)
        let (one, other) = (model.report.logLikelihood, serial.report.logLikelihood)
        #expect(abs(one - other) < 1e-9 * abs(other))
      }
    }
  }

  @Test(.timeLimit(.minutes(1))) func oneRankFails() throws {
    var matrix: Matrix<Double> = Self.rows.matrix()
    matrix[2222, 0] = .nan
    matrix[2500, 4] = .infinity
    let rows = Rows(matrix)
    let results = ThreadCommunicator.run(2) { communicator in
      try FactorAnalysis.fit(
        rows[communicator.share(of: 3000)], FactorConfiguration(factors: 2),
        backend: FusedBackend(threads: 1), communicator: communicator)
    }
    let sentence = "Row 2501, column 5 is infinite"
    #expect { try results[1].get() } throws: { "\($0)".hasPrefix(sentence) && $0 is DataError }
    #expect { try results[0].get() } throws: { "\($0)".hasPrefix("Rank 1: \(sentence)") }
  }
}
