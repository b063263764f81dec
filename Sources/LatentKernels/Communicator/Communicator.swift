/// Processes that fit one model together, each holding a part of the rows: what a model asks of them,
/// so that it need not know by what means they talk.
///
/// Every call is collective: all ranks make the same calls, in the same order, with arrays of the same
/// length.
public protocol Communicator: Sendable {
  /// This process, `0 ..< size`. Rank 0 alone talks and writes.
  var rank: Int { get }
  /// How many processes there are.
  var size: Int { get }

  /// Replaces `values` by their sum over the ranks, the same bits on each.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost.
  func allReduce(_ values: UnsafeMutableBufferPointer<Double>) throws

  /// The same in single precision.
  func allReduce(_ values: UnsafeMutableBufferPointer<Float>) throws

  /// Replaces `bytes` by those of rank `root`.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost.
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws

  /// Returns when every rank has come here.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost.
  func barrier() throws
}

extension Communicator {
  /// Sums an array over the ranks in place, in one message.
  public func allReduce(_ values: inout [Double]) throws {
    try values.withUnsafeMutableBufferPointer { try allReduce($0) }
  }
}

/// One process alone: sums are what they were.
public struct SerialCommunicator: Communicator {
  /// The only rank of one.
  public init() {}

  public var rank: Int { 0 }
  public var size: Int { 1 }
  public func allReduce(_ values: UnsafeMutableBufferPointer<Double>) {}
  public func allReduce(_ values: UnsafeMutableBufferPointer<Float>) {}
  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) {}
  public func barrier() {}
}

/// A collective call that did not come back from every rank.
public struct CommunicationError: Error, CustomStringConvertible {
  /// What was lost, and what to do.
  public let description: String

  /// Wraps a sentence.
  ///
  /// - Parameter description: A sentence that names the call and tells what to do.
  public init(_ description: String) { self.description = description }
}
