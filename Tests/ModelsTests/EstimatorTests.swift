import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Estimators of log p(x) against models that say it exactly.
@Suite struct EstimatorTests {
  /// 12 columns, 3 factors turned so that p(z|x) is correlated and no diagonal Gaussian fits it.
  let truth = Truth(columns: 12, factors: 3)
  let model: VAE
  let rows: Rows
  let data: BatchSource
  let exact: [Double]
  let backend = try! FusedBackend(threads: 2)

  init() throws {
    model = try truth.autoencoder()
    rows = try Rows(truth.sample(12, seed: 5))
    data = try model.batches(of: Dataset(name: "rows", rows: rows))
    exact = try truth.scoreSamples(rows)
  }

  /// Each row within 4 of its standard errors, the mean within 3 and within 0.01 nats.
  private func expectExact(
    _ estimates: [DensityEstimate], _ exact: [Double], location: SourceLocation = #_sourceLocation
  ) {
    let summary = EstimateSummary(estimates)
    let error = abs(summary.mean - exact.reduce(0, +) / Double(exact.count))
    // Networks compute in float.
    #expect(error < 3 * summary.standardError + 1e-5, sourceLocation: location)
    #expect(error < 0.01, "\(error)", sourceLocation: location)
    #expect(summary.standardError < 0.01, "\(summary)", sourceLocation: location)
    for (row, estimate) in estimates.enumerated() {
      let off = abs(estimate.logDensity - exact[row])
      #expect(off < 4 * estimate.standardError + 1e-4, "row \(row)", sourceLocation: location)
    }
    #expect(summary.unreliableRows == 0 && summary.caution == nil, sourceLocation: location)
  }

  @Test func importanceSamplingIsExact() throws {
    // The posterior is no diagonal Gaussian: the test would pass with one sample otherwise.
    let few = try ImportanceSampling(samples: 10).estimate(model, data, backend: backend)
    #expect(EstimateSummary(few).standardError > 0.02)
    expectExact(
      try ImportanceSampling(samples: 20_000).estimate(model, data, backend: backend), exact)
  }

  @Test func naiveMonteCarloIsExactWhereItIsHopeful() throws {
    let easy = Truth(columns: 3, factors: 2)
    let model = try easy.autoencoder()
    let rows = try Rows(easy.sample(10, seed: 4))
    let data = try model.batches(of: Dataset(name: "rows", rows: rows))
    let exact = try easy.scoreSamples(rows)
    expectExact(try NaiveMonteCarlo(samples: 60_000).estimate(model, data, backend: backend), exact)
    expectExact(
      try NaiveMonteCarlo(samples: 150_000, box: 5).estimate(model, data, backend: backend), exact)
  }

  /// Naive Monte Carlo in 20 dimensions says that it fails.
  @Test func failureIsSeen() throws {
    let hard = Truth(columns: 60, factors: 20)
    let model = try hard.autoencoder()
    let rows = try Rows(hard.sample(8, seed: 4))
    let data = try model.batches(of: Dataset(name: "rows", rows: rows))
    let naive = EstimateSummary(
      try NaiveMonteCarlo(samples: 2000).estimate(model, data, backend: backend))
    let exact = try hard.score(rows)
    #expect(naive.mean < exact - 1)
    #expect(naive.unreliableRows == 8)
    #expect(try #require(naive.caution).contains("all 8 rows"))
  }

  @Test func annealedImportanceSamplingIsExact() throws {
    expectExact(
      try AnnealedImportanceSampling(samples: 200, temperatures: 400, leapfrogSteps: 5)
        .estimate(model, data, backend: backend), exact)
  }

  @Test(arguments: [(6, 150), (200, 30)])
  func bidirectionalBoundsEncloseTheTruth(_ temperatures: Int, _ count: Int) throws {
    let sampling = AnnealedImportanceSampling(
      samples: 16, temperatures: temperatures, leapfrogSteps: 5)
    let result = try BidirectionalMonteCarlo(sampling, rows: count)
      .simulate(model, backend: backend, seed: 3)
    var original: Matrix<Double> = Rows(result.data).matrix()
    let standardization = try #require(model.configuration.standardization)
    for i in original.values.indices {
      original.values[i] = standardization.invert(
        original.values[i], column: i % original.columns)
    }
    let exact = try truth.score(Rows(original))
    let (lower, upper) = (EstimateSummary(result.lower), EstimateSummary(result.upper))
    if temperatures == 6 {
      // In haste the bounds part, by more than their noise.
      #expect(lower.mean < exact - 2 * lower.standardError, "\(lower), \(exact)")
      #expect(upper.mean > exact + 2 * upper.standardError, "\(upper), \(exact)")
    } else {
      #expect(lower.mean <= exact + 3 * lower.standardError)
      #expect(upper.mean >= exact - 3 * upper.standardError)
      #expect(abs(result.gap.mean) < 3 * result.gap.standardError + 0.02)
    }
  }

  /// ELBO + D_KL(q ‖ p(z|x)) = log p(x), in each of the three forms.
  @Test func boundsAndDivergenceMakeTheDensity() throws {
    let q = try model.transform(data, backend: backend)
    let divergences = try truth.divergences(of: q, from: rows)
    let bounds = try EvidenceLowerBound(samples: 20_000).bounds(
      model, data, rows: 0..<rows.count, backend: backend)
    for row in 0..<rows.count {
      for form in EvidenceLowerBound.Form.allCases {
        let bound = bounds[row][form]
        let error = abs(bound.mean + divergences[row] - exact[row])
        #expect(error < 4 * bound.standardError + 1e-4, "row \(row), \(form)")
      }
      // The encoder is the best of its kind: the approximation gap in closed form.
      let precision = truth.posteriorPrecision
      let logDeterminant = DenseNormal.inverse(precision).logDeterminant
      let best = (0..<3).reduce(-logDeterminant) { $0 + log(precision[$1, $1]) } / 2
      #expect(abs(divergences[row] - best) < 1e-4)
    }
    #expect(divergences[0] > 0.01)
  }

  /// One draw and the closed-form KL: what `scoreSamples` gives, to the bit.
  @Test func oneSampleIsTheScore() throws {
    let scores = try model.scoreSamples(data, backend: backend, seed: 7)
    let bounds = try EvidenceLowerBound().estimate(
      model, data, rows: 0..<rows.count, backend: backend, seed: 7, progress: { _ in })
    for (score, bound) in zip(scores, bounds) {
      #expect(abs(score.elbo - bound.logDensity) < 1e-12)
    }
  }

  /// A network with hidden layers and binarized rows: neither threads, instruction sets nor the rows
  /// beside it change a row's bits.
  @Test func bitsDependOnTheRowAlone() throws {
    let digits = try Dataset.digitsSplit().heldOut.selecting(Array(0..<9))
    let network = try VAE(
      VAEConfiguration(
        architecture: Architecture(
          dimensions: 64, hidden: [40], latentDimensions: 7, activation: .tanh),
        transform: .sample))
    try network.initialize(for: digits.rows, seed: 3)
    let data = try network.batches(of: digits)
    let estimators: [any DensityEstimator] = [
      ImportanceSampling(samples: 300), NaiveMonteCarlo(samples: 300),
      NaiveMonteCarlo(samples: 40, box: 3), EvidenceLowerBound(samples: 30),
      AnnealedImportanceSampling(samples: 5, temperatures: 6, leapfrogSteps: 3),
    ]
    for estimator in estimators {
      let expected = try estimator.estimate(network, data, backend: backend, seed: 2)
      for set in InstructionSet.available where set.keepsBits {
        for threads in [1, 3] {
          let found = try estimator.estimate(
            network, data, backend: FusedBackend(threads: threads, instructionSet: set), seed: 2)
          #expect(found == expected, "\(type(of: estimator)), \(set), \(threads) threads")
        }
      }
      let some = try estimator.estimate(
        network, data, rows: 4..<7, backend: backend, seed: 2, progress: { _ in })
      #expect(some == Array(expected[4..<7]), "\(type(of: estimator))")
      let reference = try estimator.estimate(
        network, data, rows: 4..<5, backend: ReferenceBackend(), seed: 2, progress: { _ in })
      #expect(abs(reference[0].logDensity - expected[4].logDensity) < 1e-3)
    }
  }

  /// In its principal axes probabilistic PCA has a diagonal posterior, and the encoder is p(z|x): two
  /// draws say what any number would.
  @Test func theRightEncoderNeedsNoDraws() throws {
    let iris = try Dataset.named("iris")
    let fitted = try ProbabilisticPCA.fit(iris.rows, factors: 2)
    let linear = try fitted.autoencoder()
    let found = try ImportanceSampling(samples: 2).estimate(
      linear, linear.batches(of: iris), backend: backend)
    let exact = try fitted.scoreSamples(iris.rows)
    for (estimate, expected) in zip(found, exact) {
      #expect(abs(estimate.logDensity - expected) < 1e-3 && estimate.isReliable)
    }
  }

  /// Columns beyond the room of a run: fewer draws at a time.
  @Test func wideModelsDecodeFewerDraws() throws {
    let data = BatchSource(Rows(Matrix<Float>(rows: 2, columns: 70_000)), transform: .none)
    let wide = try VAE(
      VAEConfiguration(
        architecture: Architecture(dimensions: 70_000, hidden: [], latentDimensions: 1)))
    let plan = try DrawPlan(wide, data, latents: .prior, samples: 1000, seed: 0)
    #expect(plan.samples * plan.capacity < 256 && plan.workspaceCount < 4 * DrawPlan.room)
  }

  #if OpenBLAS
    @Test func mixtureSamplingIsExact() throws {
      let iris = try Dataset.named("iris").rows
      let mixture = try GaussianMixture.fit(iris, MixtureConfiguration(components: 3)).model
      let exact = try mixture.scoreSamples(iris)
      let importance = try MixtureSampling(.importance, samples: 20_000).estimate(mixture, iris)
      expectExact(importance, exact)
      let naive = try MixtureSampling(.naive, samples: 20_000).estimate(mixture, iris)
      expectExact(naive, exact)
      #expect(
        EstimateSummary(importance).standardError < EstimateSummary(naive).standardError)
    }
  #endif

  /// More samples and rows are more runs of the same plan, not more memory.
  @Test func memoryIsBounded() throws {
    let many = BatchSource(Rows(Matrix<Float>(rows: 5000, columns: 12)), transform: .none)
    for latents in [DrawPlan.Latents.encoder, .prior, .given(gradient: true)] {
      let most = [256, 100_000, 1 << 24].map { samples in
        try? DrawPlan(model, many, latents: latents, samples: samples, seed: 0).workspaceCount
      }
      #expect(most[0] == most[1] && most[1] == most[2])
      for samples in [1, 3, 40, 1000] {
        let plan = try DrawPlan(model, many, latents: latents, samples: samples, seed: 0)
        #expect(plan.capacity * plan.samples <= DrawPlan.draws)
      }
    }
  }

  @Test func wrongSettingsAreNamed() throws {
    #expect(throws: SettingError.self) {
      try ImportanceSampling(samples: 0).estimate(model, data, backend: backend)
    }
    #expect(throws: SettingError.self) {
      try AnnealedImportanceSampling(samples: 0).estimate(model, data, backend: backend)
    }
    #expect(throws: SettingError.self) {
      try NaiveMonteCarlo(samples: 3, box: 0).estimate(model, data, backend: backend)
    }
    let narrow = BatchSource(Rows(Matrix<Float>(rows: 2, columns: 3)), transform: .none)
    #expect(throws: ShapeError.self) {
      try ImportanceSampling(samples: 3).estimate(model, narrow, backend: backend)
    }
  }
}

@Suite struct LogMeanExpTests {
  /// In blocks of any size, with weights that a plain sum could not hold.
  @Test func streams() {
    let logs = (0..<1000).map { (i: Int) -> Double in
      let size = Double(i * 37 % 101)
      return 9 * size - 700 + Double(i) / 1000
    }
    let peak = logs.max()!
    let weights = logs.map { exp($0 - peak) }
    let sum = weights.reduce(0, +)
    let expected = peak + log(sum / 1000)
    for size in [1, 7, 256, 1000] {
      var stream = LogMeanExp()
      for start in stride(from: 0, to: logs.count, by: size) {
        var block = Array(logs[start..<min(start + size, logs.count)])
        block.withUnsafeMutableBufferPointer { stream.add($0) }
      }
      let found = stream.estimate
      #expect(abs(found.logDensity - expected) < 1e-10)
      let squares = weights.reduce(0) { $0 + $1 * $1 }
      #expect(abs(found.effectiveSampleSize - sum * sum / squares) < 1e-8)
      #expect(abs(found.largestShare - 1 / sum) < 1e-10)
      let mean = sum / 1000
      let deviations: [Double] = weights.map { $0 - mean }
      let variance: Double = deviations.reduce(0) { $0 + $1 * $1 } / 999
      let expectedError: Double = (variance / 1000).squareRoot() / mean
      #expect(abs(found.standardError - expectedError) < 1e-8)
    }
  }

  @Test func knowsNothingAndTheHopeless() {
    var one = LogMeanExp()
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 1) { block in
      block.initialize(repeating: -3)
      one.add(block)
    }
    #expect(one.estimate.logDensity == -3 && !one.estimate.isReliable)
    var none = LogMeanExp()
    var block = [-Double.infinity, -Double.infinity]
    block.withUnsafeMutableBufferPointer { none.add($0) }
    #expect(none.estimate.logDensity == -.infinity && !none.estimate.isReliable)
    var broken = LogMeanExp()
    block = [-1, .nan, -2]
    block.withUnsafeMutableBufferPointer { broken.add($0) }
    #expect(broken.estimate.logDensity.isNaN && !broken.estimate.isReliable)
  }
}
