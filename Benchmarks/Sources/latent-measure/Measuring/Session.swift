import Foundation
import LatentKernels

/// Something to measure.
struct Subject {
  /// Threads whose peak it is compared with.
  var threads: Int
  /// Of one call.
  var flops = 0.0
  /// Seconds of peace afterwards: OpenBLAS's threads spin for some time.
  var rest = 0.0
  let call: () throws -> Void
}

/// What came of it.
struct Measurement {
  /// Of one call.
  let seconds: Summary
  /// The median over rounds of the round's median rate by the peak of the same round.
  let fractionOfPeak: Double
  /// Each round's median, to compare subjects round by round.
  let rounds: [Double]

  /// The median over rounds of how many times as long this one took as another.
  func ratio(to other: Measurement) -> Double {
    Summary(zip(rounds, other.rounds).map { $0 / $1 }).median
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
    var times = [[Double]](repeating: [], count: subjects.count)
    var medians = times
    var fractions = times
    for _ in 0..<rounds {
      pingPongs.append(Machine.pingPong())
      var load = 0.0
      if getloadavg(&load, 1) == 1 { loads.append(load) }
      for (index, subject) in subjects.enumerated() {
        let before = Machine.peak(threads: subject.threads)
        let turn = try sample(subject)
        let peak = max(before, Machine.peak(threads: subject.threads))
        peaks[subject.threads, default: []].append(peak)
        let median = Summary(turn).median
        times[index] += turn
        medians[index].append(median)
        fractions[index].append(subject.flops / median / peak)
      }
    }
    return subjects.indices.map {
      Measurement(
        seconds: Summary(times[$0]), fractionOfPeak: Summary(fractions[$0]).median,
        rounds: medians[$0])
    }
  }

  /// The seconds of single calls.
  private func sample(_ subject: Subject) throws -> [Double] {
    let perTick = 1 / latent_ticks_per_second()
    let warm = Double(latent_ticks())
    for call in 0..<10 {
      try subject.call()
      // Ten calls of something slow are more than a warm-up.
      if call > 0, (Double(latent_ticks()) - warm) * perTick > seconds { break }
    }
    var times: [Double] = []
    var last = latent_ticks()
    let start = last
    repeat {
      try subject.call()
      let now = latent_ticks()
      times.append(Double(now - last) * perTick)
      last = now
    } while Double(last - start) * perTick < seconds
    if subject.rest > 0 { Thread.sleep(forTimeInterval: subject.rest) }
    return times
  }
}

/// OpenBLAS's threads spin for about 0.1 s after their work.
func restAfter(_ backend: String) -> Double { backend == "openblas" ? 0.2 : 0 }
