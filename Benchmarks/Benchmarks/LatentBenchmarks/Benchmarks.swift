import Benchmark
import LatentKernels
import Workloads

/// 1 and 4,096 are the ends; 20, 100, 128 and 512 have bars to meet.
let batches = [1, 4, 20, 100, 128, 512, 1024, 4096]

let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = .init(
    metrics: [.wallClock], timeUnits: .microseconds, warmupIterations: 5,
    maxDuration: .milliseconds(300), maxIterations: 10_000)
  elementwiseBenchmarks()
  productBenchmarks()
  densityBenchmarks()
  passBenchmarks()
  stepBenchmarks()
}
