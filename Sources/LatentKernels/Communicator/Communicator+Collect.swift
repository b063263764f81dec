// What models do with the ranks' rows, by the calls that a communicator has.

extension Communicator {
  /// Sums what each rank makes of its own rows, in one message.
  ///
  /// - Parameters:
  ///   - count: how many numbers `body` returns.
  ///   - body: work of this rank alone, which may fail.
  /// - Throws: on all ranks, where `body` throws on one: the error itself there, a ``RankError`` elsewhere;
  ///   ``ShapeError`` where it returns another count.
  public func sum(count: Int, _ body: () throws -> [Double]) throws -> [Double] {
    let own = Result { try expect(count, body) }
    guard size > 1 else { return try own.get() }
    // The last number counts the ranks that failed.
    var values = (try? own.get()) ?? [Double](repeating: 0, count: count)
    if case .failure = own { values.append(1) } else { values.append(0) }
    try allReduce(&values)
    if values.removeLast() > 0 { _ = try unanimously { try own.get() } }
    return values
  }

  /// What each rank's `body` returns, `count` numbers, by rank; in one message.
  ///
  /// - Throws: as ``sum(count:_:)``.
  public func byRank(count: Int, _ body: () throws -> [Double]) throws -> [[Double]] {
    let all = try sum(count: count * size) {
      var values = [Double](repeating: 0, count: count * size)
      values.replaceSubrange(rank * count..<(rank + 1) * count, with: try expect(count, body))
      return values
    }
    return (0..<size).map { Array(all[$0 * count..<($0 + 1) * count]) }
  }

  private func expect(_ count: Int, _ body: () throws -> [Double]) throws -> [Double] {
    let values = try body()
    guard values.count == count else {
      throw ShapeError("Each rank sends \(count) numbers, found \(values.count).")
    }
    return values
  }

  /// The ranks' values one after another, however many each has.
  ///
  /// - Throws: a ``CommunicationError`` when a rank is lost.
  public func gather<Value: BitwiseCopyable>(_ values: [Value]) throws -> [Value] {
    guard size > 1 else { return values }
    var result: [Value] = []
    for root in 0..<size { result += try broadcast(values, from: root) }
    return result
  }

  /// The values of rank `root`, however many they are.
  ///
  /// - Throws: a ``CommunicationError`` when a rank is lost.
  public func broadcast<Value: BitwiseCopyable>(
    _ values: [Value], from root: Int
  ) throws -> [Value] {
    guard size > 1 else { return values }
    var count = values.count
    try withUnsafeMutableBytes(of: &count) { try broadcast($0, from: root) }
    guard count > 0 else { return [] }
    return try [Value](unsafeUninitializedCapacity: count) { target, initialized in
      if rank == root { _ = target.initialize(from: values) }
      try broadcast(UnsafeMutableRawBufferPointer(target), from: root)
      initialized = count
    }
  }
}
