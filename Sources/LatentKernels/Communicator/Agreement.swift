/// What all ranks must have in common before they begin: version, options, shapes of the data.
public struct Agreement: Sendable, Equatable {
  /// By name, in the order in which they were added.
  public private(set) var facts: [(name: String, value: String)] = []

  /// Nothing to agree on yet.
  public init() {}

  /// Adds a fact.
  ///
  /// - Parameters:
  ///   - name: as a user calls it: "batchSize", "columns".
  ///   - value: what this rank has, in one line.
  public mutating func add(_ name: String, _ value: some CustomStringConvertible) {
    facts.append((name, value.description))
  }

  public static func == (one: Agreement, other: Agreement) -> Bool {
    one.facts.elementsEqual(other.facts, by: ==)
  }

  /// What differs from rank 0's, a sentence; nil where nothing does.
  func difference(from zero: Agreement) -> String? {
    var names = zero.facts.map(\.name)
    names += facts.map(\.name).filter { !names.contains($0) }
    let differences = names.compactMap { name -> String? in
      let (own, other) = (value(of: name), zero.value(of: name))
      guard own != other else { return nil }
      return "\(name) is \(own ?? "not given") where rank 0 has \(other ?? "none")"
    }
    guard let first = differences.first else { return nil }
    let more = differences.count > 1 ? ", and \(differences.count - 1) more differ" : ""
    return first + more + "; give all ranks the same data, options and version."
  }

  private func value(of name: String) -> String? { facts.first { $0.name == name }?.value }

  // One string of text for another rank: a length before each part, so that parts may hold anything.
  fileprivate var bytes: [UInt8] {
    facts.flatMap { [$0.name, $0.value] }.flatMap { part -> [UInt8] in
      let text = Array(part.utf8)
      return Array("\(text.count):".utf8) + text
    }
  }

  fileprivate init(bytes: [UInt8]) {
    var (rest, parts) = (bytes[...], [String]())
    while let colon = rest.firstIndex(of: UInt8(ascii: ":")),
      let count = Int(String(decoding: rest[..<colon], as: UTF8.self)),
      0...(rest.endIndex - colon - 1) ~= count
    {
      parts.append(String(decoding: rest[(colon + 1)...].prefix(count), as: UTF8.self))
      rest = rest[(colon + 1)...].dropFirst(count)
    }
    for i in stride(from: 0, to: parts.count - 1, by: 2) { facts.append((parts[i], parts[i + 1])) }
  }
}

/// A rank that has other data, options or another version than rank 0.
public struct DisagreementError: LatentError, Equatable {
  /// Which fact it is, and what was found.
  public let description: String
}

extension Communicator {
  /// Checks that all ranks have the facts of rank 0: the first thing that they do together.
  ///
  /// - Throws: on all ranks, where one differs: ``DisagreementError`` there, a ``RankError`` elsewhere; and
  ///   what `facts` throws on one.
  public func agree(on facts: @autoclosure () throws -> Agreement) throws {
    guard size > 1 else { return }
    let agreement = try unanimously { try facts() }
    let zero = Agreement(bytes: try broadcast(agreement.bytes, from: 0))
    try unanimously {
      if let sentence = agreement.difference(from: zero) {
        throw DisagreementError(description: sentence)
      }
    }
  }
}
