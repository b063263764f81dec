import CKernels

/// One run of a list of operations, with the start and end of each on each thread.
public struct StepRecord: Sendable {
  /// What was run, in this order.
  public let operations: [PlanOperation]
  /// Rows of the batch.
  public let rows: Int
  /// Threads whose times are told apart; 1 for backends that run one operation after another.
  public let threads: Int
  /// Before the first operation was asked for and after the last one's return, in ticks of
  /// `latent_ticks()`.
  public let begin, end: UInt64
  /// Start and end of each operation on each thread: [operations x threads x 2], ticks.
  public let ticks: [UInt64]

  /// When a thread began an operation, in ticks of `latent_ticks()`.
  public func start(_ operation: Int, thread: Int) -> UInt64 {
    ticks[2 * (operation * threads + thread)]
  }
  /// When a thread was done with an operation, in ticks of `latent_ticks()`.
  public func end(_ operation: Int, thread: Int) -> UInt64 {
    ticks[2 * (operation * threads + thread) + 1]
  }

  /// When the last thread was done.
  public var last: UInt64 {
    (0..<threads).map { end(operations.count - 1, thread: $0) }.max() ?? end
  }

  /// A thread's time in an operation, a mean over threads.
  public func microseconds(of operation: Int) -> Double {
    let ticks = (0..<threads).reduce(0.0) {
      $0 + Self.elapsed(start(operation, thread: $1), end(operation, thread: $1))
    }
    return ticks / Double(threads) / latent_ticks_per_second() * 1e6
  }

  /// How the run's time is parted, in ticks a thread: the parts add up to `end - begin`.
  struct Parts {
    /// Thread by thread, for each operation.
    var busy: [[Double]]
    /// A mean over threads, before each operation: waiting at its barrier.
    var waits: [Double]
    /// The mean wait of early threads for the last one.
    var finalWait: Double
    /// Starting the threads and returning.
    var rest: Double
  }

  /// Counters of two cores may differ by a little, in either direction.
  static func elapsed(_ from: UInt64, _ to: UInt64) -> Double {
    Double(Int64(bitPattern: to &- from))
  }

  var parts: Parts {
    let last = last
    var parts = Parts(busy: [], waits: [], finalWait: 0, rest: Self.elapsed(last, end))
    for thread in 0..<threads {
      var previous = start(0, thread: thread)
      parts.rest += Self.elapsed(begin, previous) / Double(threads)
      for index in operations.indices {
        if thread == 0 {
          parts.busy.append([])
          parts.waits.append(0)
        }
        let (start, end) = (start(index, thread: thread), end(index, thread: thread))
        parts.waits[index] += Self.elapsed(previous, start) / Double(threads)
        parts.busy[index].append(Self.elapsed(start, end))
        previous = end
      }
      parts.finalWait += Self.elapsed(previous, last) / Double(threads)
    }
    return parts
  }
}
