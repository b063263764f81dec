import Foundation
import LatentKernels

/// Something to measure.
struct Subject {
  typealias Turn = (_ seconds: Double, _ calls: inout Calls) throws -> Void

  /// Threads whose peak it is compared with.
  var threads: Int
  /// Of one call.
  var flops = 0.0
  /// Seconds of peace afterwards: OpenBLAS's threads spin for some time.
  var rest = 0.0
  /// Warms up and times calls for so many seconds.
  let turn: Turn

  init(threads: Int, flops: Double = 0, rest: Double = 0, turn: @escaping Turn) {
    self.threads = threads
    self.flops = flops
    self.rest = rest
    self.turn = turn
  }

  /// Calls one by one; up to ten before the clock starts.
  init(threads: Int, flops: Double = 0, rest: Double = 0, call: @escaping () throws -> Void) {
    self.init(threads: threads, flops: flops, rest: rest) { seconds, calls in
      let perTick = 1 / latent_ticks_per_second()
      var start = latent_ticks()
      for _ in 0..<10 where Double(latent_ticks() - start) * perTick < seconds { try call() }
      let waits = SchedulerWaits()
      start = latent_ticks()
      repeat {
        try calls.time(waits, call)
      } while Double(latent_ticks() - start) * perTick < seconds
    }
  }
}

/// What came of it.
struct Measurement {
  /// Of one call, of those that nobody interrupted where there are enough of them.
  let seconds: Spread
  /// The share of calls during which no thread of ours waited for a core.
  let undisturbed: Double
  /// The median call's rate by the median of the peaks measured before and after each turn.
  let fractionOfPeak: Double
  /// Each round's median, to compare subjects round by round.
  let rounds: [Double]

  /// The median over rounds of how many times as long this one took as another.
  func ratio(to other: Measurement) -> Double {
    Spread(zip(rounds, other.rounds).map { $0 / $1 }).median
  }
}

/// Subjects measured in turns, with the machine's own limits between them.
struct Session {
  var rounds = 5
  /// For a subject in a round.
  var seconds = 0.1

  private(set) var peaks: [Int: [Double]] = [:]
  private(set) var pingPongs: [Double] = []
  private(set) var loads: [Double] = []
  private let neighbours = Neighbours()

  init(rounds: Int, seconds: Double) {
    self.rounds = rounds
    self.seconds = seconds
  }

  /// What others had of the machine since the session began.
  var othersShare: Double { neighbours.share }

  mutating func measure(_ subjects: [Subject]) throws -> [Measurement] {
    var calls = [Calls](repeating: Calls(), count: subjects.count)
    var medians = [[Double]](repeating: [], count: subjects.count)
    var around = medians
    for _ in 0..<rounds {
      pingPongs.append(Machine.pingPong())
      var load = 0.0
      if getloadavg(&load, 1) == 1 { loads.append(load) }
      for (index, subject) in subjects.enumerated() {
        let before = Machine.peak(threads: subject.threads)
        var turn = Calls()
        try subject.turn(seconds, &turn)
        if subject.rest > 0 { Thread.sleep(forTimeInterval: subject.rest) }
        let peak = max(before, Machine.peak(threads: subject.threads))
        peaks[subject.threads, default: []].append(peak)
        calls[index].add(turn)
        medians[index].append(Spread(turn.best).median)
        around[index].append(peak)
      }
    }
    return subjects.indices.map {
      let seconds = Spread(calls[$0].best)
      return Measurement(
        seconds: seconds, undisturbed: calls[$0].undisturbedShare,
        fractionOfPeak: subjects[$0].flops / seconds.median / Spread(around[$0]).median,
        rounds: medians[$0])
    }
  }
}

/// The seconds of single calls.
struct Calls {
  private var all: [Double] = []
  private var undisturbed: [Double] = []

  mutating func time(_ waits: SchedulerWaits, _ call: () throws -> Void) throws {
    let before = waits.nanoseconds
    let begin = latent_ticks()
    try call()
    let seconds = Double(latent_ticks() - begin) / latent_ticks_per_second()
    add(seconds, isCalm: waits.isCalm(since: before, seconds: seconds))
  }

  mutating func add(_ seconds: Double, isCalm: Bool) {
    all.append(seconds)
    if isCalm { undisturbed.append(seconds) }
  }

  mutating func add(_ more: Calls) {
    all += more.all
    undisturbed += more.undisturbed
  }

  /// Those that nobody interrupted, where there are enough of them.
  var best: [Double] { undisturbed.count >= 5 ? undisturbed : all }
  var undisturbedShare: Double { Double(undisturbed.count) / Double(all.count) }
}

/// OpenBLAS's threads spin for about 0.1 s after their work.
func restAfter(_ backend: String) -> Double { backend == "openblas" ? 0.2 : 0 }
