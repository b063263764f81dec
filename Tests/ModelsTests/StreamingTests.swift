#if OpenBLAS
  import LatentKernels
  import LatentModels
  import Testing

  /// Rows that pretend not to be in memory.
  struct StreamedRows: RowSource {
    let rows: Rows
    let chunkRows: Int

    var count: Int { rows.count }
    var columns: Int { rows.columns }

    func forEachChunk(
      of size: Int, _ body: (_ first: Int, _ rows: Rows) throws -> Void
    ) throws {
      try rows.forEachChunk(of: size, body)
    }
  }

  /// Streamed fits have the bits of those in memory, whatever the chunks.
  @Suite struct StreamingTests {
    static let kinds: [CovarianceKind] = [
      .full, .tied, .diagonal, .spherical, .factorAnalytic(factors: 2),
    ]
    /// Less than a range of rows, some ranges, and all.
    static let chunks = [1000, 3100, 50_000]
    /// Some ranges and a part of another.
    static let table = sample(5000)

    static func sample(_ count: Int) -> Rows {
      let all = try! MixtureDataTests.known().sample(count, seed: 4).rows
      return Rows(all.columns(0..<4))
    }
    static var floats: Rows {
      try! Rows(
        count: table.count, columns: 4, storage: .floats(table.matrix(of: Float.self).values))
    }

    @Test(arguments: kinds) func mixturesHaveTheSameBits(kind: CovarianceKind) throws {
      var configuration = MixtureConfiguration(
        components: 4, covariance: kind, tolerance: 0, maximumIterations: 2, restarts: 2, seed: 3)
      for precision in [MixturePrecision.double, .float] {
        configuration.precision = precision
        for rows in precision == .double ? [Self.table] : [Self.table, Self.floats] {
          let held = try GaussianMixture.fit(rows, configuration)
          for chunk in Self.chunks {
            let streamed = try GaussianMixture.fit(
              StreamedRows(rows: rows, chunkRows: chunk), configuration)
            #expect(streamed.model == held.model, "\(kind) \(precision) \(chunk)")
            #expect(streamed.report == held.report)
          }
        }
      }
    }

    /// Sums of an unfinished wave of ranges wait for the next chunk.
    @Test func wavesOfRangesGoOnInTheNextChunk() throws {
      let rows = Self.sample(latent_mixture_wave_rows() + 3000)
      for kind in [CovarianceKind.full, .tied] {
        let configuration = MixtureConfiguration(
          components: 2, covariance: kind, maximumIterations: 2, initialization: .randomPoints)
        let held = try GaussianMixture.fit(rows, configuration)
        for chunk in [5000, latent_mixture_wave_rows(), latent_mixture_wave_rows() + 1536] {
          let streamed = try GaussianMixture.fit(
            StreamedRows(rows: rows, chunkRows: chunk), configuration)
          #expect(streamed.model == held.model && streamed.report == held.report)
        }
      }
    }

    @Test func weightsAndRandomPointsStream() throws {
      let weights = (0..<Self.table.count).map { Double($0 % 3) / 2 }
      for initialization in [MixtureInitialization.kMeans, .randomPoints] {
        let configuration = MixtureConfiguration(
          components: 3, maximumIterations: 3, initialization: initialization, seed: 8)
        let held = try GaussianMixture.fit(Self.table, configuration, sampleWeights: weights)
        let streamed = try GaussianMixture.fit(
          StreamedRows(rows: Self.table, chunkRows: 1600), configuration, sampleWeights: weights)
        #expect(streamed.model == held.model && streamed.report == held.report)
      }
    }

    @Test func standardizedRowsStream() throws {
      let source = StreamedRows(rows: Self.table, chunkRows: 3000)
      let standard = Standardization(Self.table)
      #expect(try Standardization(streaming: source) == standard)
      let configuration = MixtureConfiguration(components: 2, maximumIterations: 3)
      let held = try GaussianMixture.fit(standard.apply(Self.table), configuration)
      let streamed = try GaussianMixture.fit(StandardizedRows(source, standard), configuration)
      #expect(streamed.model == held.model && streamed.report == held.report)
    }

    @Test func choicesStreamWithoutFolds() throws {
      let source = StreamedRows(rows: Self.table, chunkRows: 1700)
      let configuration = MixtureConfiguration(
        components: 1, covariance: .diagonal, maximumIterations: 3)
      let held = try GaussianMixture.select(components: 1...2, Self.table, configuration)
      let streamed = try GaussianMixture.select(components: 1...2, source, configuration)
      #expect(held.candidates == streamed.candidates && held.models == streamed.models)
      #expect(throws: SettingError.self) {
        try GaussianMixture.select(components: 1...2, source, configuration, folds: 2)
      }
    }

    @Test(arguments: [Precision.double, .float]) func factorModelsHaveTheSameBits(
      precision: Precision
    ) throws {
      let configuration = FactorConfiguration(factors: 1, precision: precision)
      for rows in [Self.table, Self.floats] {
        let factors = try FactorAnalysis.fit(rows, configuration)
        let components = try ProbabilisticPCA.fit(rows, factors: 2, precision: precision)
        for chunk in [1, 300, 4000] {
          let source = StreamedRows(rows: rows, chunkRows: chunk)
          #expect(try FactorAnalysis.fit(source, configuration) == factors)
          #expect(
            try ProbabilisticPCA.fit(source, factors: 2, precision: precision) == components)
        }
      }
    }

    /// Gaps need all rows at once: refused, not mistaken.
    @Test func missingValuesDoNotStream() throws {
      var matrix: Matrix<Double> = Self.table[0..<3000].matrix()
      matrix[2500, 1] = .nan
      let source = StreamedRows(rows: Rows(matrix), chunkRows: 2000)
      #expect(throws: DataError.self) {
        try GaussianMixture.fit(source, MixtureConfiguration(components: 2))
      }
      #expect(throws: DataError.self) {
        try FactorAnalysis.fit(source, FactorConfiguration(factors: 1))
      }
      matrix[2500, 1] = .infinity
      let infinite = StreamedRows(rows: Rows(matrix), chunkRows: 2000)
      #expect {
        try GaussianMixture.fit(infinite, MixtureConfiguration(components: 2))
      } throws: {
        ($0 as? DataError)?.description.contains("Row 2501, column 2 is infinite") ?? false
      }
    }

    @Test func picksRowsInOrder() throws {
      let source = StreamedRows(rows: Self.table, chunkRows: 100)
      let indices = [0, 1, 99, 100, 1234, Self.table.count - 1]
      let found = try source.selecting(ascending: indices).matrix(of: Double.self)
      #expect(found == Self.table.selecting(indices).matrix(of: Double.self))
    }
  }
#endif
