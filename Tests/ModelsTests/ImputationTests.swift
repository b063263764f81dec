import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

@Suite struct ImputationTests {
  let backend = try! FusedBackend(threads: 2)

  /// A linear VAE's conditional distribution of what is missing is known exactly.
  @Test func fillsAsTheExactConditional() throws {
    let linear = try LinearVAE(columns: 10, factors: 2)
    let truth = linear.truth
    let gapped = try removing(0.5, from: Rows(truth.sample(24, seed: 3)))
    let observed = (0..<24).filter { row in (0..<10).contains { !gapped.value(row, $0).isNaN } }
    let data = try Dataset(name: "gaps", rows: gapped.selecting(observed))
    let exact = DenseNormal(mean: truth.mean, covariance: truth.covariance)
    let (samples, draws) = (4000, 400)
    let filled = try VAEImputation(linear.model, samples: samples, backend: backend)
      .fill(data, draws: draws, seed: 1)
    var (squares, count) = (0.0, 0.0)
    for row in 0..<data.rows.count {
      let x = (0..<10).map { data.rows.value(row, $0) }
      let wanted = x.indices.filter { x[$0].isNaN }
      let (means, covariance) = exact.conditional(wanted, given: x)
      for column in x.indices where !x[column].isNaN {
        #expect(filled.mean[row, column] == x[column])
        #expect(filled.draws.allSatisfy { $0[row, column] == x[column] })
      }
      for (i, column) in wanted.enumerated() {
        let variance = covariance[i, i]
        // E[x|z] varies by what z leaves of the variance; self-normalized weights, so by effective ones.
        let error = ((variance - truth.uniquenesses[column]) / filled.effectiveSamples![row])
          .squareRoot()
        let deviations = (filled.mean[row, column] - means[i]) / error
        #expect(abs(deviations) < 4.5, "row \(row), column \(column): \(deviations) errors")
        squares += deviations * deviations
        count += 1
        let values = filled.draws.map { $0[row, column] }
        let mean = values.reduce(0, +) / Double(draws)
        let spread = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(draws - 1)
        // A sample variance of normals has the relative error sqrt(2 / n).
        #expect(abs(spread / variance - 1) < 4.5 * (2 / Double(draws)).squareRoot())
        #expect(abs(mean - means[i]) < 4.5 * (variance / Double(draws)).squareRoot())
      }
    }
    // Not too large on the whole either.
    #expect(squares / count < 1.6, "\(squares / count)")
  }

  /// What was observed, |z|, leaves two modes of z, of which a normal fits one.
  @Test func findsBothModes() throws {
    let model = try VAE(
      VAEConfiguration(
        architecture: Architecture(
          dimensions: 2, hidden: [2], latentDimensions: 1, activation: .relu,
          likelihood: .gaussianShared)))
    func set(_ name: String, _ values: [Float]) throws {
      let slot = try #require(model.parameters.slots.first { $0.name == name })
      try model.parameters.write(values, to: slot)
    }
    for slot in model.parameters.slots {
      try model.parameters.write([Float](repeating: 0, count: slot.count), to: slot)
    }
    // relu(z) + relu(-z) and relu(z) - relu(-z), with noise of e^-2.
    try set("encoder.mean.bias", [1])
    try set("encoder.rawLogVariance.bias", [-4])
    try set("decoder.layers.0.weight", [1, -1])
    try set("decoder.mean.weight", [1, 1, 1, -1])
    try set("decoder.rawLogVariance", [Float(10 * atanh(-0.4))])
    model.parameters.refreshTransposed()
    let rows = try Matrix<Double>(rows: 3, columns: 2, values: [1, .nan, 1.5, .nan, 0.7, .nan])
    let filled = try VAEImputation(model, samples: 20_000, backend: backend)
      .fill(Dataset(name: "modes", rows: Rows(rows)), draws: 400, seed: 5)
    for row in 0..<3 {
      // By symmetry the mean is zero, and half of the draws lie on either side.
      #expect(abs(filled.mean[row, 1]) < 0.15, "\(filled.mean[row, 1])")
      let positive = filled.draws.count { $0[row, 1] > 0 }
      #expect(140...260 ~= positive, "\(positive)")
      #expect(filled.effectiveSamples![row] < 15_000)
    }
  }

  /// The chain is right where the encoder is: here it was told of zeros, so only nearly.
  @Test func chainFillsNearTheConditional() throws {
    let linear = try LinearVAE(columns: 10, factors: 2)
    let truth = linear.truth
    let data = try Dataset(name: "gaps", rows: removing(0.2, from: Rows(truth.sample(12, seed: 3))))
    let exact = DenseNormal(mean: truth.mean, covariance: truth.covariance)
    let filled = try VAEImputation(
      linear.model, method: .pseudoGibbs, samples: 400, backend: backend
    ).fill(data, draws: 3, seed: 1)
    var (ours, theirs) = (0.0, 0.0)
    for row in 0..<12 {
      let x = (0..<10).map { data.rows.value(row, $0) }
      let wanted = x.indices.filter { x[$0].isNaN }
      let (means, _) = exact.conditional(wanted, given: x)
      for (i, column) in wanted.enumerated() {
        ours += pow(filled.mean[row, column] - means[i], 2)
        theirs += pow(truth.mean[column] - means[i], 2)
      }
    }
    #expect(ours < 0.05 * theirs, "\(ours) of \(theirs)")
    #expect(filled.draws.count == 3 && filled.draws[0] != filled.draws[2])
    #expect(filled.draws.allSatisfy { $0.values.allSatisfy { $0.isFinite } })
  }

  /// A row's filling depends on the model, the seed, its number and itself: not on which others have gaps.
  @Test(arguments: ImputationMethod.allCases)
  func dependsOnNoOtherRow(_ method: ImputationMethod) throws {
    let linear = try LinearVAE(columns: 6, factors: 2)
    let whole = try linear.truth.sample(12, seed: 3)
    var gapped = whole
    for row in 0..<12 { gapped[row, row % 6] = .nan }
    var fewer = gapped
    for row in [0, 4] { fewer[row, row % 6] = whole[row, row % 6] }
    let imputation = try VAEImputation(linear.model, method: method, samples: 20, backend: backend)
    let all = try imputation.fill(Dataset(name: "all", rows: Rows(gapped)), draws: 3, seed: 1)
    let few = try imputation.fill(Dataset(name: "few", rows: Rows(fewer)), draws: 3, seed: 1)
    for row in 0..<12 where row != 0 && row != 4 {
      #expect(few.mean.row(row) == all.mean.row(row))
      for (few, all) in zip(few.draws, all.draws) { #expect(few.row(row) == all.row(row)) }
    }
  }

  /// The bound over what was observed: its gradient, on every backend, for complete and for gapped
  /// rows; a complete row's bits do not change.
  @Test(arguments: [Likelihood.gaussianDiagonal, .gaussianShared, .gaussian, .bernoulli])
  func boundOverObservedValues(_ likelihood: Likelihood) throws {
    let architecture = Architecture(
      dimensions: 9, hidden: [7], latentDimensions: 2, activation: .tanh, likelihood: likelihood)
    let model = try VAE(VAEConfiguration(architecture: architecture))
    let values = (0..<108).map { (index: Int) -> Float in Float((index * 7919 + 13) % 101) / 101 }
    var matrix = try Matrix(rows: 12, columns: 9, values: values)
    try model.initialize(for: Rows(matrix), seed: 4)
    let complete = BatchSource(Rows(matrix), transform: .none)
    for index in 0..<54 where index % 3 == 1 { matrix.values[index] = .nan }
    let gapped = BatchSource(Rows(matrix), transform: .none)
    #expect(gapped.hasMissing && !complete.hasMissing)
    var run = Run()
    run.seed = 2
    run.beta = 1
    run.objective_scale = 1 / 12
    let order = (0..<UInt32(12)).map { $0 }
    for (objective, samples) in [(Objective.elbo, 1), (.iwae, 3)] {
      func plan(_ batches: BatchSource, _ work: ELBOPlan.Work) throws -> ELBOPlan {
        try ELBOPlan(
          model.networks, batches: batches, capacity: 12, work: work, objective: objective,
          samples: samples)
      }
      let gradient = try plan(gapped, .gradient)
      gradient.execute(on: ReferenceBackend(), rows: order[...], run: run)
      let expected = try model.parameters.slots.map { try model.parameters.read($0, .gradients) }
      for backend in [backend, SIMDBackend()] as [any Backend] {
        gradient.execute(on: backend, rows: order[...], run: run)
        for (slot, expected) in zip(model.parameters.slots, expected) {
          let found = try model.parameters.read(slot, .gradients)
          let error = zip(found, expected).map { abs($0 - $1) }.max()!
          #expect(error <= 1e-5 * max(1, expected.map(abs).max()!), "\(backend.name), \(slot.name)")
        }
      }
      let loss = try plan(gapped, .evaluation)
      func value() -> Double {
        loss.execute(on: backend, rows: order[...], run: run)
        return -(0..<12).reduce(0.0) { $0 + Double(loss.bound($1)) } / 12
      }
      for (slot, gradient) in zip(model.parameters.slots, expected) {
        let start = try model.parameters.read(slot)
        let norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        func along(_ distance: Double) throws -> Double {
          try model.parameters.write(
            zip(start, gradient).map { $0 + Float(distance * Double($1) / norm) }, to: slot)
          return value()
        }
        let slope = try (along(0.02) - along(-0.02)) / 0.04
        try model.parameters.write(start, to: slot)
        #expect(abs(slope - norm) < 0.01 * norm + 1e-4, "\(slot.name): \(slope) for \(norm)")
      }
      let whole = try plan(complete, .evaluation)
      whole.execute(on: backend, rows: order[...], run: run)
      loss.execute(on: backend, rows: order[...], run: run)
      for row in 6..<12 { #expect(loss.bound(row) == whole.bound(row)) }
      for row in 0..<6 { #expect(loss.bound(row).isFinite && loss.bound(row) != whole.bound(row)) }
    }
  }

  /// Trained on gapped rows alone, a linear VAE comes near the likelihood's maximum over what was
  /// observed.
  @Test func learnsFromIncompleteRows() throws {
    let raw = removing(0.25, from: factorRows(500, columns: 8, factors: 2))
    let standardization = Standardization(raw)
    #expect(standardization.mean.allSatisfy { $0.isFinite })
    let data = try Dataset(name: "gaps", rows: raw)
    var configuration = VAEConfiguration(
      architecture: Architecture(
        dimensions: 8, hidden: [32], latentDimensions: 2, likelihood: .gaussianDiagonal),
      standardization: standardization)
    #expect {
      try VAE(configuration).batches(of: data)
    } throws: {
      $0 is FileError && "\($0)".contains("a missing value (NaN)")
    }
    configuration.missing = true
    let model = try VAE(configuration)
    try model.initialize(for: raw, seed: 1)
    var training = TrainingConfiguration()
    training.epochs = 60
    training.learningRate = 5e-3
    training.schedule = .linear
    let trainer = try VAETrainer(
      model, configuration: training, data: data, heldOut: nil, backend: backend)
    while !trainer.isFinished { try trainer.trainEpoch() }
    #expect(trainer.progress.history.allSatisfy { $0.elbo.isFinite })
    let filled = try VAEImputation(model, samples: 200, backend: backend).fill(data, seed: 1).mean
    let whole: Matrix<Double> = factorRows(500, columns: 8, factors: 2).matrix()
    let best = try Truth(columns: 8, factors: 2).impute(raw)
    var (ours, exact, means) = (0.0, 0.0, 0.0)
    for row in 0..<500 {
      for column in 0..<8 where raw.value(row, column).isNaN {
        ours += pow(filled[row, column] - whole[row, column], 2)
        exact += pow(best[row, column] - whole[row, column], 2)
        means += pow(standardization.mean[column] - whole[row, column], 2)
      }
    }
    #expect(ours < 1.1 * exact && ours < 0.9 * means, "\(ours), \(exact), \(means)")
  }

  @Test func refusesWhatCannotBeFilled() throws {
    let linear = try LinearVAE(columns: 4, factors: 1)
    var matrix = Matrix<Double>(rows: 2, columns: 4)
    for column in 0..<4 { matrix[1, column] = .nan }
    let data = try Dataset(name: "empty", rows: Rows(matrix))
    let imputation = try VAEImputation(linear.model, backend: backend)
    #expect(throws: DataError.self) { try imputation.fill(data) }
    #expect(throws: SettingError.self) {
      try VAEImputation(linear.model, samples: 0, backend: backend)
    }
    let autoencoder = try VAE(
      VAEConfiguration(
        architecture: Architecture(dimensions: 4, latentDimensions: 1, posterior: .point)))
    #expect(throws: SettingError.self) { try VAEImputation(autoencoder, backend: backend) }
  }
}
