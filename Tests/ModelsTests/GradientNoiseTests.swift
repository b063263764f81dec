import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

@Suite struct GradientNoiseTests {
  private func model() throws -> (VAE, BatchSource) {
    let architecture = Architecture(dimensions: 12, hidden: [9], latentDimensions: 3)
    let rows = try ProfileRows.rows(40, columns: 12, likelihood: .bernoulli)
    let model = try VAE(VAEConfiguration(architecture: architecture))
    try model.initialize(for: rows, seed: 2)
    return (model, BatchSource(rows, transform: .none))
  }

  @Test func momentsAreThoseOfTheNumbers() {
    let moments = GradientMoments(count: 2)
    for pair in [[1.0, 5], [2, 5], [6, 5]] as [[Float]] {
      var pair = pair
      pair.withUnsafeMutableBufferPointer { moments.add($0.baseAddress!) }
    }
    // Mean 3, variance 7; what noise leaves in the square of a mean of three is 7/3.
    let (signal, noise) = moments.signalAndNoise([0])
    #expect(abs(noise - 7) < 1e-12 && abs(signal - (9 - 7.0 / 3)) < 1e-12)
    #expect(abs(moments.signalAndNoise([0, 1]).signal - signal - 25) < 1e-12)
    #expect(moments.signalAndNoise([1]).noise == 0)
  }

  /// A mean over k independent draws has a k-th of the variance and the same expectation.
  @Test func varianceFallsAsSamplesGrow() throws {
    let (model, batches) = try model()
    let sources = try [1, 4].map {
      try GradientSources.source(
        "elbo", samples: $0, model: model, batches: batches, batchSize: 20)
    }
    let noise = GradientNoise.measure(sources, on: try FusedBackend(threads: 2), draws: 400)
    for group in ["all", "encoder", "decoder", "encoder.mean"] {
      let (one, four) = (try #require(noise[0].group(group)), try #require(noise[1].group(group)))
      // Each of two sample variances of 400 draws errs by some 7 % (twice that in a heavy tail).
      #expect(abs(one.variance / four.variance - 4) < 1.2, "\(group)")
      #expect(abs(one.norm / four.norm - 1) < 0.1, "\(group)")
      #expect(abs(four.signalToNoise / one.signalToNoise - 2) < 0.5, "\(group)")
      let seconds = noise[0].millisecondsPerBatch.median / 1e3
      let perSecond = one.signalToNoisePerSecond * seconds.squareRoot()
      #expect(abs(perSecond - one.signalToNoise) < 1e-9 * one.signalToNoise)
    }
  }

  @Test func groupsCoverEveryParameterOnce() throws {
    let (model, _) = try model()
    let groups = Dictionary(
      uniqueKeysWithValues: GradientNoise.groups(of: model.parameters).map {
        ($0.name, $0.positions)
      })
    let all = try #require(groups["all"])
    #expect(all.count == model.parameters.learnedCount && Set(all).count == all.count)
    #expect(groups["encoder"]!.count + groups["decoder"]!.count == all.count)
    #expect(
      groups.keys.sorted() == [
        "all", "decoder", "decoder.layers", "decoder.logit", "encoder", "encoder.layers",
        "encoder.mean", "encoder.rawLogVariance",
      ])
  }

  @Test func aWorkloadLeavesWeightsAlone() throws {
    let (model, batches) = try model()
    let before = model.parameters.digest
    let workload = try StepWorkload(model, batches: batches, batchSize: 16)
    let subject = StepComparison.Subject(
      workload: workload, backend: try FusedBackend(threads: 2), threads: 2)
    let measurement = StepComparison([subject]).measure(seconds: 0.05, rounds: 2)[0]
    #expect(model.parameters.digest == before)
    #expect(measurement.profile.phases.count == workload.plan.plan.operations.count)
    #expect(measurement.stepMicroseconds.median > 0 && measurement.roofs.peak > 0)
    #expect(!measurement.records.isEmpty && measurement.records.count <= 20)
    // Rows of the step wrap around the data: each batch is whole.
    for _ in 0..<5 { #expect(workload.nextRows().count == 16) }
    workload.train(steps: 3, on: try FusedBackend(threads: 1))
    #expect(model.parameters.digest != before)
  }

  /// However many there are.
  @Test func everyNumberHasDrawsOfItsOwn() throws {
    let (model, batches) = try model()
    let backend = try FusedBackend(threads: 1)
    let source = try GradientSources.source(
      "iwae", samples: 3, model: model, batches: batches, batchSize: 4)
    var seen: Set<[Float]> = []
    let numbers = [0, 1, (1 << 24) / 3 - 1, (1 << 24) / 3, 1 << 24, 1 << 32, 1 << 40]
    for number in numbers {
      source.draw(number, on: backend)
      try seen.insert(model.parameters.slots.flatMap { try model.parameters.read($0, .gradients) })
    }
    #expect(seen.count == numbers.count)
  }

  @Test func badSources() throws {
    let (model, batches) = try model()
    #expect(throws: SettingError.self) {
      try GradientSources.source(
        "elb", samples: 1, model: model, batches: batches, batchSize: 4)
    }
    #expect(throws: SettingError.self) {
      try StepWorkload(model, batches: batches, batchSize: 41)
    }
  }
}
