import LatentKernels
import LatentNetworks

/// How each row's variational parameters are found.
public struct InferenceConfiguration: Codable, Sendable, Equatable {
  /// Draws of z behind each gradient, in pairs ε and −ε. With at least twice as many as there are
  /// latent dimensions a linear Gaussian decoder's optimum is exact.
  public var samples = 64
  /// Adam's first step size; it falls where a row stops improving.
  public var learningRate = 0.1
  /// Nats by which `window` steps must improve a row's bound.
  public var tolerance = 1e-5
  /// The cap on a row's gradient steps; with 0 it stays where it starts.
  public var maximumSteps = 2000
  /// Draws behind the reported bound, none of them used to find the parameters. With 16 or more a latent
  /// dimension a linear Gaussian decoder's bound is exact.
  public var evaluationSamples = 256

  /// Weight of the KL; 1 is the evidence lower bound.
  public var beta = 1.0

  /// The defaults.
  public init() {}

  static let window = 10

  /// - Throws: ``SettingError`` naming the first setting out of its range.
  public func validate() throws {
    func need(_ holds: Bool, _ name: String, _ range: String, _ found: Any) throws {
      guard holds else { throw SettingError("\(name) must be \(range), found \(found).") }
    }
    try need(1...1_000_000 ~= samples, "The number of samples", "1...1000000", samples)
    try need(
      1...1_000_000 ~= evaluationSamples, "The number of evaluation samples", "1...1000000",
      evaluationSamples)
    try need(
      learningRate > 0 && learningRate.isFinite, "The inner learning rate", "above 0", learningRate)
    try need(tolerance >= 0 && tolerance.isFinite, "The tolerance", "at least 0", tolerance)
    try need(
      beta >= 0 && Float(beta).isFinite, "Beta", "at least 0 within the range of floats", beta)
    try need(
      0...1_000_000 ~= maximumSteps, "The number of inner steps", "0...1000000", maximumSteps)
  }
}

/// The best diagonal Gaussian q(z) of each row, and what it reaches.
public struct OptimalPosterior: Sendable {
  /// Mean and log-variance of each row's q(z), [rows x L].
  public internal(set) var posterior: DiagonalGaussian
  /// E_q log p(x|z) of each row over the evaluation's draws, nats, in the data's own units.
  public internal(set) var reconstruction: [Double]
  /// D_KL(q ‖ p(z)) of each row, exact.
  public internal(set) var kl: [Double]
  /// Of ``reconstruction``, as of independent pairs of draws: matched moments make it smaller.
  public internal(set) var standardError: [Double]
  /// Gradient steps that each row took.
  public internal(set) var steps: [Int]
  /// Whether a row stopped improving before the cap on steps.
  public internal(set) var converged: [Bool]

  /// The bound of each row at its own optimum.
  public var elbo: [Double] { zip(reconstruction, kl).map { $0 - $1 } }
}

/// Stochastic variational inference without amortization (Hoffman et al. 2013): each row has
/// variational parameters of its own, (μ, log σ²), found by gradient ascent on its own bound for a
/// fixed decoder. Started from an encoder it is semi-amortized (Hjelm et al. 2016; Kim et al. 2018).
///
/// A row's result depends on the row and its number, the seed and the model alone, not on its company in a batch.
public struct VariationalInference {
  let model: VAE
  let backend: any Backend
  /// How each row's parameters are found.
  public internal(set) var configuration: InferenceConfiguration
  /// Rows of the decoder's largest batch: rows of data times samples.
  private static let capacity = 4096

  /// - Throws: ``SettingError`` for a configuration out of range.
  public init(
    _ model: VAE, configuration: InferenceConfiguration = .init(), backend: any Backend
  ) throws {
    try configuration.validate()
    self.model = model
    self.configuration = configuration
    self.backend = backend
  }

  /// The optimal posteriors of `rows` (all, if nil), in their order.
  ///
  /// - Parameters:
  ///   - start: where each row begins: the prior, if nil; an encoder's posteriors make the inference
  ///     semi-amortized.
  ///   - epoch: keys the noise, with the seed, and what the data's transform draws.
  /// - Throws: ``ShapeError`` when the data or `start` do not fit the model; ``SettingError`` for rows
  ///   that are not there.
  public func fit(
    _ batches: BatchSource, rows: [Int]? = nil, start: DiagonalGaussian? = nil, seed: UInt64 = 0,
    epoch: UInt32 = .max
  ) throws -> OptimalPosterior {
    let rows = rows ?? Array(batches.held)
    let size = model.architecture.latentDimensions
    let start = start ?? DiagonalGaussian(standardNormals: rows.count, dimensions: size)
    for found in [start.mean, start.logVariance]
    where found.rows != rows.count || found.columns != size {
      throw ShapeError(
        "Inference of \(rows.count) rows needs as many starting points of \(size) dimensions, found "
          + "\(found.rows) x \(found.columns).")
    }
    try batches.check(rows: rows)
    let (posterior, steps, converged) = try optimize(
      batches, rows: rows, start: start, seed: seed, epoch: epoch)
    let (means, errors) = try reconstructions(
      batches, rows: rows, of: posterior, seed: seed, epoch: epoch)
    return OptimalPosterior(
      posterior: posterior, reconstruction: means, kl: posterior.divergences(),
      standardError: errors, steps: steps,
      // Steps that lead nowhere, since a number is none, have found nothing.
      converged: zip(converged, means).map { $0 && $1.isFinite })
  }

  /// The parameters alone, without the bound that they reach.
  func optimize(
    _ batches: BatchSource, rows: [Int], start: DiagonalGaussian, seed: UInt64, epoch: UInt32,
    plan reusable: LikelihoodPlan? = nil
  ) throws -> (posterior: DiagonalGaussian, steps: [Int], converged: [Bool]) {
    let size = model.architecture.latentDimensions
    var posterior = start
    var steps = [Int](repeating: 0, count: rows.count)
    var converged = [Bool](repeating: false, count: rows.count)
    guard configuration.maximumSteps > 0 else { return (posterior, steps, converged) }
    let noise = MatchedNoise(
      samples: configuration.samples, dimensions: size, seed: seed, epoch: epoch)
    let plan =
      try reusable
      ?? LikelihoodPlan(
        model.networks, batches: batches,
        capacity: max(1, min(rows.count, Self.capacity / noise.samples)) * noise.samples,
        work: .latentGradient)
    let width = plan.capacity / noise.samples
    let run = run(seed: seed, epoch: epoch)
    // Rows that are done make room for the next ones.
    var active: [RowOptimizer] = []
    var next = 0
    while next < rows.count || !active.isEmpty {
      while active.count < width, next < rows.count {
        active.append(RowOptimizer(next, start: start, configuration: configuration))
        next += 1
      }
      for (place, row) in active.enumerated() {
        row.draw(noise) {
          plan.place(place * noise.samples + $0, dataRow: rows[row.position])
        }
      }
      plan.execute(on: backend, rows: active.count * noise.samples, run: run)
      for (place, row) in active.enumerated() {
        row.step(noise) { sample in
          let index = place * noise.samples + sample
          return (plan.logDensity(index), plan.latentGradient(index))
        }
      }
      for row in active where row.isDone {
        for l in 0..<size {
          posterior.mean[row.position, l] = Float(row.best.mean[l])
          posterior.logVariance[row.position, l] = Float(row.best.logVariance[l])
        }
        steps[row.position] = row.steps
        converged[row.position] = row.hasConverged
      }
      active.removeAll(where: \.isDone)
    }
    return (posterior, steps, converged)
  }

  /// E_q log p(x|z) and its standard error, from draws of each row's own: errors of draws that all rows share
  /// would not average out over them.
  func reconstructions(
    _ batches: BatchSource, rows: [Int], of posterior: DiagonalGaussian, seed: UInt64, epoch: UInt32
  ) throws -> (mean: [Double], standardError: [Double]) {
    let size = model.architecture.latentDimensions
    func noise(_ row: Int) -> MatchedNoise {
      MatchedNoise(
        samples: configuration.evaluationSamples, dimensions: size, seed: ~seed, row: UInt32(row),
        epoch: epoch, matchingFrom: 16)
    }
    let samples = (configuration.evaluationSamples + 1) / 2 * 2
    let width = max(1, min(rows.count, Self.capacity / samples))
    let plan = try LikelihoodPlan(
      model.networks, batches: batches, capacity: width * samples, work: .evaluation)
    let run = run(seed: seed, epoch: epoch)
    let jacobian = model.jacobian(of: batches)
    var means: [Double] = []
    var errors: [Double] = []
    for first in stride(from: 0, to: rows.count, by: width) {
      let part = first..<min(first + width, rows.count)
      for (place, position) in part.enumerated() {
        let row = RowOptimizer(position, start: posterior, configuration: configuration)
        row.draw(noise(rows[position])) {
          plan.place(place * samples + $0, dataRow: rows[position])
        }
      }
      plan.execute(on: backend, rows: part.count * samples, run: run)
      for place in 0..<part.count {
        let pairs = (0..<samples / 2).map { pair -> Double in
          let index = place * samples + 2 * pair
          return (Double(plan.logDensity(index)) + Double(plan.logDensity(index + 1))) / 2
        }
        let count = Double(pairs.count)
        let mean = pairs.reduce(0, +) / count
        let squares = pairs.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        means.append(mean + jacobian[rows[part.lowerBound + place]])
        errors.append(pairs.count > 1 ? (squares / (count * (count - 1))).squareRoot() : .infinity)
      }
    }
    return (means, errors)
  }

  private func run(seed: UInt64, epoch: UInt32) -> Run {
    var run = Run()
    run.seed = seed
    run.epoch = epoch
    run.objective_scale = 1
    return run
  }
}

extension DiagonalGaussian {
  /// The prior of each of `rows` rows.
  public init(standardNormals rows: Int, dimensions: Int) {
    self.init(
      mean: Matrix(rows: rows, columns: dimensions),
      logVariance: Matrix(rows: rows, columns: dimensions))
  }

  /// D_KL(q ‖ N(0, I)) of each row, nats.
  public func divergences() -> [Double] {
    let kernels = InstructionSet.reproducible.kernels
    return (0..<mean.rows).map { row in
      let logVariances = logVariance.row(row).map(Double.init)
      var variances = logVariances
      variances.withUnsafeMutableBufferPointer {
        kernels.exp_double($0.count, $0.baseAddress, $0.baseAddress)
      }
      return zip(mean.row(row), zip(logVariances, variances)).reduce(0.0) { sum, values in
        let mean = Double(values.0)
        return sum + (mean * mean + values.1.1 - 1 - values.1.0) / 2
      }
    }
  }
}
