import Foundation
import LatentKernels

/// Ranks that are threads of one process: what models do over ranks, without any network.
final class ThreadCommunicator: Communicator {
  let rank: Int
  private let board: Board
  var size: Int { board.size }

  /// What the ranks share.
  final class Board: @unchecked Sendable {
    let size: Int
    private let condition = NSCondition()
    private var arrived = 0
    private var turn = 0
    private var sum: [Double] = []
    private var bytes: [UInt8] = []
    /// All-reduces so far, and the doubles of one rank in them.
    private(set) var reductions = 0
    private(set) var reduced = 0
    /// Broadcasts so far.
    private(set) var broadcasts = 0

    init(size: Int) { self.size = size }

    /// Runs `enter` of all ranks in their order, then `leave` of all.
    func meet(_ rank: Int, enter: () -> Void, leave: () -> Void) {
      condition.lock()
      defer { condition.unlock() }
      let turn = turn
      // In the order of the ranks, so that sums are the same every time.
      while arrived != rank || self.turn != turn { condition.wait() }
      enter()
      arrived += 1
      condition.broadcast()
      while arrived < size && self.turn == turn { condition.wait() }
      leave()
      left += 1
      if left == size {
        (left, arrived) = (0, 0)
        self.turn += 1
        condition.broadcast()
      }
      while self.turn == turn { condition.wait() }
    }
    private var left = 0

    fileprivate func add(_ rank: Int, _ values: UnsafeMutableBufferPointer<Double>) {
      meet(
        rank,
        enter: {
          if rank == 0 {
            sum = Array(values)
            (reductions, reduced) = (reductions + 1, reduced + values.count)
          } else {
            precondition(values.count == sum.count, "all ranks send as many numbers")
            for i in sum.indices { sum[i] += values[i] }
          }
        }, leave: { _ = values.update(from: sum) })
    }

    private var boxes: [[Int]: [[UInt8]]] = [:]

    fileprivate func put(_ message: [UInt8], from: Int, to: Int) {
      condition.lock()
      boxes[[from, to], default: []].append(message)
      condition.broadcast()
      condition.unlock()
    }

    fileprivate func take(from: Int, to: Int) -> [UInt8] {
      condition.lock()
      defer { condition.unlock() }
      while boxes[[from, to], default: []].isEmpty { condition.wait() }
      return boxes[[from, to]]!.removeFirst()
    }

    fileprivate func hand(_ rank: Int, _ target: UnsafeMutableRawBufferPointer, from root: Int) {
      meet(
        rank,
        enter: {
          if rank == 0 { broadcasts += 1 }
          if rank == root { bytes = Array(target) }
        },
        leave: {
          precondition(target.count == bytes.count, "all ranks expect as many bytes")
          target.copyBytes(from: bytes)
        })
    }
  }

  init(rank: Int, board: Board) { (self.rank, self.board) = (rank, board) }

  func allReduce(_ values: UnsafeMutableBufferPointer<Double>) { board.add(rank, values) }

  func allReduce(_ values: UnsafeMutableBufferPointer<Float>) {
    var doubles = values.map { Double($0) }
    doubles.withUnsafeMutableBufferPointer { board.add(rank, $0) }
    for i in values.indices { values[i] = Float(doubles[i]) }
  }

  func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) {
    board.hand(rank, bytes, from: root)
  }

  func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) {
    board.put(Array(bytes), from: self.rank, to: rank)
  }

  func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) {
    bytes.copyBytes(from: board.take(from: rank, to: self.rank))
  }

  func barrier() { board.meet(rank, enter: {}, leave: {}) }

  /// What `body` returns, or throws, on each of `size` ranks.
  static func run<Value>(
    _ size: Int, board: Board? = nil,
    _ body: @escaping @Sendable (ThreadCommunicator) throws -> Value
  ) -> [Result<Value, any Error>] {
    let board = board ?? Board(size: size)
    let results = Results<Value>(size)
    let threads = (0..<size).map { rank in
      let thread = Thread {
        results.put(rank, Result { try body(ThreadCommunicator(rank: rank, board: board)) })
      }
      thread.stackSize = 8 << 20
      return thread
    }
    for thread in threads { thread.start() }
    return results.wait()
  }

  private final class Results<Value>: @unchecked Sendable {
    private let condition = NSCondition()
    private var values: [Result<Value, any Error>?]

    init(_ count: Int) { values = Array(repeating: nil, count: count) }

    func put(_ rank: Int, _ value: Result<Value, any Error>) {
      condition.lock()
      values[rank] = value
      condition.broadcast()
      condition.unlock()
    }

    func wait() -> [Result<Value, any Error>] {
      condition.lock()
      defer { condition.unlock() }
      while values.contains(where: { $0 == nil }) { condition.wait() }
      return values.map { $0! }
    }
  }
}
