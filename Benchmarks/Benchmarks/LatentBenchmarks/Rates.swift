import Benchmark
import CProbes
import LatentKernels

/// What a call amounts to, in the units its rate is given in.
struct Amount {
  var flops = 0.0
  var bytes = 0.0
  var samples = 0.0
}

extension BenchmarkMetric {
  static let gigaflops = custom("GFLOP/s", polarity: .prefersLarger, useScalingFactor: false)
  /// Of the multiply-adds measured in this process just before, on as many threads.
  static let percentOfPeak = custom("% of peak", polarity: .prefersLarger, useScalingFactor: false)
  static let megabytes = custom("MB/s", polarity: .prefersLarger, useScalingFactor: false)
  static let percentOfTriad = custom(
    "% of STREAM triad", polarity: .prefersLarger, useScalingFactor: false)
  static let samples = custom("samples/s", polarity: .prefersLarger, useScalingFactor: false)

  fileprivate static func rates(_ amount: Amount) -> [BenchmarkMetric] {
    (amount.flops > 0 ? [gigaflops, percentOfPeak] : [])
      + (amount.bytes > 0 ? [megabytes, percentOfTriad] : [])
      + (amount.samples > 0 ? [samples] : [])
  }
}

/// Work made when its benchmark runs, not when all of them are listed.
struct Work {
  let amount: Amount
  let call: () throws -> Void
}

/// Registers a benchmark of single calls, with their rates beside the time.
///
/// - Parameter amount: which rates there are; the numbers come with the work.
func register(
  _ name: String, rates: Amount, threads: Int, _ make: @escaping @Sendable () throws -> Work
) {
  var configuration = Benchmark.defaultConfiguration
  configuration.metrics += BenchmarkMetric.rates(rates)
  Benchmark(name, configuration: configuration) { benchmark in
    let work = try WorkCache.work(name, make)
    let amount = work.amount
    let peak = amount.flops > 0 ? WorkCache.peak(threads: threads) : 0
    let triad = amount.bytes > 0 ? WorkCache.triad(threads: threads) : 0
    let perTick = 1 / latent_ticks_per_second()
    benchmark.startMeasurement()
    let start = latent_ticks()
    try work.call()
    let seconds = Double(latent_ticks() - start) * perTick
    benchmark.stopMeasurement()
    if amount.flops > 0 {
      benchmark.measurement(.gigaflops, Int(amount.flops / seconds / 1e9))
      benchmark.measurement(.percentOfPeak, Int(100 * amount.flops / seconds / peak))
    }
    if amount.bytes > 0 {
      benchmark.measurement(.megabytes, Int(amount.bytes / seconds / 1e6))
      benchmark.measurement(.percentOfTriad, Int(100 * amount.bytes / seconds / triad))
    }
    if amount.samples > 0 { benchmark.measurement(.samples, Int(amount.samples / seconds)) }
  }
}

/// The work at hand and the machine's limits at its beginning; benchmarks run one after another.
private enum WorkCache {
  nonisolated(unsafe) private static var current: (name: String, work: Work)?
  nonisolated(unsafe) private static var peak: Double?
  nonisolated(unsafe) private static var triad: Double?

  static func work(_ name: String, _ make: () throws -> Work) throws -> Work {
    if let current, current.name == name { return current.work }
    current = nil
    peak = nil
    triad = nil
    let work = try make()
    current = (name, work)
    return work
  }

  static func peak(threads: Int) -> Double {
    if peak == nil {
      peak = probe_peak(InstructionSet.best.kernels.peak, 20_000, Int32(threads), 8)
    }
    return peak!
  }

  static func triad(threads: Int) -> Double {
    if triad == nil { triad = probe_triad(Int32(threads), 2) }
    return triad!
  }
}
