import LatentIO
import LatentKernels
import LatentNetworks

/// How a VAE fills what is missing.
public enum ImputationMethod: String, CaseIterable, Codable, Sendable {
  /// Importance sampling from the posterior of what was observed (Mattei and Frellsen 2019), and for one
  /// draw in ten from the prior: consistent in the number of samples.
  case importance
  /// A chain that draws z given the filled row and the missing values given z in turn (Rezende et al.
  /// 2014): cheap, and right where the encoder is.
  case pseudoGibbs = "pseudo-gibbs"
}

/// A VAE's fillings of rows with values missing (NaN), for any pattern of them.
public struct VAEImputation {
  let model: VAE
  let backend: any Backend
  /// How the missing values are found.
  public var method = ImputationMethod.importance
  /// Draws of z a row, or steps of the chain after as many to forget its start.
  public var samples = 1000
  /// Rows of the decoder's largest batch.
  static let capacity = 4096

  /// Fillings by a fitted model.
  ///
  /// - Throws: `SettingError` for a number of samples out of range, or a deterministic autoencoder.
  public init(
    _ model: VAE, method: ImputationMethod = .importance, samples: Int = 1000, backend: any Backend
  ) throws {
    try Self.check(samples)
    guard model.architecture.posterior == .diagonalGaussian else {
      throw SettingError(
        "A deterministic autoencoder says nothing about what is missing; impute with a VAE, a mixture "
          + "or a factor analysis.")
    }
    self.model = model
    self.method = method
    self.samples = samples
    self.backend = backend
  }

  private static func check(_ samples: Int) throws {
    guard 1...1_000_000 ~= samples else {
      throw SettingError("The number of samples must be 1...1000000, found \(samples).")
    }
  }

  /// What was found of the missing values.
  public struct Filled: Sendable {
    /// The rows with the conditional means of what they lack, in the data's own units.
    public var mean: Matrix<Double>
    /// The same rows filled by draws from the conditional distribution.
    public var draws: [Matrix<Double>]
    /// Importance sampling: the effective number of the draws of each row, 1 / Σ w²; of a complete row
    /// all of them.
    public var effectiveSamples: [Double]?
  }

  /// Fills every row; what was observed stays as it was.
  ///
  /// - Parameter draws: how many fillings by chance besides the means.
  /// - Throws: ``SettingError`` for a number of samples or draws out of range, or a chain by an encoder that was
  ///   not trained; ``ShapeError``;
  ///   `FileError`, with the data's name in place of a file's, for an infinite value; ``DataError`` for a
  ///   value that the likelihood does not take, or a row with nothing observed.
  public func fill(_ data: Dataset, draws: Int = 0, seed: UInt64 = 0) throws -> Filled {
    // They may have been set since.
    try Self.check(samples)
    try checkCount(
      draws, of: "draws", atLeast: 0, values: Double(data.rows.count) * Double(data.rows.columns))
    guard method == .importance || draws <= samples else {
      throw SettingError(
        "A chain of \(samples) steps has not \(draws) states to draw; raise the number of samples.")
    }
    guard method != .pseudoGibbs || model.configuration.inference != .svi else {
      throw SettingError(
        "The encoder of a model fitted with --inference svi was not trained: a chain by it leads nowhere. "
          + "Choose the importance method, or fit with amortized inference.")
    }
    let gaps = (0..<data.rows.count).filter { row in
      (0..<data.rows.columns).contains { data.rows.value(row, $0).isNaN }
    }
    let batches = try model.batches(of: data, allowMissing: true)
    let whole: Matrix<Double> = data.rows.matrix()
    var filled = Filled(
      mean: whole, draws: [Matrix<Double>](repeating: whole, count: draws),
      effectiveSamples: method == .importance
        ? [Double](repeating: Double(samples), count: data.rows.count) : nil)
    guard !gaps.isEmpty else { return filled }
    switch method {
    case .importance: try importance(batches, rows: gaps, seed: seed, into: &filled)
    case .pseudoGibbs: try pseudoGibbs(batches, rows: gaps, seed: seed, into: &filled)
    }
    return filled
  }

  /// Sets what a row lacks, from values in the model's units.
  func set(_ values: (Int) -> Double, in matrix: inout Matrix<Double>, row: Int) {
    let standardization = model.configuration.standardization
    for column in 0..<matrix.columns where matrix[row, column].isNaN {
      let value = values(column)
      matrix[row, column] = standardization?.invert(value, column: column) ?? value
    }
  }

  // MARK: Importance sampling

  private func importance(
    _ batches: BatchSource, rows: [Int], seed: UInt64, into filled: inout Filled
  ) throws {
    let proposals = try proposals(batches, rows: rows, seed: seed)
    let plan = try LikelihoodPlan(
      model.networks, batches: batches, capacity: min(samples, Self.capacity), work: .evaluation)
    let decoder = try Decoder(
      model.networks, capacity: min(samples, Self.capacity), backend: backend)
    var run = Run()
    run.seed = seed
    run.epoch = .max
    run.objective_scale = 1
    for (place, row) in rows.enumerated() {
      let draws = proposals.draw(samples, place: place, row: row, seed: seed)
      var logWeights = draws.logRatios
      for first in stride(from: 0, to: samples, by: plan.capacity) {
        let count = min(plan.capacity, samples - first)
        for index in 0..<count {
          let z = plan.place(index, dataRow: row)
          for l in 0..<draws.z.columns { z[l] = draws.z[first + index, l] }
        }
        plan.execute(on: backend, rows: count, run: run)
        for index in 0..<count { logWeights[first + index] += Double(plan.logDensity(index)) }
      }
      guard let weights = normalized(logWeights) else {
        throw DataError(
          "Row \(row + 1) is too far off to be filled: no draw of z gives what was observed a density; look "
            + "for extreme values in it.")
      }
      filled.effectiveSamples![row] = 1 / weights.reduce(0) { $0 + $1 * $1 }
      try mean(row, draws.z, weights, decoder, into: &filled)
      try resample(row, draws.z, weights, decoder, seed: seed, into: &filled)
    }
  }

  /// Normals fitted to what was observed of each row.
  private func proposals(_ batches: BatchSource, rows: [Int], seed: UInt64) throws -> Proposals {
    var settings = InferenceConfiguration()
    settings.samples = 32
    settings.tolerance = 1e-3
    settings.maximumSteps = 300
    settings.evaluationSamples = 2
    let inference = try VariationalInference(model, configuration: settings, backend: backend)
    let start = try VAEPasses(model, backend: backend).posterior(batches, seed: seed, rows: rows)
    return Proposals(
      posterior: try inference.optimize(
        batches, rows: rows, start: start, seed: seed, epoch: .max
      ).posterior)
  }

  /// Σ w E[x|z], only over draws that weigh anything.
  private func mean(
    _ row: Int, _ z: Matrix<Float>, _ weights: [Double], _ decoder: Decoder,
    into filled: inout Filled
  ) throws {
    var sums = [Double](repeating: 0, count: filled.mean.columns)
    for first in stride(from: 0, to: samples, by: decoder.network.capacity) {
      let part = first..<min(first + decoder.network.capacity, samples)
      guard part.contains(where: { weights[$0] > 0 }) else { continue }
      let latents = try Matrix(
        rows: part.count, columns: z.columns,
        values: Array(z.values[part.lowerBound * z.columns..<part.upperBound * z.columns]))
      let decoded = try decoder.decode(latents).mean
      for (index, draw) in part.enumerated() where weights[draw] > 0 {
        for column in sums.indices {
          sums[column] += weights[draw] * Double(decoded[index, column])
        }
      }
    }
    set({ sums[$0] }, in: &filled.mean, row: row)
  }

  /// Draws of z by their weights, and of the missing values given them.
  private func resample(
    _ row: Int, _ z: Matrix<Float>, _ weights: [Double], _ decoder: Decoder, seed: UInt64,
    into filled: inout Filled
  ) throws {
    guard !filled.draws.isEmpty else { return }
    let random = CounterRandom(
      seed: seed, purpose: LATENT_PURPOSE_PRIOR, row: UInt32(row), epoch: .max)
    var chosen = Matrix<Float>(rows: filled.draws.count, columns: z.columns)
    for index in filled.draws.indices {
      let draw = categorical(weights, at: random.uniform(index))
      for l in 0..<z.columns { chosen[index, l] = z[draw, l] }
    }
    for first in stride(from: 0, to: chosen.rows, by: decoder.network.capacity) {
      let part = first..<min(first + decoder.network.capacity, chosen.rows)
      let latents = try Matrix(
        rows: part.count, columns: z.columns,
        values: Array(chosen.values[part.lowerBound * z.columns..<part.upperBound * z.columns]))
      // A stream of its own for each row.
      let drawn = try decoder.decode(latents).drawn(
        seed: seed &+ 0x9e37_79b9_7f4a_7c15 &* UInt64(row + 1), firstRow: part.lowerBound
      ).mean
      for (place, index) in part.enumerated() {
        set({ Double(drawn[place, $0]) }, in: &filled.draws[index], row: row)
      }
    }
  }
}

/// e^(log w − log Σ w); nil where none of them weighs anything, or one is no number.
private func normalized(_ logWeights: [Double]) -> [Double]? {
  guard let largest = logWeights.max(), largest.isFinite, !logWeights.contains(where: \.isNaN)
  else { return nil }
  var weights = logWeights.map { $0 - largest }
  weights.withUnsafeMutableBufferPointer {
    InstructionSet.reproducible.kernels.exp_double($0.count, $0.baseAddress, $0.baseAddress)
  }
  let sum = weights.reduce(0, +)
  return weights.map { $0 / sum }
}

/// What importance sampling draws from: a normal near the posterior for most draws, and the prior for some,
/// without which a second mode far from the normal would never be met, and no weight would tell (Hesterberg
/// 1995). All count by the density of both, so that no weight is above ten times its likelihood.
private struct Proposals {
  /// A proposal is this much wider than the fitted normal: for a posterior with correlated dimensions
  /// a diagonal normal is too narrow.
  static let widening: Float = 1.2
  /// One draw of so many is the prior's.
  static let priorEvery = 10
  let posterior: DiagonalGaussian

  /// Draws of z [samples x L], and log p(z) − log q(z) of each; the last ones are the prior's.
  func draw(_ samples: Int, place: Int, row: Int, seed: UInt64) -> (
    z: Matrix<Float>, logRatios: [Double]
  ) {
    let (set, kernels) = (InstructionSet.reproducible, InstructionSet.reproducible.kernels)
    let size = posterior.mean.columns
    let mean = posterior.mean.row(place)
    let logWidening = Double([Self.widening].applying(kernels.log)[0])
    let sigma = posterior.logVariance.row(place).map { $0 / 2 }.applying(kernels.exp)
      .map { $0 * Self.widening }
    let logSigmas = posterior.logVariance.row(place).reduce(0.0) {
      $0 + Double($1) / 2 + logWidening
    }
    let priors = samples / Self.priorEvery
    let share = Double(priors) / Double(samples)
    var z = Matrix<Float>(rows: samples, columns: size)
    var ratios = [Double](repeating: 0, count: samples)
    var noise = [Float](repeating: 0, count: size)
    for sample in 0..<samples {
      kernels.random_normal(
        size, seed, LATENT_PURPOSE_EPSILON, UInt32(sample), UInt32(row), .max, &noise)
      let isPrior = sample >= samples - priors
      // log p(z) less that of the fitted normal.
      var difference = logSigmas
      for (l, center) in zip(0..<size, mean) {
        let value = isPrior ? noise[l] : center + sigma[l] * noise[l]
        z[sample, l] = value
        let error = isPrior ? (value - center) / sigma[l] : noise[l]
        difference += (Double(error) * Double(error) - Double(value) * Double(value)) / 2
      }
      // log p − log ((1 − share) q + share p), by the larger of both.
      let largest = max(0, -difference)
      let mixed =
        (1 - share) * set.exponential(-difference - largest) + share * set.exponential(-largest)
      ratios[sample] = -largest - set.logarithm(mixed)
    }
    return (z, ratios)
  }
}
