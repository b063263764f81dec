import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

@Suite struct VariationalInferenceTests {
  let backend = try! FusedBackend(threads: 2)

  /// The bound of a diagonal q on a factor model has a known optimum.
  @Test func reachesTheKnownOptimum() throws {
    let linear = try LinearVAE(columns: 12, factors: 3)
    let rows = try linear.truth.sample(16, seed: 4)
    let exact = try linear.truth.scoreSamples(Rows(rows))
    let batches = BatchSource(Rows(rows), transform: .none)
    let found = try VariationalInference(linear.model, backend: backend).fit(batches, seed: 1)
    for row in 0..<rows.rows {
      #expect(found.converged[row])
      let difference = found.elbo[row] - linear.optimum(exact[row])
      #expect(abs(difference) < 1e-3, "row \(row): \(difference) nats")
    }
  }

  /// Draws behind reported bounds are normal: E|ε|⁴ is L² + 2L, and L² where 2 L draws have their covariance matched.
  @Test func evaluationDrawsAreNormal() {
    let size = 16
    func fourth(_ least: Int) -> (mean: Double, error: Double) {
      let means = (0..<300 as Range<UInt64>).map { seed -> Double in
        let noise = MatchedNoise(
          samples: 2 * size, dimensions: size, seed: seed, epoch: 0, matchingFrom: least)
        let norms = (0..<noise.samples).map { sample in
          noise.values[sample * size..<(sample + 1) * size].reduce(0) { $0 + $1 * $1 }
        }
        return norms.reduce(0) { $0 + $1 * $1 } / Double(norms.count)
      }
      let mean = means.reduce(0, +) / Double(means.count)
      let squares = means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return (mean, (squares / Double(means.count * (means.count - 1))).squareRoot())
    }
    let (mean, error) = fourth(16)
    #expect(abs(mean - Double(size * size + 2 * size)) < 5 * error && error < 4)
    #expect(abs(fourth(2).mean - Double(size * size)) < 1e-9)
  }

  /// Reported bounds of more dimensions than their draws can match: by the errors told, they lie about the exact
  /// ones, of rows and of means over rows.
  @Test func errorsAreThoseOfMeansToo() throws {
    let linear = try LinearVAE(columns: 24, factors: 20, encoderError: 0.1)
    let batches = BatchSource(Rows(try linear.truth.sample(30, seed: 4)), transform: .none)
    let start = try linear.model.transform(batches, backend: backend)
    func bounds(_ samples: Int, seed: UInt64) throws -> OptimalPosterior {
      var configuration = InferenceConfiguration()
      (configuration.maximumSteps, configuration.evaluationSamples) = (0, samples)
      return try VariationalInference(linear.model, configuration: configuration, backend: backend)
        .fit(batches, start: start, seed: seed)
    }
    // Matched moments: exact for a linear decoder.
    let exact = try bounds(16 * 20, seed: 0).elbo
    var (ofRows, ofMeans) = (0.0, 0.0)
    let runs = 60
    for seed in 1...UInt64(runs) {
      let found = try bounds(64, seed: seed)
      let errors = zip(found.elbo, exact).map { $0 - $1 }
      let variances = found.standardError.map { $0 * $0 }
      ofRows += zip(errors, variances).reduce(0) { $0 + $1.0 * $1.0 / $1.1 } / 30
      let sum = errors.reduce(0, +)
      ofMeans += sum * sum / variances.reduce(0, +)
    }
    // Squares of standard normals, up to the noise of errors told from 32 pairs; of means 2 / 60 is the variance.
    #expect(abs(ofRows / Double(runs) - 1) < 0.2)
    #expect(abs(ofMeans / Double(runs) - 1) < 5 * (2 / Double(runs)).squareRoot())
  }

  /// Semi-amortized: whatever the encoder, the same optimum; from one that has learned something, in
  /// fewer steps.
  @Test func startsFromAnEncoder() throws {
    let linear = try LinearVAE(columns: 12, factors: 3, encoderError: 0.1)
    let rows = try linear.truth.sample(16, seed: 4)
    let exact = try linear.truth.scoreSamples(Rows(rows))
    let batches = BatchSource(Rows(rows), transform: .none)
    let inference = try VariationalInference(linear.model, backend: backend)
    let learned = try linear.model.transform(batches, backend: backend)
    let untrained = try VAE(linear.model.configuration)
    untrained.parameters.initialize(seed: 8)
    let arbitrary = try untrained.transform(batches, backend: backend)
    for start in [learned, arbitrary] {
      let found = try inference.fit(batches, start: start, seed: 1)
      for row in 0..<rows.rows {
        let difference = found.elbo[row] - linear.optimum(exact[row])
        #expect(abs(difference) < 1e-3, "row \(row): \(difference) nats")
      }
    }
    let steps = try inference.fit(batches, start: learned, seed: 1).steps.reduce(0, +)
    let stepsFromPrior = try inference.fit(batches, seed: 1).steps.reduce(0, +)
    #expect(steps < stepsFromPrior, "\(steps) steps from the encoder, \(stepsFromPrior) without")
  }

  /// A row's bits depend on no other row.
  @Test func rowsAreIndependent() throws {
    let digits = try Dataset.digitsSplit().heldOut.selecting(Array(0..<9))
    let model = try VAE(
      VAEConfiguration(
        architecture: Architecture(dimensions: 64, hidden: [20], latentDimensions: 4),
        transform: .threshold))
    try model.initialize(for: digits.rows, seed: 2)
    let batches = try model.batches(of: digits)
    var configuration = InferenceConfiguration()
    configuration.samples = 16
    configuration.maximumSteps = 25
    let inference = try VariationalInference(model, configuration: configuration, backend: backend)
    let together = try inference.fit(batches, seed: 3)
    let alone = try inference.fit(batches, rows: [5], seed: 3)
    #expect(alone.posterior.mean.row(0).elementsEqual(together.posterior.mean.row(5)))
    #expect(alone.posterior.logVariance.row(0).elementsEqual(together.posterior.logVariance.row(5)))
    #expect(alone.elbo[0] == together.elbo[5] && alone.steps[0] <= 25)
    let encoder = try model.transform(batches, backend: backend)
    let before = try inference.reconstructions(
      batches, rows: Array(0..<9), of: encoder, seed: 3, epoch: .max)
    let refined = try inference.fit(batches, start: encoder, seed: 3)
    for (row, kl) in encoder.divergences().enumerated() {
      #expect(refined.elbo[row] > before.mean[row] - kl)
    }
  }

  @Test func refusesWhatCannotBeFitted() throws {
    let linear = try LinearVAE(columns: 5, factors: 2)
    let batches = try BatchSource(Rows(linear.truth.sample(3, seed: 1)), transform: .none)
    var configuration = InferenceConfiguration()
    configuration.samples = 0
    #expect(throws: SettingError.self) {
      try VariationalInference(linear.model, configuration: configuration, backend: backend)
    }
    #expect(throws: ShapeError.self) {
      try VariationalInference(linear.model, backend: backend).fit(
        batches, start: DiagonalGaussian(standardNormals: 2, dimensions: 2))
    }
  }
}
