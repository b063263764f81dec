import CKernels
import Dispatch
import Foundation
import Synchronization

/// Measurements of the machine itself: what programs are compared with.
///
/// At least 1 and at most 64 threads measure, whatever is asked for. Instruction sets have to be available.
public enum MachineProbes {
  /// GFLOP/s of multiply-adds in registers: the best of `rounds` short ones, since others use the
  /// cores too.
  ///
  /// - Parameter seconds: of a round.
  public static func peak(
    _ instructionSet: InstructionSet, threads: Int, rounds: Int = 8, seconds: Double = 0.02
  ) -> Double {
    let kernels = instructionSet.kernels
    let threads = possible(threads)
    var repeats = 1000
    while repeats < 1 << 40, time({ _ = kernels.peak(repeats) }) < seconds { repeats *= 2 }
    let count = repeats
    return (0..<max(1, rounds)).map { _ in
      let operations = Mutex(0.0)
      let seconds = together(threads) { _ in
        let done = kernels.peak(count)
        operations.withLock { $0 += done }
      }
      return operations.withLock { $0 } / seconds / 1e9
    }.max()!
  }

  /// Of a triad's three arrays together: more than most caches, and little enough for a container.
  public static let triadBytes = 192 << 20

  /// GB/s of the STREAM triad (McCalpin 1995), a = b + 3 c, each thread on its own part: the best of some
  /// passes. A last cache of more than `bytes` has its part in it.
  ///
  /// - Parameter bytes: of the three arrays together.
  public static func triad(
    _ instructionSet: InstructionSet, threads: Int, bytes: Int = triadBytes
  ) -> Double {
    let threads = possible(threads)
    let arrays = (0..<3).map { _ in Storage<Float>(count: max(threads * 64, bytes / 12)) }
    return stream(
      instructionSet, threads: threads, b: arrays[1], c: arrays[2], a: arrays[0], bytes: 12)
  }

  /// GB/s, reads and writes, of numbers that are changed where they lie, each thread on its own part: what
  /// Adam does to weights and moments. (A triad has to read the lines that it writes, too, and nobody counts
  /// them.)
  ///
  /// - Parameter bytes: of all numbers together.
  public static func update(_ instructionSet: InstructionSet, threads: Int, bytes: Int) -> Double {
    let threads = possible(threads)
    let numbers = Storage<Float>(count: max(threads * 64, bytes / 4))
    return stream(
      instructionSet, threads: threads, b: numbers, c: numbers, a: numbers, bytes: 8)
  }

  /// - Parameter bytes: moved for each element.
  private static func stream(
    _ instructionSet: InstructionSet, threads: Int, b: Storage<Float>, c: Storage<Float>,
    a: Storage<Float>, bytes: Int
  ) -> Double {
    let kernels = instructionSet.kernels
    let count = a.count
    // Small arrays are gone through often enough for the clock.
    let passes = max(1, (8 << 20) / count)
    let best = (0..<6).map { _ in
      together(threads) { thread in
        // Whole cache lines for each.
        let first = count / 16 * thread / threads * 16
        let end = thread + 1 == threads ? count : count / 16 * (thread + 1) / threads * 16
        for _ in 0..<passes {
          kernels.triad(end - first, b.pointer + first, c.pointer + first, a.pointer + first)
        }
      }
    }.min()!
    return Double(count * bytes * passes) / best / 1e9
  }

  /// Nanoseconds for a cache line to another core and back, the median of some rounds.
  public static func pingPong() -> Double {
    let turns = 20_000
    let times = (0..<9).map { _ in
      let ball = Atomic(0)
      return together(2) { player in
        for turn in 0..<turns {
          while ball.load(ordering: .acquiring) != 2 * turn + player {}
          ball.store(2 * turn + player + 1, ordering: .releasing)
        }
      } / Double(turns) * 1e9
    }
    return Spread(times).median
  }

  /// As many threads of those asked for as a pool may have.
  private static func possible(_ threads: Int) -> Int {
    min(max(1, threads), Int(LATENT_MAXIMUM_THREADS))
  }

  private static func time(_ body: () -> Void) -> Double {
    ContinuousClock().measure(body) / .seconds(1)
  }

  /// Seconds that `body` takes on so many threads at once, the caller among them. Tasks would not do:
  /// a pool may run them one after another, and these wait for each other.
  private static func together(
    _ threads: Int, _ body: @escaping @Sendable (Int) -> Void
  ) -> Double {
    let clock = ContinuousClock()
    let waiting = Atomic(threads)
    let begin = Mutex(clock.now)
    @Sendable func run(_ index: Int) {
      // All begin at once: starting a thread is not part of the work.
      if waiting.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
        begin.withLock { $0 = clock.now }
      }
      while waiting.load(ordering: .acquiring) > 0 {}
      body(index)
    }
    let group = DispatchGroup()
    for index in 1..<threads {
      group.enter()
      Thread.detachNewThread {
        run(index)
        group.leave()
      }
    }
    run(0)
    group.wait()
    return (clock.now - begin.withLock { $0 }) / .seconds(1)
  }
}
