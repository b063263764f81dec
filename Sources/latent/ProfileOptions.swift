import ArgumentParser
import LatentKernels
import LatentModels
import LatentNetworks

/// The network that is measured where no run is given.
struct ProfileNetworkOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Widths from the inputs to the latent space. (default: 784-400-20)", valueName: "widths"))
  var network: String?

  @Option(parsing: .unconditional, help: "Columns of the data, in place of the network's.")
  var inputs: Int?

  @Option(
    help: ArgumentHelp("Widths of the encoder's hidden layers; none: linear.", valueName: "widths"))
  var hidden: Widths?

  @Option(parsing: .unconditional, help: "Latent dimensions.")
  var latent: Int?

  @Option(help: "What hidden layers apply. (default: relu; tanh for 784-200-200-50)")
  var activation: Activation?

  @Option(help: "p(x|z). (default: bernoulli)")
  var likelihood: Likelihood?

  @Flag(help: "Grey rows: no product may gather rows where a batch is zeros and ones.")
  var dense = false

  var areGiven: Bool {
    dense || network != nil || inputs != nil || hidden != nil || latent != nil || activation != nil
      || likelihood != nil
  }

  static let known: [(name: String, activation: Activation)] = [
    ("784-400-20", .relu), ("784-200-200-50", .tanh),
  ]

  /// - Throws: ``SettingError`` for a network that is none.
  func architecture() throws -> Architecture {
    let name = network ?? Self.known[0].name
    var widths = name.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard widths.count >= 2, widths.allSatisfy({ $0 > 0 }) else {
      let known = Self.known.map { "\($0.name) (\($0.activation))" }.joined(separator: " and ")
      throw SettingError(
        "There is no network \"\(name)\"; there are \(known), or widths of your own: "
          + "inputs-hidden-...-latent.")
    }
    let latents = widths.removeLast()
    let columns = widths.removeFirst()
    let architecture = Architecture(
      dimensions: inputs ?? columns, hidden: hidden?.elements ?? widths,
      latentDimensions: latent ?? latents,
      activation: activation ?? Self.known.first { $0.name == name }?.activation ?? .relu,
      likelihood: likelihood ?? .bernoulli)
    try architecture.validate()
    return architecture
  }
}

/// What is set side by side.
struct ProfileSidesOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What computes, one or several between commas: fused, openblas, simd, reference. (default: fused)",
      valueName: "backends"))
  var backend: CommaSeparated<String>?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Rows a step, one number or several: 32,128. (default: 128, or the run's)",
      valueName: "counts"))
  var batchSize: CommaSeparated<Int>?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Threads that compute, one number or several: 1,2. (default: all cores that this process may use)",
      valueName: "counts"))
  var threads: CommaSeparated<Int>?

  /// - Throws: ``SettingError`` for a name that is no backend's, or more than 24 sides.
  func sides(
    defaultBatch: Int
  ) throws -> [(backend: BackendName, batchSize: Int, threads: Int)] {
    let backends = try (backend?.elements ?? ["fused"]).map { name in
      guard let backend = BackendName(rawValue: name) else {
        let names = BackendName.allCases.map(\.rawValue).joined(separator: ", ")
        throw SettingError("There is no backend \"\(name)\"; there are \(names).")
      }
      return backend
    }
    let batches = batchSize?.elements ?? [defaultBatch]
    let threads = threads?.elements ?? [FusedBackend.allowedThreads]
    for size in batches where size < 1 {
      throw SettingError("The batch size must be at least 1, found \(size).")
    }
    let sides = batches.flatMap { batch in
      threads.flatMap { threads in backends.map { ($0, batch, threads) } }
    }
    guard sides.count <= 24 else {
      throw SettingError(
        "At most 24 combinations are measured side by side, found \(sides.count).")
    }
    return sides
  }
}
