import ArgumentParser
import LatentKernels
import LatentModels

/// What a millisecond buys: estimators of the gradient side by side.
struct GradientOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Compare gradient estimators, too: \(GradientSources.names.joined(separator: ",")).",
      valueName: "names"))
  var objectives: CommaSeparated<String>?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Draws of z a row, for --objectives. (default: 1)", valueName: "counts"))
  var samples: CommaSeparated<Int>?

  @Option(
    parsing: .unconditional, help: "Gradients drawn of each, for --objectives. (default: 64)")
  var draws: Int?

  /// - Throws: ``SettingError`` for a name that no objective has, or options without objectives.
  func check() throws {
    guard objectives != nil || (samples == nil && draws == nil) else {
      throw SettingError("--samples and --draws go with --objectives.")
    }
    for name in objectives?.elements ?? [] where !GradientSources.names.contains(name) {
      let names = GradientSources.names.joined(separator: ", ")
      throw SettingError("There is no objective \"\(name)\"; there are \(names).")
    }
    for count in samples?.elements ?? [] where !(1...100_000 ~= count) {
      throw SettingError("The number of samples must be 1...100000, found \(count).")
    }
    if let draws, !(2...1_000_000 ~= draws) {
      throw SettingError("The number of draws must be 2...1000000, found \(draws).")
    }
  }

  /// Nil where none were asked for.
  func measure(
    _ network: ProfiledNetwork, batchSize: Int, backend: any Backend
  ) throws -> [GradientNoise]? {
    guard let objectives else { return nil }
    let model = try network.makeModel()
    if network.path == nil {
      // Before it has learned anything, a network's gradients are like no others.
      try StepWorkload(model, batches: network.batches, batchSize: batchSize)
        .train(steps: 200, on: backend)
    }
    let sources = try objectives.elements.flatMap { name in
      try (samples?.elements ?? [1]).map { count in
        try GradientSources.source(
          name, samples: count, model: model, batches: network.batches, batchSize: batchSize)
      }
    }
    return GradientNoise.measure(sources, on: backend, draws: draws ?? 64)
  }
}
