import Foundation
import LatentModels

// The commands that make runs again: every setting that decides bits, and of the machine only what does so, too.

extension String {
  /// As a shell takes it for one word.
  var shellQuoted: String {
    let plain = CharacterSet(
      charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:=@%+")
    guard isEmpty || unicodeScalars.contains(where: { !plain.contains($0) }) else { return self }
    return "'" + replacing("'", with: "'\\''") + "'"
  }
}

/// This command without what no result depends on: where it writes, how it prints, and threads.
func givenCommand(withThreads: Bool = false) -> String {
  let dropped = withThreads ? ["--output", "--trace"] : ["--output", "--threads"]
  var words = launcher(ranks: Processes.communicator.size) + ["latent"]
  var arguments = CommandLine.arguments.dropFirst()
  while let word = arguments.popFirst() {
    let name = String(word.prefix { $0 != "=" })
    if ["--json", "--quiet"].contains(name) { continue }
    if dropped.contains(name) {
      if name == word { _ = arguments.popFirst() }
    } else {
      words.append(word)
    }
  }
  return words.map(\.shellQuoted).joined(separator: " ")
}

/// Sums of several ranks have other bits than those of one.
private func launcher(ranks: Int) -> [String] { ranks > 1 ? ["mpirun", "-n", "\(ranks)"] : [] }

/// Words of a command line.
struct CommandWords {
  private(set) var words: [String]

  init(_ words: [String]) { self.words = words }

  mutating func add(_ option: String, _ value: (some LosslessStringConvertible)?) {
    guard let value else { return }
    words += [option, String(value)]
  }
  mutating func add(_ flag: String, if isSet: Bool = true) {
    if isSet { words.append(flag) }
  }

  var text: String { words.map(\.shellQuoted).joined(separator: " ") }
}

extension CommandWords {
  mutating func add(_ data: DataSettings) {
    add("--data", data.source)
    add("--test-data", data.testSource)
    add("--held-out", data.heldOutFraction)
    add("--columns", data.columns.map(CommaSeparated<String>.argument))
    add("--label", data.label)
    if let header = data.header { add(header ? "--header" : "--no-header") }
    add("--missing", if: data.missing == true)
  }
}

extension VAESettings {
  /// The command that makes this run again.
  ///
  /// - Parameters:
  ///   - threads: of the backend, where it has some.
  ///   - ranks: processes that trained together.
  func repetition(threads: Int?, ranks: Int) -> String {
    // Groups of rows give the same bits for any number of ranks.
    var words = CommandWords(
      launcher(ranks: training.rowGroups == nil ? ranks : 1) + ["latent", "fit"])
    words.add(String(command.split(separator: " ").last ?? "vae"))
    words.add(data)
    if let (chosen, stages) = decidingProtocol {
      words.add("--protocol", chosen.rawValue)
      words.add("--stages", stages)
    } else {
      addModel(to: &words)
      words.add("--epochs", training.epochs)
      words.add("--batch-size", training.batchSize)
      words.add("--learning-rate", training.learningRate)
      words.add("--schedule", training.schedule.rawValue)
    }
    words.add("--patience", training.patience)
    if training.gradientLimit > 0 { words.add("--gradient-limit", training.gradientLimit) }
    words.add("--seed", training.seed)
    words.add("--row-groups", training.rowGroups)
    words.add("--backend", backend.rawValue)
    // OpenBLAS parts its sums among threads.
    if backend == .openblas { words.add("--threads", threads) }
    guard model.posterior != .point else { return words.text }
    words.add("--beta", training.beta)
    words.add("--warm-up-epochs", training.warmUpEpochs)
    words.add("--free-bits", training.freeBits)
    words.add("--objective", training.objective.rawValue)
    words.add("--samples", training.samples)
    words.add("--inference", training.inference.rawValue)
    if training.inference != .amortized { words.add("--inner-steps", training.innerSteps) }
    return words.text
  }

  /// Whether the command of ``repetition(threads:ranks:)`` can say all that decides bits: not what a protocol
  /// left behind whose run was resumed with other options.
  var isRepeatable: Bool {
    let usual = TrainingConfiguration()
    return decidingProtocol != nil
      || (training.beta1, training.beta2, training.epsilon)
        == (usual.beta1, usual.beta2, usual.epsilon)
  }

  /// The protocol that these settings are all of, and how many of its stages.
  private var decidingProtocol: (TrainingProtocol, stages: Int)? {
    for chosen in TrainingProtocol.allCases {
      let network = chosen.architecture(dimensions: 1)
      guard
        (model.hidden, model.latentDimensions) == (network.hidden, network.latentDimensions),
        (model.activation, model.likelihood) == (network.activation, network.likelihood),
        model.transform == .sample, !model.standardize
      else { continue }
      for stages in 1...TrainingProtocol.IWAE2016.stages {
        var expected = training
        if (try? chosen.configure(&expected, stages: stages)) != nil, expected == training {
          return (chosen, stages)
        }
      }
    }
    return nil
  }

  private func addModel(to words: inout CommandWords) {
    words.add(
      "--hidden",
      model.hidden.isEmpty ? "none" : model.hidden.map(String.init).joined(separator: ","))
    words.add("--latent", model.latentDimensions)
    words.add("--activation", model.activation.rawValue)
    if model.posterior == .point {
      words.add("--error", model.likelihood == .bernoulli ? "bernoulli" : "squared")
    } else {
      words.add("--likelihood", model.likelihood.rawValue)
    }
    switch model.transform {
    case .dequantize: words.add("--dequantize")
    case .none, .threshold, .sample: words.add("--binarize", model.transform.rawValue)
    }
    words.add(model.standardize ? "--standardize" : "--no-standardize")
  }

  /// Names and values for a reader.
  var pairs: [(name: String, value: String)] {
    var pairs: [(name: String, value: String)] = []
    func add(_ name: String, _ value: String?) {
      if let value, !value.isEmpty { pairs.append((name, value)) }
    }
    add("data", data.source)
    add("held-out data", data.testSource)
    add("held-out fraction", data.heldOutFraction.map { String($0) })
    add("columns", data.columns?.joined(separator: ", "))
    add("label", data.label)
    add(
      "hidden layers",
      model.hidden.isEmpty ? "none" : model.hidden.map(String.init).joined(separator: ", "))
    add("latent dimensions", String(model.latentDimensions))
    add("activation", model.activation.rawValue)
    add("likelihood", model.likelihood.rawValue)
    add("transform", model.transform.rawValue)
    add("standardized columns", model.standardize ? "yes" : "no")
    add("epochs", String(training.epochs))
    add("batch size", String(training.batchSize))
    add("learning rate", "\(training.learningRate), \(training.schedule.rawValue)")
    let isVariational = model.posterior != .point
    if isVariational { add("beta", String(training.beta)) }
    if training.warmUpEpochs > 0 { add("warm-up epochs", String(training.warmUpEpochs)) }
    if training.gradientLimit > 0 { add("gradient limit", "\(training.gradientLimit)") }
    if training.freeBits > 0 { add("free bits", "\(training.freeBits) nats") }
    if let groups = training.rowGroups { add("row groups", String(groups)) }
    if training.patience > 0 { add("patience", "\(training.patience) epochs") }
    if isVariational {
      add("objective", training.objective.rawValue)
      add("samples", String(training.samples))
      add("inference", training.inference.rawValue)
    }
    add("seed", String(training.seed))
    add("backend", backend.rawValue)
    for note in notes { add("note", note) }
    return pairs
  }
}
