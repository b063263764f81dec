import ArgumentParser
import LatentKernels
import LatentNetworks
import Workloads

extension NetworkShape: ExpressibleByArgument {}

/// What every measurement takes.
struct SessionOptions: ParsableArguments {
  @Option(help: "Turns that everything measured takes.")
  var rounds = 5
  @Option(help: "Seconds for each turn.")
  var seconds = 0.1
  @Flag(help: "Print one JSON object.")
  var json = false

  var session: Session { Session(rounds: rounds, seconds: seconds) }

  func validate() throws {
    guard rounds > 0, seconds > 0, seconds.isFinite else {
      throw ValidationError("--rounds and --seconds must be above 0, and finite.")
    }
  }
}

/// What a list can hold.
protocol Listable {
  init?(word: String)
  var word: String { get }
}

extension Listable where Self: RawRepresentable, RawValue == String {
  init?(word: String) { self.init(rawValue: word) }
  var word: String { rawValue }
}

extension Listable where Self: LosslessStringConvertible {
  init?(word: String) { self.init(word) }
  var word: String { description }
}

// Counts, of rows or threads: none of them is 0.
extension Int: Listable {
  init?(word: String) {
    guard let count = Int(word), count > 0 else { return nil }
    self = count
  }
}
extension String: Listable {}
extension NetworkShape: Listable {}
extension SingleLayer.Product: Listable {}
extension Activation: Listable {}
extension InstructionSet: Listable {}
extension Likelihood: Listable {}

/// Lists that are written with commas: "20,100,128".
struct List<Element: Listable>: ExpressibleByArgument {
  let elements: [Element]

  init(_ elements: [Element]) { self.elements = elements }

  init?(argument: String) {
    let parsed = argument.split(separator: ",", omittingEmptySubsequences: false).map {
      Element(word: String($0))
    }
    guard !parsed.isEmpty, parsed.allSatisfy({ $0 != nil }) else { return nil }
    elements = parsed.compactMap { $0 }
  }

  var defaultValueDescription: String { elements.map(\.word).joined(separator: ",") }
}

/// All combinations; only the C kernels have instruction sets to choose from.
func chosenSettings(
  _ threads: List<Int>, _ backends: List<String>, _ instructionSets: List<InstructionSet>
) -> [(threads: Int, backend: String, set: InstructionSet)] {
  threads.elements.flatMap { threads in
    backends.elements.flatMap { backend in
      (backend == "fused" ? instructionSets.elements : [.best]).map { (threads, backend, $0) }
    }
  }
}
