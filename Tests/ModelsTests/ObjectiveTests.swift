import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

@Suite struct ObjectiveTests {
  static let rowCount = 24
  let order = (0..<UInt32(rowCount)).map { $0 }
  let fused = try! FusedBackend(threads: 2)

  private func makeModel(_ likelihood: Likelihood = .bernoulli) throws -> (VAE, BatchSource) {
    let architecture = Architecture(
      dimensions: 19, hidden: [11], latentDimensions: 3, activation: .tanh, likelihood: likelihood)
    let model = try VAE(VAEConfiguration(architecture: architecture))
    let values = (0..<Self.rowCount * 19).map { (index: Int) -> Float in
      Float((index * 7919 + 13) % 101) / 101
    }
    let rows = Rows(try Matrix(rows: Self.rowCount, columns: 19, values: values))
    try model.initialize(for: rows, seed: 3)
    return (model, BatchSource(rows, transform: .none))
  }

  private func run(seed: UInt64 = 5, beta: Float = 1) -> Run {
    var run = Run()
    run.seed = seed
    run.beta = beta
    run.objective_scale = 1 / Float(Self.rowCount)
    return run
  }

  private func makePlan(
    _ model: VAE, _ batches: BatchSource, _ objective: Objective, samples: Int,
    work: ELBOPlan.Work = .gradient
  ) throws -> ELBOPlan {
    try ELBOPlan(
      model.networks, batches: batches, capacity: Self.rowCount, work: work, objective: objective,
      samples: samples)
  }

  /// The gradients of all tensors that are learned.
  private func gradients(_ model: VAE) throws -> [(name: String, values: [Double])] {
    let isFixed = model.architecture.likelihood == .gaussianUnit
    return try model.parameters.slots.filter { !isFixed || $0.name != "decoder.rawLogVariance" }
      .map { ($0.name, try model.parameters.read($0, .gradients).map(Double.init)) }
  }

  @Test(arguments: Objective.allCases, Likelihood.allCases)
  func backendsAgree(_ objective: Objective, _ likelihood: Likelihood) throws {
    let (model, batches) = try makeModel(likelihood)
    var backends: [any Backend] = [fused, SIMDBackend()]
    #if OpenBLAS
      backends.append(OpenBLASBackend())
    #endif
    for samples in [1, 5] {
      let plan = try makePlan(model, batches, objective, samples: samples)
      plan.execute(on: ReferenceBackend(), rows: order[...], run: run(beta: 0.7))
      let expected = try gradients(model)
      let bounds = (0..<Self.rowCount).map { Double(plan.bound($0)) }
      for backend in backends {
        plan.execute(on: backend, rows: order[...], run: run(beta: 0.7))
        for (found, expected) in zip(try gradients(model), expected) {
          let error = distance(found.values, expected.values)
          #expect(error <= 1e-5, "\(backend.name), \(samples) samples, \(found.name)")
        }
        #expect(distance((0..<Self.rowCount).map { Double(plan.bound($0)) }, bounds) <= 1e-5)
      }
    }
  }

  /// The whole derivative of the bound, where an objective's gradient is that: of all parameters, or
  /// of the decoder's where the encoder's is another estimate of the same mean.
  @Test(arguments: Objective.allCases, [Likelihood.bernoulli, .gaussianDiagonal])
  func gradientMatchesFiniteDifferences(_ objective: Objective, _ likelihood: Likelihood) throws {
    let (model, batches) = try makeModel(likelihood)
    let plan = try makePlan(model, batches, objective, samples: 4)
    let lossPlan = try makePlan(model, batches, objective, samples: 4, work: .evaluation)
    plan.execute(on: fused, rows: order[...], run: run(beta: 0.7))
    func loss() -> Double {
      lossPlan.execute(on: fused, rows: order[...], run: run(beta: 0.7))
      let sum = (0..<Self.rowCount).reduce(0.0) { sum, row in
        objective == .elbo
          ? sum + Double(lossPlan.kl(row)) * 0.7 - Double(lossPlan.logDensity(row))
          : sum - Double(lossPlan.bound(row))
      }
      return sum / Double(Self.rowCount)
    }
    let isWhole = [.elbo, .sampledELBO, .iwae].contains(objective)
    for slot in model.parameters.slots where isWhole || slot.name.hasPrefix("decoder") {
      let start = try model.parameters.read(slot)
      let gradient = try model.parameters.read(slot, .gradients)
      let norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      func lossAlong(_ distance: Double) throws -> Double {
        try model.parameters.write(
          zip(start, gradient).map { $0 + Float(distance * Double($1) / norm) }, to: slot)
        return loss()
      }
      let slope = try (lossAlong(0.02) - lossAlong(-0.02)) / 0.04
      try model.parameters.write(start, to: slot)
      #expect(abs(slope - norm) < 0.01 * norm + 1e-4, "\(slot.name): \(slope) for \(norm)")
    }
  }

  /// Averaged over many draws, estimates of the same gradient agree within 3 standard errors.
  @Test(
    arguments: [[Objective.elbo, .sampledELBO, .stl, .score], [.iwae, .dreg]], [Float(1), 0.25, 3])
  func unbiasedEstimatesAgree(_ objectives: [Objective], beta: Float) throws {
    let (model, batches) = try makeModel()
    let means = try objectives.map { objective in
      let plan = try makePlan(model, batches, objective, samples: 3)
      var sums: [Double] = []
      var squares: [Double] = []
      let draws = 600
      for seed in 0..<draws {
        plan.execute(
          on: fused, rows: order[...], run: run(seed: UInt64(seed) + 100, beta: beta))
        let projections = try gradients(model).flatMap { self.projections(of: $0.values) }
        if seed == 0 {
          (sums, squares) = (projections.map { _ in 0 }, projections.map { _ in 0 })
        }
        for (i, value) in projections.enumerated() {
          sums[i] += value
          squares[i] += value * value
        }
      }
      let count = Double(draws)
      return zip(sums, squares).map { sum, square in
        (mean: sum / count, variance: (square - sum * sum / count) / (count - 1) / count)
      }
    }
    for (objective, found) in zip(objectives, means).dropFirst() {
      for (i, (a, b)) in zip(found, means[0]).enumerated() {
        let deviations = abs(a.mean - b.mean) / (a.variance + b.variance + 1e-16).squareRoot()
        #expect(deviations < 3, "\(objective) and \(objectives[0]), projection \(i)")
      }
    }
  }

  /// Epochs report bounds on log p(x), whatever the weight of the KL in what they maximize.
  @Test(arguments: [Objective.iwae, .dreg])
  func reportedBoundsHaveNoBeta(_ objective: Objective) throws {
    let (model, batches) = try makeModel()
    let plan = try makePlan(model, batches, objective, samples: 20, work: .evaluation)
    plan.execute(on: fused, rows: order[...], run: run())
    let expected = order.map { plan.bound(Int($0)) }
    plan.execute(on: fused, rows: order[...], run: run(beta: 0.2))
    for (row, expected) in expected.enumerated() {
      #expect(abs(plan.bound(row) - expected) > 1e-3)
      #expect(abs(plan.evidenceBound(row, beta: 0.2) - expected) < 1e-5)
    }
  }

  /// A gradient of less variance is what the others are for.
  @Test func variancesAreOrdered() throws {
    let (model, batches) = try makeModel()
    func variance(_ objective: Objective) throws -> Double {
      let plan = try makePlan(model, batches, objective, samples: 8)
      var values: [Double] = []
      for seed in 0..<60 {
        plan.execute(on: fused, rows: order[...], run: run(seed: UInt64(seed)))
        try values.append(projections(of: gradients(model)[2].values)[0])
      }
      let mean = values.reduce(0, +) / 60
      return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    }
    let score = try variance(.score)
    #expect(try variance(.elbo) < score && variance(.dreg) < variance(.iwae))
  }

  /// One sample: the importance-weighted bound is the sampled one, bit by bit, and so are the gradients.
  @Test func oneSampleIsTheSampledBound() throws {
    for likelihood in Likelihood.allCases {
      let (model, batches) = try makeModel(likelihood)
      for backend in [fused, SIMDBackend(), ReferenceBackend()] as [any Backend] {
        let pairs: [(Objective, Objective)] = [(.sampledELBO, .iwae), (.stl, .dreg)]
        for (one, weighted) in pairs {
          let (plan, other) = (
            try makePlan(model, batches, one, samples: 1),
            try makePlan(model, batches, weighted, samples: 1)
          )
          plan.execute(on: backend, rows: order[...], run: run())
          let expected = try gradients(model).map(\.values)
          other.execute(on: backend, rows: order[...], run: run())
          try #expect(gradients(model).map(\.values) == expected, "\(backend.name), \(weighted)")
          for row in 0..<Self.rowCount { #expect(plan.bound(row) == other.bound(row)) }
        }
      }
    }
  }

  @Test func boundGrowsWithSamples() throws {
    let (model, batches) = try makeModel()
    let bounds = try [1, 2, 5, 20, 50, 200].map { samples in
      let plan = try makePlan(model, batches, .iwae, samples: samples, work: .evaluation)
      let values = (0..<40).map { seed -> Double in
        plan.execute(on: fused, rows: order[...], run: run(seed: UInt64(seed)))
        return (0..<Self.rowCount).reduce(0) { $0 + Double(plan.bound($1)) } / 24
      }
      let mean = values.reduce(0, +) / 40
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 39 / 40
      return (mean: mean, variance: variance)
    }
    for (lower, higher) in zip(bounds, bounds.dropFirst()) {
      let error = (lower.variance + higher.variance).squareRoot()
      #expect(higher.mean > lower.mean - 3 * error)
    }
    #expect(bounds.last!.mean > bounds[0].mean)
  }

  @Test func refusesWhatDoesNotGoTogether() throws {
    let (model, batches) = try makeModel()
    #expect(throws: SettingError.self) { try makePlan(model, batches, .iwae, samples: 0) }
    var configuration = TrainingConfiguration()
    configuration.objective = .iwae
    configuration.freeBits = 1
    #expect(throws: SettingError.self) { try configuration.validate() }
    configuration.freeBits = 0
    configuration.inference = .svi
    #expect(throws: SettingError.self) { try configuration.validate() }
  }

  /// Along two fixed directions.
  private func projections(of values: [Double]) -> [Double] {
    [7, 11].map { factor in
      values.indices.reduce(0.0) { $0 + values[$1] * Double(($1 * factor + 3) % 13 - 6) }
    }
  }

  private func distance(_ a: [Double], _ b: [Double]) -> Double {
    let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let norm = b.reduce(0) { $0 + $1 * $1 }
    return difference == 0 ? 0 : (difference / norm).squareRoot()
  }
}
