import Foundation
import LatentKernels
import Synchronization

/// Measurements of the machine itself.
enum Machine {
  /// GFLOP/s of multiply-adds in registers: the best of some short rounds, since others use the cores
  /// too.
  static func peak(_ instructionSet: InstructionSet, threads: Int) -> Double {
    let kernels = instructionSet.kernels
    let clock = ContinuousClock()
    // Repeats for some 20 ms a round.
    var repeats = 1000
    while repeats < 1 << 40, clock.measure({ _ = kernels.peak(repeats) }) < .milliseconds(20) {
      repeats *= 2
    }
    let count = repeats
    return (0..<8).map { _ in
      let operations = Mutex(0.0)
      let waiting = Atomic(threads)
      let begin = Mutex(clock.now)
      onThreads(threads) { _ in
        // All begin at once: starting a thread is not part of the work.
        if waiting.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
          begin.withLock { $0 = clock.now }
        }
        while waiting.load(ordering: .acquiring) > 0 {}
        let done = kernels.peak(count)
        operations.withLock { $0 += done }
      }
      let time = begin.withLock { clock.now - $0 }
      return operations.withLock { $0 } / time.seconds / 1e9
    }.max()!
  }

  /// Nanoseconds for a cache line to another core and back, the median of some rounds.
  static func pingPong() -> Double {
    let turns = 20_000
    let clock = ContinuousClock()
    let times = (0..<9).map { _ in
      let ball = Atomic(0)
      let time = clock.measure {
        onThreads(2) { player in
          for turn in 0..<turns {
            while ball.load(ordering: .acquiring) != 2 * turn + player {}
            ball.store(2 * turn + player + 1, ordering: .releasing)
          }
        }
      }
      return time.seconds / Double(turns) * 1e9
    }
    return times.sorted()[times.count / 2]
  }

  /// Runs `body` on so many threads at once, the caller among them. Tasks would not do: a pool may
  /// run them one after another, and these wait for each other.
  private static func onThreads(_ count: Int, _ body: @Sendable @escaping (Int) -> Void) {
    let group = DispatchGroup()
    for index in 1..<max(1, count) {
      group.enter()
      Thread.detachNewThread {
        body(index)
        group.leave()
      }
    }
    body(0)
    group.wait()
  }
}
