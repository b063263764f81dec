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
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost.
  func allReduce(_ values: UnsafeMutableBufferPointer<Float>) throws

  /// Begins the same, and returns while data moves; `values` must stay where they are, untouched, until
  /// the request is done. Without an implementation of its own it is done on return.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost.
  func beginAllReduce(
    _ values: UnsafeMutableBufferPointer<Float>
  ) throws -> any CommunicationRequest

  /// Replaces `bytes` by those of rank `root`.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost.
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws

  /// Hands `bytes` to one rank, which must ask for as many by ``receive(_:from:)``: the one pair of calls
  /// that the others do not make.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost, or there is none to send to.
  func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws

  /// Replaces `bytes` by those that `rank` sends.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost, or there is none to hear from.
  func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws

  /// Returns when every rank has come here.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost.
  func barrier() throws
}

extension Communicator {
  /// Sums an array over the ranks in place, in one message.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost.
  public func allReduce(_ values: inout [Double]) throws {
    try values.withUnsafeMutableBufferPointer { try allReduce($0) }
  }

  public func beginAllReduce(
    _ values: UnsafeMutableBufferPointer<Float>
  ) throws -> any CommunicationRequest {
    try allReduce(values)
    return CompletedRequest()
  }
}

extension Communicator {
  public func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws {
    throw CommunicationError("These ranks pass no messages in pairs; rank \(rank) cannot be told.")
  }

  public func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    throw CommunicationError("These ranks pass no messages in pairs; rank \(rank) cannot be heard.")
  }
}

/// A collective call under way. All ranks begin theirs in the same order, and wait for each.
public protocol CommunicationRequest: AnyObject {
  /// Moves data on, and tells whether all has been moved.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost.
  func test() throws -> Bool

  /// Returns when all has been moved.
  ///
  /// - Throws: A ``CommunicationError`` when a rank is lost.
  func wait() throws
}

/// A call that was done when it was made.
public final class CompletedRequest: CommunicationRequest {
  /// Nothing is under way.
  public init() {}

  public func test() -> Bool { true }
  public func wait() {}
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
public struct CommunicationError: LatentError {
  /// What was lost, and what to do.
  public let description: String

  /// Wraps a sentence.
  ///
  /// - Parameter description: A sentence that names the call and tells what to do.
  public init(_ description: String) { self.description = description }
}
