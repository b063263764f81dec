/// What one rank could not do, as all the others learn it.
public struct RankError: LatentError, Equatable {
  /// Where it happened.
  public let rank: Int
  /// That rank's sentence, with the rank before it.
  public let description: String

  /// - Parameter sentence: what the rank had to say.
  public init(rank: Int, _ sentence: String) {
    self.rank = rank
    description = "Rank \(rank): \(sentence)"
  }
}

extension Communicator {
  /// Does this rank's own part of some work, and returns only if all ranks could do theirs: nobody is left
  /// waiting for one that failed.
  ///
  /// - Parameter body: work of this rank alone: no collective call is in it.
  /// - Throws: on all ranks, where `body` throws on one: the error itself on the first such rank, a
  ///   ``RankError`` with its sentence elsewhere.
  public func unanimously<Value>(_ body: () throws -> Value) throws -> Value {
    guard size > 1 else { return try body() }
    let own = Result { try body() }
    var failed = [Double](repeating: 0, count: size)
    var sentence: [UInt8] = []
    if case .failure(let error) = own {
      failed[rank] = 1
      sentence = Array("\(error)".utf8)
    }
    try allReduce(&failed)
    if let first = failed.firstIndex(where: { $0 > 0 }) {
      let told = try broadcast(sentence, from: first)
      if first != rank { throw RankError(rank: first, String(decoding: told, as: UTF8.self)) }
    }
    return try own.get()
  }
}
