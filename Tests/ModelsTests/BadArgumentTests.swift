import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Numbers and shapes that nothing can be done with bring a sentence, before memory is asked for.
@Suite struct BadArgumentTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var error: any LatentError.Type
    var fragment: String
    var call: @Sendable (Fixture) throws -> Void

    init(
      _ name: String, _ error: any LatentError.Type, _ fragment: String,
      _ call: @escaping @Sendable (Fixture) throws -> Void
    ) {
      (testDescription, self.error, self.fragment, self.call) = (name, error, fragment, call)
    }
  }

  /// 20 rows of 4 columns, a VAE with 2 latent dimensions and a factor model of them.
  struct Fixture {
    let truth = Truth(columns: 4, factors: 2)
    let rows: Rows
    let data: BatchSource
    let model: VAE
    let backend = try! FusedBackend(threads: 1)

    init() throws {
      rows = Rows(try truth.sample(20, seed: 1))
      data = BatchSource(rows, transform: .none)
      model = try VAE(
        VAEConfiguration(
          architecture: Architecture(
            dimensions: 4, hidden: [5], latentDimensions: 2, likelihood: .gaussian)))
      try model.initialize(for: rows, seed: 1)
    }

    var gapped: Dataset {
      get throws { try Dataset(name: "gaps", rows: removing(0.2, from: rows)) }
    }

    func fill(
      draws: Int = 0, samples: Int = 5, _ method: ImputationMethod = .importance
    ) throws {
      var imputation = try VAEImputation(model, method: method, backend: backend)
      imputation.samples = samples
      _ = try imputation.fill(gapped, draws: draws)
    }

    func estimate(_ estimator: some DensityEstimator, _ rows: Range<Int>) throws {
      _ = try estimator.estimate(
        model, data, rows: rows, backend: backend, seed: 0, progress: { _ in })
    }
  }

  /// What begins at no number has not converged, and nothing beside it is touched.
  @Test func aStartThatIsNoNumber() throws {
    let fixture = try Fixture()
    let inference = try VariationalInference(fixture.model, backend: fixture.backend)
    var start = DiagonalGaussian(standardNormals: 20, dimensions: 2)
    let whole = try inference.fit(fixture.data, start: start)
    start.mean[3, 1] = .nan
    let found = try inference.fit(fixture.data, start: start)
    #expect(!found.converged[3] && found.reconstruction[3].isNaN)
    for row in 0..<20 where row != 3 {
      #expect(found.converged[row] == whole.converged[row])
      #expect(found.reconstruction[row] == whole.reconstruction[row])
    }
  }

  /// A rank's own rows have their numbers among all.
  @Test func rowsAreNumberedAmongAll() throws {
    let model = try Fixture().model
    for (value, allowMissing) in [(Double.nan, false), (.infinity, true), (1e39, true)] {
      var matrix = try Matrix(rows: 3, columns: 4, values: (0..<12).map(Double.init))
      matrix[1, 2] = value
      let data = try Dataset(name: "part", rows: Rows(matrix))
      #expect {
        try model.batches(
          of: data, share: RowShare(5..<8, of: 20), allowMissing: allowMissing)
      } throws: {
        "\($0)".contains("row 7")
      }
    }
  }

  static let cases: [Case] = counts + rows + shapes

  static let counts: [Case] = [
    Case("samples of a VAE", SettingError.self, "samples must be at least 1, found 0") {
      _ = try $0.model.sample(0, backend: $0.backend)
    },
    Case("too many samples of a VAE", SettingError.self, "samples must be at most") {
      _ = try $0.model.sample(.max, backend: $0.backend)
    },
    Case("samples of a factor model", SettingError.self, "at least 0, found -1") {
      _ = try $0.truth.sample(-1, seed: 0)
    },
    Case("too many samples of a factor model", SettingError.self, "samples must be at most") {
      _ = try $0.truth.sample(.max, seed: 0)
    },
    Case("draws of a factor model", SettingError.self, "draws must be at least 0") {
      _ = try $0.truth.imputationDraws($0.rows, count: -1, seed: 0)
    },
    Case("too many draws of a factor model", SettingError.self, "draws must be at most") {
      _ = try $0.truth.imputationDraws($0.rows, count: .max, seed: 0)
    },
    Case("draws of an imputation", SettingError.self, "draws must be at least 0") {
      try $0.fill(draws: -1)
    },
    Case("too many draws of an imputation", SettingError.self, "draws must be at most") {
      try $0.fill(draws: .max)
    },
    Case("samples set later", SettingError.self, "1...1000000, found -1") {
      try $0.fill(samples: -1)
    },
    Case("too many samples set later", SettingError.self, "1...1000000, found 9") {
      try $0.fill(samples: .max)
    },
    Case("a chain without steps", SettingError.self, "1...1000000, found 0") {
      try $0.fill(samples: 0, .pseudoGibbs)
    },
    Case("a chain by an encoder that was not trained", SettingError.self, "was not trained") {
      var configuration = $0.model.configuration
      configuration.inference = .svi
      let model = try VAE(configuration)
      _ = try VAEImputation(model, method: .pseudoGibbs, samples: 5, backend: $0.backend)
        .fill($0.gapped)
    },
    Case("a batch without rows", SettingError.self, "batch size must be 1...20") {
      _ = try GradientSources.source(
        "elbo", samples: 1, model: $0.model, batches: $0.data, batchSize: -1)
    },
    Case("a batch of more rows than there are", SettingError.self, "found 50") {
      _ = try GradientSources.source(
        "elbo", samples: 1, model: $0.model, batches: $0.data, batchSize: 50)
    },
    Case("simulated rows", SettingError.self, "simulated rows must be at most") {
      _ = try BidirectionalMonteCarlo(AnnealedImportanceSampling(), rows: .max)
        .simulate($0.model, backend: $0.backend)
    },
    Case("the capacity of a bound", SettingError.self, "capacity of a plan must be 1...") {
      _ = try ELBOPlan($0.model.networks, batches: $0.data, capacity: -1, work: .step)
    },
    Case("a huge capacity of a bound", SettingError.self, "capacity of a plan must be 1...") {
      _ = try ELBOPlan($0.model.networks, batches: $0.data, capacity: .max, work: .step)
    },
    Case("the capacity of a likelihood", SettingError.self, "capacity of a plan must be 1...") {
      _ = try LikelihoodPlan($0.model.networks, batches: $0.data, capacity: 0, work: .step)
    },
    Case("a huge capacity of a likelihood", SettingError.self, "capacity of a plan must be 1...") {
      _ = try LikelihoodPlan($0.model.networks, batches: $0.data, capacity: .max, work: .step)
    },
    Case("draws that memory does not hold", SettingError.self, "choose smaller batches") {
      _ = try ELBOPlan(
        $0.model.networks, batches: $0.data, capacity: .init(UInt32.max), work: .step,
        objective: .iwae, samples: 1_000_000)
    },
    Case("a box without end", SettingError.self, "at most 1e18") {
      try $0.estimate(NaiveMonteCarlo(samples: 2, box: 1e300), 0..<2)
    },
    Case("the weight of the KL", SettingError.self, "Beta must be at least 0") {
      var configuration = InferenceConfiguration()
      configuration.beta = .nan
      _ = try VariationalInference($0.model, configuration: configuration, backend: $0.backend)
    },
    Case("kept posteriors", SettingError.self, "-1 rows") { _ in
      _ = try PosteriorStore(count: -1, dimensions: 2)
    },
    Case("too many kept posteriors", SettingError.self, "cannot be kept") { _ in
      _ = try PosteriorStore(count: .max, dimensions: .max, mappedTo: "never-made")
    },
  ]

  static let rows: [Case] =
    [100, -1, .max].map { row in
      Case("inference of row \(row)", SettingError.self, "There is no row") {
        _ = try VariationalInference($0.model, backend: $0.backend).fit($0.data, rows: [row])
      }
    } + [
      Case("scores", SettingError.self, "no row 21: the data has 20 rows") {
        _ = try $0.model.scoreSamples($0.data, rows: 0..<1000, backend: $0.backend)
      },
      Case("scores before the first row", SettingError.self, "no row -4") {
        _ = try $0.model.scoreSamples($0.data, rows: -5..<2, backend: $0.backend)
      },
      Case("importance sampling", SettingError.self, "no row 21") {
        try $0.estimate(ImportanceSampling(samples: 2), 0..<1000)
      },
      Case("naive Monte Carlo", SettingError.self, "no row 21") {
        try $0.estimate(NaiveMonteCarlo(samples: 2), 19..<21)
      },
      Case("a box", SettingError.self, "no row 0") {
        try $0.estimate(NaiveMonteCarlo(samples: 2, box: 3), -1..<3)
      },
      Case("annealed importance sampling", SettingError.self, "no row 101") {
        try $0.estimate(
          AnnealedImportanceSampling(samples: 2, temperatures: 2, leapfrogSteps: 1), 100..<200)
      },
      Case("the bound", SettingError.self, "no row 21") {
        try $0.estimate(EvidenceLowerBound(samples: 2), 0..<1000)
      },
      Case("the ends of a walk", SettingError.self, "There is no row") {
        _ = try $0.model.interpolation(0, .max, in: $0.data, backend: $0.backend)
      },
    ]

  static let shapes: [Case] = [
    Case("a start's log-variances", ShapeError.self, "found 20 x 1") {
      var start = DiagonalGaussian(standardNormals: 20, dimensions: 2)
      start.logVariance = Matrix(rows: 20, columns: 1)
      _ = try VariationalInference($0.model, backend: $0.backend).fit($0.data, start: start)
    },
    Case("exact densities", ShapeError.self, "expected 20, found 1") {
      _ = try InferenceGap(samples: 2).measure(
        $0.model, $0.data, exact: [1], backend: $0.backend)
    },
    Case("moments of a factor analysis", ShapeError.self, "1 x 1 and 3 means") { _ in
      _ = try FactorAnalysis.fit(
        SampleMoments(
          count: 9, mean: [0, 0, 0], covariance: Matrix(rows: 1, columns: 1, repeating: 1)),
        FactorConfiguration(factors: 1))
    },
    Case("moments of a probabilistic PCA", ShapeError.self, "1 x 1 and 3 means") { _ in
      _ = try ProbabilisticPCA.fit(
        SampleMoments(
          count: 9, mean: [0, 0, 0], covariance: Matrix(rows: 1, columns: 1, repeating: 1)),
        factors: 1)
    },
    Case("an asymmetric covariance", DataError.self, "row 2, column 1") { _ in
      _ = try ProbabilisticPCA.fit(moments([1, 0.5, 0, 0.2, 1, 0, 0, 0, 1]), factors: 1)
    },
    Case("an indefinite covariance", DataError.self, "indefinite") { _ in
      let covariance = [1, 0.9, -0.9, 0.9, 1, 0.9, -0.9, 0.9, 1]
      _ = try FactorAnalysis.fit(moments(covariance), FactorConfiguration(factors: 1))
    },
    Case("an indefinite covariance of a PCA", DataError.self, "indefinite") { _ in
      let covariance = [1, 0.9, -0.9, 0.9, 1, 0.9, -0.9, 0.9, 1]
      _ = try ProbabilisticPCA.fit(moments(covariance), factors: 1)
    },
    Case("a variance below zero", DataError.self, "indefinite") { _ in
      _ = try ProbabilisticPCA.fit(moments([4, 0, 0, 0, 3, 0, 0, 0, -1]), factors: 1)
    },
    Case("a constant column that varies with another", DataError.self, "indefinite") { _ in
      _ = try FactorAnalysis.fit(
        moments([4, 1, 1, 1, 3, 0, 1, 0, 0]), FactorConfiguration(factors: 1))
    },
    Case("log-variances of a posterior", ShapeError.self, "q has 1 of 20") {
      var q = DiagonalGaussian(standardNormals: 20, dimensions: 2)
      q.logVariance = Matrix(rows: 20, columns: 1)
      _ = try $0.truth.divergences(of: q, from: $0.rows)
    },
    Case("a share of other rows", ShapeError.self, "20 rows cannot be rows 501 to 503 of 1000") {
      _ = try $0.model.batches(
        of: Dataset(name: "x", rows: $0.rows), share: RowShare(500..<503, of: 1000))
    },
    Case("a share past the end", ShapeError.self, "rows 991 to 1010 of 1000") {
      _ = try $0.model.batches(
        of: Dataset(name: "x", rows: $0.rows), share: RowShare(990..<1010, of: 1000))
    },
    Case("rows that another rank holds", SettingError.self, "rows 501 to 520 of 1000 are") {
      let batches = try $0.model.batches(
        of: Dataset(name: "x", rows: $0.rows), share: RowShare(500..<520, of: 1000))
      let (model, backend) = ($0.model, $0.backend)
      let scores = try model.scoreSamples(batches, backend: backend)
      #expect(scores.count == 20 && scores.allSatisfy { $0.elbo.isFinite })
      let means = try $0.model.transform(batches, backend: $0.backend).mean
      #expect(means.rows == 20)
      let walk = try model.interpolation(501, 519, in: batches, steps: 2, backend: backend)
      #expect(walk.row(0) == means.row(1) && walk.row(1) == means.row(19))
      try StepWorkload($0.model, batches: batches, batchSize: 8).train(steps: 4, on: $0.backend)
      #expect(throws: SettingError.self) {
        try InferenceGap(samples: 2).measure(model, batches, backend: backend)
      }
      _ = try $0.model.scoreSamples(batches, rows: 0..<3, backend: $0.backend)
    },
    Case("gaps beside what no draw explains", DataError.self, "Row 3 is too far off") {
      var matrix: Matrix<Double> = $0.rows.matrix()
      (matrix[2, 0], matrix[2, 1]) = (1e20, .nan)
      _ = try VAEImputation($0.model, samples: 20, backend: $0.backend)
        .fill(Dataset(name: "x", rows: Rows(matrix)))
    },
    Case("a column without values", DataError.self, "Column 2 has no value") {
      var matrix: Matrix<Double> = $0.rows.matrix()
      for row in 0..<matrix.rows { matrix[row, 1] = .nan }
      try $0.model.initialize(for: Rows(matrix), seed: 0)
    },
    Case("codes of each row for a point", SettingError.self, "expected amortized") { _ in
      var configuration = VAEConfiguration(
        architecture: Architecture(
          dimensions: 4, hidden: [5], latentDimensions: 2, likelihood: .gaussian,
          posterior: .point))
      configuration.inference = .svi
      _ = try VAE(configuration)
    },
    Case("a standardized Bernoulli", SettingError.self, "leave [0, 1]") { _ in
      _ = try VAE(
        VAEConfiguration(
          architecture: Architecture(dimensions: 2),
          standardization: try Standardization(mean: [0, 0], scale: [1, 2])))
    },
    Case("made-up rows", ShapeError.self, "no -1 rows") { _ in
      _ = try ProfileRows.rows(-1, columns: 3, likelihood: .bernoulli)
    },
    Case("too many made-up rows", ShapeError.self, "rows of 3 columns") { _ in
      _ = try ProfileRows.rows(.max, columns: 3, likelihood: .bernoulli)
    },
    Case("rows of another width", ShapeError.self, "expects 4 columns") {
      try $0.model.initialize(for: Rows(Matrix<Float>(rows: 2, columns: 9)), seed: 0)
    },
    Case("a scale too few", ShapeError.self, "2 means need as many scales, found 1") { _ in
      _ = try Standardization(mean: [0, 0], scale: [1])
    },
    Case("rows of a standardization's width", ShapeError.self, "of 2 columns, the rows have 4") {
      _ = try Standardization(mean: [0, 0], scale: [1, 1]).apply($0.rows)
    },
    Case("a posterior of a row behind the last", ShapeError.self, "rows 0 ..< 3, none of row 3") {
      _ in _ = try PosteriorStore(count: 3, dimensions: 2).read([0, 3])
    },
    Case("posteriors of other dimensions", ShapeError.self, "found 2 x 1") { _ in
      try PosteriorStore(count: 3, dimensions: 2).write(
        DiagonalGaussian(standardNormals: 2, dimensions: 1), to: [0, 2])
    },
    Case("names of a loadings table", ShapeError.self, "4 columns need as many names") {
      _ = try $0.truth.loadingsTable(names: ["a"])
    },
    Case("a standardization of another width", ShapeError.self, "of 2 columns") {
      let standard = try Standardization(mean: [0, 0], scale: [1, 1])
      try StandardizedRows($0.rows, standard).forEachChunk(of: 3) { _, _ in }
    },
  ]

  private static func moments(_ covariance: [Double]) throws -> SampleMoments {
    SampleMoments(
      count: 9, mean: [0, 0, 0], covariance: try Matrix(rows: 3, columns: 3, values: covariance))
  }

  @Test(arguments: cases) func isRefusedWithASentence(_ each: Case) throws {
    let fixture = try Fixture()
    do {
      try each.call(fixture)
      Issue.record("no error")
    } catch {
      #expect(type(of: error) == each.error)
      #expect("\(error)".contains(each.fragment), "\(error)")
    }
  }

  /// Fewer rows than columns: singular, and right.
  @Test(arguments: [Precision.double, .float])
  func singularMomentsAreTaken(_ precision: Precision) throws {
    let accumulator = try CovarianceAccumulator(
      columns: 8, precision: precision, backend: try FusedBackend(threads: 1))
    try accumulator.add(factorRows(4, columns: 8, factors: 2))
    let moments = accumulator.finish()
    #expect(
      try FactorAnalysis.fit(moments, FactorConfiguration(factors: 2)).report.converged)
    #expect(try ProbabilisticPCA.fit(moments, factors: 2).noiseVariance > 0)
  }

  @Test func standardizationsHaveAScaleForEachMean() {
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(
        Standardization.self, from: Data(#"{"mean":[1,2],"scale":[1]}"#.utf8))
    }
  }

  @Test func nothingAskedIsNothing() throws {
    let fixture = try Fixture()
    #expect(try fixture.truth.sample(0, seed: 0).rows == 0)
    #expect(fixture.model.priorLatents(0, seed: 0).rows == 0)
    #expect(try fixture.truth.imputationDraws(fixture.rows, count: 0, seed: 0).isEmpty)
  }

  #if OpenBLAS
    @Test func mixtures() throws {
      let fixture = try Fixture()
      let mixture = try GaussianMixture(
        weights: [1], means: Matrix(rows: 1, columns: 4), covariances: .spherical([1]))
      for count in [0, -1, .max] {
        #expect(throws: SettingError.self) { try mixture.sample(count) }
      }
      for first in [-1, .max, Int(UInt32.max) - 19] {
        #expect(throws: SettingError.self) {
          try MixtureSampling(.naive, samples: 2).estimate(mixture, fixture.rows, first: first)
        }
      }
    }
  #endif
}
