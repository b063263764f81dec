import LatentKernels
import LatentNetworks

/// What a trainer does with a batch, and the two sides of the bound that it leaves.
protocol TrainingStep {
  var capacity: Int { get }
  func execute(on backend: any Backend, rows: ArraySlice<UInt32>, run: Run) throws
  /// log p(x|z) of a row of the last batch, nats.
  func logDensity(_ row: Int) -> Float
  /// D_KL(q(z) ‖ p(z)) of a row of the last batch, nats.
  func kl(_ row: Int) -> Float
  /// The bound on log p(x) of a row of the last batch, nats, whatever the weight of the KL in its objective.
  ///
  /// - Parameter beta: that weight.
  func evidenceBound(_ row: Int, beta: Float) -> Float
  /// What the last batch's step computed first that is not finite.
  func firstNotFinite(rows: Int) -> String?
  /// The largest magnitude in the last batch.
  func largestInput(rows: Int) -> Float?
  /// Adds what the last batch of `rows` rows has of them here.
  ///
  /// - Parameter beta: the KL's weight in an importance-weighted objective, whose bound is summed, too; else nil.
  func add(rows: Int, to sums: inout PartialEpoch, boundAt beta: Float?)
}

extension TrainingStep {
  func add(rows: Int, to sums: inout PartialEpoch, boundAt beta: Float?) {
    sums.add(0..<rows, of: self, boundAt: beta)
    sums.rows += rows
  }
}

extension ELBOPlan: TrainingStep {
  func firstNotFinite(rows: Int) -> String? { diagnosis.firstNotFinite(rows: rows) }
  func largestInput(rows: Int) -> Float? { diagnosis.largestInput(rows: rows) }
}

/// A step of training with inference by gradient: some steps on each row's variational parameters,
/// then one on the decoder at the posterior that they reached. Semi-amortized inference starts at the
/// encoder's posterior, and takes a step on the encoder at its own bound before.
final class InferenceStep: TrainingStep {
  let capacity: Int
  private let model: VAE
  private let batches: BatchSource
  private let samples: Int
  private let posteriors: PosteriorStore?
  private let encoder: ELBOPlan?
  private let decoder: LikelihoodPlan
  private let refinement: LikelihoodPlan
  private var inference: VariationalInference
  private var logDensities: [Float] = []
  private var divergences: [Double] = []

  init(
    _ model: VAE, batches: BatchSource, capacity: Int, configuration: TrainingConfiguration,
    posteriors: PosteriorStore?, backend: any Backend
  ) throws {
    self.model = model
    self.batches = batches
    self.capacity = capacity
    self.posteriors = posteriors
    samples = configuration.samples
    inference = try VariationalInference(
      model, configuration: .training(configuration), backend: backend)
    encoder =
      configuration.inference == .semiAmortized
      ? try ELBOPlan(
        model.networks, batches: batches, capacity: capacity, work: .step, subject: .encoder) : nil
    decoder = try LikelihoodPlan(
      model.networks, batches: batches, capacity: capacity * samples, work: .step)
    let pairs = (samples + 1) / 2
    // The next plan is about as wide, and lies beside it.
    try checkMemory(
      decoder.workspaceBytes * (1 + Double(2 * pairs) / Double(samples)), rows: capacity,
      samples: samples)
    refinement = try LikelihoodPlan(
      model.networks, batches: batches, capacity: capacity * 2 * pairs, work: .latentGradient)
  }

  func execute(on backend: any Backend, rows: ArraySlice<UInt32>, run: Run) throws {
    let indices = rows.map(Int.init)
    var start = try posteriors?.read(indices)
    if let encoder {
      encoder.execute(on: backend, rows: rows, run: run)
      start = encoder.posteriors(rows.count)
    }
    inference.configuration.beta = Double(run.beta)
    let (posterior, _, _) = try inference.optimize(
      batches, rows: indices, start: start!, seed: run.seed, epoch: run.epoch, plan: refinement)
    try posteriors?.write(posterior, to: indices)
    stepDecoder(posterior, indices, on: backend, run: run)
    divergences = posterior.divergences()
  }

  /// A step on θ at z = μ + σ ε, each row with noise of its own.
  private func stepDecoder(
    _ posterior: DiagonalGaussian, _ rows: [Int], on backend: any Backend, run: Run
  ) {
    let kernels = InstructionSet.reproducible.kernels
    let size = posterior.mean.columns
    let sigma = posterior.logVariance.values.map { $0 / 2 }.applying(kernels.exp)
    var noise = [Float](repeating: 0, count: size)
    for (place, row) in rows.enumerated() {
      for sample in 0..<samples {
        kernels.random_normal(
          size, run.seed, LATENT_PURPOSE_EPSILON, UInt32(sample), UInt32(row), run.epoch, &noise)
        let z = decoder.place(place * samples + sample, dataRow: row)
        for l in 0..<size {
          z[l] = posterior.mean[place, l] + sigma[place * size + l] * noise[l]
        }
      }
    }
    var run = run
    run.objective_scale /= Float(samples)
    decoder.execute(on: backend, rows: rows.count * samples, run: run)
    logDensities = rows.indices.map { place in
      (0..<samples).reduce(0) { $0 + decoder.logDensity(place * samples + $1) } / Float(samples)
    }
  }

  func logDensity(_ row: Int) -> Float { logDensities[row] }
  func kl(_ row: Int) -> Float { Float(divergences[row]) }
  func evidenceBound(_ row: Int, beta: Float) -> Float { logDensities[row] - kl(row) }

  func firstNotFinite(rows: Int) -> String? {
    if let found = encoder?.diagnosis.firstNotFinite(rows: rows) { return found }
    guard divergences.allSatisfy(\.isFinite) else { return "a row's variational parameters" }
    return decoder.diagnosis.firstNotFinite(rows: rows * samples)
  }

  func largestInput(rows: Int) -> Float? {
    decoder.diagnosis.largestInput(rows: rows * samples)
  }
}

extension InferenceConfiguration {
  /// A few steps on a batch of training.
  static func training(_ configuration: TrainingConfiguration) -> InferenceConfiguration {
    var result = InferenceConfiguration()
    result.samples = configuration.samples
    result.maximumSteps = configuration.innerSteps
    result.evaluationSamples = 16
    return result
  }
}

extension ELBOPlan {
  /// q(z|x) of the first rows of the last batch.
  func posteriors(_ rows: Int) -> DiagonalGaussian {
    var result = DiagonalGaussian(
      mean: Matrix(rows: 0, columns: 0), logVariance: Matrix(rows: 0, columns: 0))
    for row in 0..<rows {
      let (mean, logVariance) = posterior(row)
      if row == 0 { result = DiagonalGaussian(standardNormals: rows, dimensions: mean.count) }
      for l in mean.indices {
        result.mean[row, l] = mean[l]
        result.logVariance[row, l] = logVariance[l]
      }
    }
    return result
  }
}

/// The bound of the held-out rows at posteriors found for them, which between epochs are kept like
/// those of the training rows.
struct HeldOutInference {
  private let model: VAE
  private let batches: BatchSource
  private let posteriors: PosteriorStore?
  private let firstPosterior: Int
  private let inference: VariationalInference
  private let seed: UInt64

  init(
    _ model: VAE, batches: BatchSource, configuration: TrainingConfiguration,
    posteriors: PosteriorStore?, firstPosterior: Int, backend: any Backend
  ) throws {
    self.model = model
    self.batches = batches
    self.posteriors = posteriors
    self.firstPosterior = firstPosterior
    seed = configuration.seed
    inference = try VariationalInference(
      model, configuration: .training(configuration), backend: backend)
  }

  func score() throws -> [RowELBO] {
    let kept = (0..<batches.count).map { firstPosterior + $0 }
    let start =
      try posteriors?.read(kept)
      ?? VAEPasses(model, backend: inference.backend).posterior(batches, seed: seed)
    let found = try inference.fit(batches, start: start, seed: seed)
    try posteriors?.write(found.posterior, to: kept)
    return zip(found.reconstruction, found.kl).map { RowELBO(reconstruction: $0, kl: $1) }
  }
}
