/// Sums that are waited for at once, nothing computed meanwhile: what overlap is measured against.
public struct BlockingCommunicator: Communicator {
  private let base: any Communicator

  /// The same ranks.
  public init(_ base: any Communicator) { self.base = base }

  public var rank: Int { base.rank }
  public var size: Int { base.size }
  public func allReduce(_ values: UnsafeMutableBufferPointer<Double>) throws {
    try base.allReduce(values)
  }
  public func allReduce(_ values: UnsafeMutableBufferPointer<Float>) throws {
    try base.allReduce(values)
  }
  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
    try base.broadcast(bytes, from: root)
  }
  public func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws {
    try base.send(bytes, to: rank)
  }
  public func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    try base.receive(bytes, from: rank)
  }
  public func barrier() throws { try base.barrier() }
}
