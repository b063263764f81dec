import ArgumentParser
import LatentIO
import LatentKernels
import LatentModels

/// Ways to say log p(x), or a bound on it.
enum EstimatorName: String, CaseIterable, Codable, ExpressibleByArgument {
  case exact, elbo, naive, importance, ais

  /// "exact, naive and importance"
  static func list(_ names: [EstimatorName]) -> String {
    let words = names.map(\.rawValue)
    return words.count < 2
      ? words.joined() : words.dropLast().joined(separator: ", ") + " and " + words[words.count - 1]
  }
}

/// How log p(x) is estimated.
struct EstimatorOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      elbo: the bound. naive: z from the prior. importance: z from q(z|x). ais: annealed importance \
      sampling. exact: mixtures and factors. (default: exact where the model can, else elbo)
      """, valueName: "name"))
  var estimator: EstimatorName?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Draws of z a row; of ais, chains. (default: elbo 1, naive and importance 1000, ais 16)",
      valueName: "count"))
  var samples: Int?

  @Option(help: "elbo: kl, entropy or sampled: which part is drawn. (default: kl)")
  var form: EvidenceLowerBound.Form?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "naive: z uniform over the box [-half, half] in every dimension.", valueName: "half"))
  var box: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "ais: steps from the prior to the posterior. (default: 500)", valueName: "count"))
  var temperatures: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("ais: leapfrog steps a move. (default: 10)", valueName: "count"))
  var leapfrog: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "ais: bound log p(x) of so many rows drawn from the model from both sides, too.",
      valueName: "rows"))
  var simulate: Int?

  /// - Throws: ``SettingError`` for an option of another estimator, or a count out of range.
  func check(_ estimator: EstimatorName) throws {
    let options: [(String, Bool, EstimatorName)] = [
      ("--form", form != nil, .elbo), ("--box", box != nil, .naive),
      ("--temperatures", temperatures != nil, .ais), ("--leapfrog", leapfrog != nil, .ais),
      ("--simulate", simulate != nil, .ais),
    ]
    for (option, isGiven, owner) in options where isGiven && owner != estimator {
      throw SettingError(
        "\(option) belongs to --estimator \(owner.rawValue), found \(estimator.rawValue).")
    }
    if estimator == .exact, samples != nil {
      throw SettingError("The exact log p(x) draws nothing; leave --samples out.")
    }
    for (option, value) in [
      ("--samples", samples), ("--temperatures", temperatures), ("--leapfrog", leapfrog),
      ("--simulate", simulate),
    ] {
      if let value, !(1...(1 << 24) ~= value) {
        throw SettingError("\(option) must be 1...\(1 << 24), found \(value).")
      }
    }
    if let box, !(box > 0 && box.isFinite) {
      throw SettingError("--box must be above 0, found \(box).")
    }
  }

  /// The one to use with a model that has `supported`, its default first.
  ///
  /// - Throws: ``SettingError`` naming those the model has.
  func choose(from supported: [EstimatorName], for title: String) throws -> EstimatorName {
    let chosen = estimator ?? (samples != nil && supported.contains(.elbo) ? .elbo : supported[0])
    guard supported.contains(chosen) else {
      throw SettingError(
        "\(title) has the estimators \(EstimatorName.list(supported)), not \(chosen.rawValue).")
    }
    try check(chosen)
    return chosen
  }

  var annealing: AnnealedImportanceSampling {
    AnnealedImportanceSampling(
      samples: samples ?? 16, temperatures: temperatures ?? 500, leapfrogSteps: leapfrog ?? 10)
  }

  /// The estimator of models with a decoder.
  func make(_ name: EstimatorName) -> any DensityEstimator {
    switch name {
    case .elbo, .exact: EvidenceLowerBound(samples: samples ?? 1, form: form ?? .kl)
    case .naive: NaiveMonteCarlo(samples: samples ?? 1000, box: box)
    case .importance: ImportanceSampling(samples: samples ?? 1000)
    case .ais: annealing
    }
  }
}

extension EvidenceLowerBound.Form: ExpressibleByArgument {}

extension Dataset {
  /// The first rows, all where there are fewer or nobody asked.
  ///
  /// - Throws: ``SettingError`` for a count below 1.
  func first(_ count: Int?) throws -> Dataset {
    guard let count else { return self }
    guard count > 0 else { throw SettingError("--rows must be at least 1, found \(count).") }
    return count < rows.count ? selecting(Array(0..<count)) : self
  }
}

extension String {
  /// "a mixture" as "A mixture".
  var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
