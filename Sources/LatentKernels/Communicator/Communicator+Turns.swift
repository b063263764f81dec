extension Communicator {
  /// Each rank in turn goes on with what the ranks before it made of their rows: the bits of one pass over
  /// all rows, in the time of one.
  ///
  /// - Parameters:
  ///   - start: where rank 0 begins.
  ///   - body: goes on with this rank's rows; makes no collective call.
  /// - Throws: on all ranks, where `body` throws on one: the error itself there, a ``RankError`` elsewhere.
  public func inTurn<Value: BitwiseCopyable>(
    from start: [Value], _ body: (inout [Value]) throws -> Void
  ) throws -> [Value] {
    var values = start
    for turn in 0..<size {
      try unanimously { if turn == rank { try body(&values) } }
      values = try broadcast(values, from: turn)
    }
    return values
  }

  /// Whether a condition holds on every rank.
  ///
  /// - Throws: a ``CommunicationError`` when a rank is lost.
  public func all(_ holds: Bool) throws -> Bool {
    guard size > 1 else { return holds }
    var failures = [holds ? 0.0 : 1]
    try allReduce(&failures)
    return failures[0] == 0
  }
}
