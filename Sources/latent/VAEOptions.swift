import ArgumentParser
import LatentModels
import LatentNetworks

extension Activation: ExpressibleByArgument {}
extension Likelihood: ExpressibleByArgument {}
extension TrainingConfiguration.Schedule: ExpressibleByArgument {}
extension Inference: ExpressibleByArgument {}
extension Objective: ExpressibleByArgument {}
extension TrainingProtocol: ExpressibleByArgument {}

enum Binarization: String, CaseIterable, ExpressibleByArgument {
  case none, threshold, sample
}

/// Words or numbers between commas; a word in double quotes may hold commas, and two quotes are one, as in CSV.
struct CommaSeparated<Element: LosslessStringConvertible & Sendable>: ExpressibleByArgument,
  Sendable
{
  var elements: [Element]

  init?(argument: String) {
    let words = Self.words(of: argument)
    elements = words.compactMap { Element($0) }
    guard elements.count == words.count else { return nil }
  }

  /// The argument that has these elements.
  static func argument(_ elements: [Element]) -> String {
    elements.map(\.description).map { word in
      word.contains(",") || word.hasPrefix("\"") || word.first?.isWhitespace == true
        ? "\"\(word.replacing("\"", with: "\"\""))\"" : word
    }.joined(separator: ",")
  }

  private static func words(of argument: String) -> [String] {
    var (words, rest) = ([String](), argument[...])
    while true {
      rest = rest.drop(while: \.isWhitespace)
      let plain = rest.prefix { $0 != "," }
      let (word, end) = quotedWord(rest) ?? (String(plain), plain.endIndex)
      words.append(word)
      guard end < rest.endIndex else { return words }
      rest = rest[rest.index(after: end)...]
    }
  }

  /// What stands between quotes up to the next comma, if that is how the text begins.
  private static func quotedWord(_ text: Substring) -> (word: String, end: String.Index)? {
    guard text.first == "\"" else { return nil }
    var (word, at) = ("", text.index(after: text.startIndex))
    while at < text.endIndex {
      let letter = text[at]
      at = text.index(after: at)
      if letter == "\"" {
        let rest = text[at...].drop(while: \.isWhitespace)
        guard let next = rest.first, next != "," else { return (word, rest.startIndex) }
        guard text[at] == "\"" else { return nil }
        at = text.index(after: at)
      }
      word.append(letter)
    }
    return nil
  }
}

/// Widths of hidden layers between commas, or none.
struct Widths: ExpressibleByArgument, Sendable {
  var elements: [Int]

  init?(argument: String) {
    guard argument != "none" else {
      elements = []
      return
    }
    guard let widths = CommaSeparated<Int>(argument: argument) else { return nil }
    elements = widths.elements
  }
}

/// Which rows and columns a model is fitted to.
struct FitDataOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "IDX, NPY or CSV, gzipped or not; or digits, iris or faithful, which ship. (default: digits)",
      valueName: "path"))
  var data: String?

  @Option(help: ArgumentHelp("Held-out rows in a file of their own.", valueName: "path"))
  var testData: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Fraction of the rows to hold out; 0: none. (default: 0.1; digits: the last 297 rows)",
      valueName: "fraction"))
  var heldOut: Double?

  @Option(help: "Columns to keep, by name or number: 1-4,7; \"a, b\",c where a name has a comma.")
  var columns: CommaSeparated<String>?

  @Option(help: "The column that is a label, not data.")
  var label: String?

  @Flag(
    inversion: .prefixedNo,
    help: "Whether a CSV begins with a line of names. (default: where it has text over numbers)")
  var header: Bool?
}

/// What an autoencoder without a bound over the observed values hides and refuses.
struct MissingOptions: ParsableArguments {
  @Flag(
    help:
      "Values may be missing (NaN, empty cells): the bound is over what was observed of a row.")
  var missing = false
}

/// The model. Every option is optional, so that a resumed run knows which were given.
struct VAEModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Widths of the encoder's hidden layers; the decoder mirrors them; none: linear. (default: "
        + "200,200; 64,64 below 32 columns)", valueName: "widths"))
  var hidden: Widths?

  @Option(
    parsing: .unconditional,
    help: "Latent dimensions. (default: half the columns, at most 10)")
  var latent: Int?

  @Option(help: "What hidden layers apply. (default: relu)")
  var activation: Activation?

  @Option(
    help:
      "p(x|z). (default: continuousBernoulli for grey, bernoulli for binary, gaussian for tables)")
  var likelihood: Likelihood?

  @Option(
    help: "Make values binary: those above 1/2, or by chance, afresh each batch. (default: none)")
  var binarize: Binarization?

  @Flag(inversion: .prefixedNo, help: "Grey bytes as a density: (byte + u) / 256.")
  var dequantize: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: "Columns to mean 0 and variance 1. (default: for tables with a gaussian likelihood)")
  var standardize: Bool?
}

/// How networks learn, whatever they maximize.
struct TrainingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Passes over the data. (default: as many as make 10,000 steps, 20 to 300)")
  var epochs: Int?

  @Option(parsing: .unconditional, help: "Rows a step. (default: 64)")
  var batchSize: Int?

  @Option(parsing: .unconditional, help: "Adam's step size. (default: 0.001)")
  var learningRate: Double?

  @Option(
    parsing: .unconditional,
    help: "Scale gradients down to this norm where they are longer. (default: 0, never)")
  var gradientLimit: Double?

  @Option(help: "How the learning rate falls. (default: constant)")
  var schedule: TrainingConfiguration.Schedule?

  @Option(
    parsing: .unconditional,
    help:
      "Stop after so many epochs without a better held-out bound; keep the best. (default: 0, never)"
  )
  var patience: Int?

  @Option(parsing: .unconditional, help: "Keys all randomness. (default: 0)")
  var seed: UInt64?

  @Flag(
    help: """
      Sum gradients over 16 fixed groups of rows by a fixed tree: the same bits for any number of \
      processes up to 16, one included, at some cost in speed.
      """)
  var reproducible = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The same over so many groups: other bits, for as many processes.", valueName: "groups"))
  var rowGroups: Int?

  /// How many groups of rows are summed each by itself, where any are asked for.
  var groups: Int? { rowGroups ?? (reproducible ? 16 : nil) }
}

/// What a variational autoencoder maximizes, and how.
struct BoundOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: "Weight of the KL. (default: 1, the ELBO)")
  var beta: Double?

  @Option(
    parsing: .unconditional, help: "Epochs over which beta rises from 0. (default: 0)")
  var warmUpEpochs: Double?

  @Option(
    parsing: .unconditional, help: "Nats a latent dimension that the KL leaves free. (default: 0)")
  var freeBits: Double?

  @Option(
    help: ArgumentHelp(
      "The bound that training raises, and by which gradient; iwae and dreg want --samples. "
        + "(default: elbo)"))
  var objective: Objective?

  @Option(
    parsing: .unconditional, help: "Draws of z a row behind each gradient. (default: 1)")
  var samples: Int?

  @Option(
    help: ArgumentHelp(
      "Where q(z) comes from: the encoder, the encoder and gradient steps from there, or gradient "
        + "steps on each row's own parameters alone. (default: amortized)"))
  var inference: Inference?

  @Option(
    parsing: .unconditional,
    help: "Gradient steps a row on its own q(z) before a step on the networks. (default: 20)")
  var innerSteps: Int?

  @Option(
    help: ArgumentHelp(
      "Train as a paper did: iwae2016 is 200-200-50 tanh, binarized afresh, batches of 20, rates "
        + "that fall in stages of 1, 3, 9 ... 2187 epochs. --objective and --samples stay free."))
  var `protocol`: TrainingProtocol?

  @Option(
    parsing: .unconditional,
    help: "How many of the protocol's stages: 6 make 364 epochs. (default: all 8, 3280 epochs)")
  var stages: Int?
}
