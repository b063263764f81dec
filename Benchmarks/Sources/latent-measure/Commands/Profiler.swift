import ArgumentParser
import LatentKernels
import LatentModels
import LatentNetworks
import Workloads

struct Profiler: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Whether the profiler tells the truth: what recording costs, and its figures for a "
      + "single product against another clock's.",
    discussion: """
      overhead: a recorded step against a plain one next to it. sumOfRows: the table's rows by the \
      step timed from outside. gemmRatio: a plain product's rate by the profile, by that of a loop \
      of the same product timed as a whole, in turns.
      """)

  @Option var networks = List(NetworkShape.allCases)
  @Option var batch = 128
  @Option var threads = List([FusedBackend.allowedThreads])
  @OptionGroup var options: SessionOptions

  func run() throws {
    var report = Report("profiler")
    for count in threads.elements {
      let fused = try FusedBackend(threads: count)
      for shape in networks.elements {
        let model = try VAE(VAEConfiguration(architecture: shape.architecture()))
        let rows = try SyntheticRows.rows(for: .bernoulli)
        try model.initialize(for: rows, seed: 1)
        let workload = try StepWorkload(
          model, batches: BatchSource(rows, transform: .none), batchSize: batch)
        let subject = StepComparison.Subject(workload: workload, backend: fused, threads: count)
        let result = StepComparison([subject], ablates: false).measure(
          seconds: options.seconds * Double(options.rounds) * 5, rounds: options.rounds)[0]
        let (profile, loop) = try product(shape, fused)
        report.add([
          ("network", .text(shape.rawValue)), ("threads", .integer(count)),
          ("batch", .integer(batch)),
          ("microseconds", .number(result.stepMicroseconds.median, digits: 1)),
          ("overhead", .number(result.overhead, digits: 4)),
          ("sumOfRows", .number(result.sumOfRows, digits: 4)),
          ("undisturbed", .number(result.undisturbed, digits: 2)),
          ("gemmMicroseconds", .number(profile, digits: 2)),
          ("gemmLoopMicroseconds", .number(loop, digits: 2)),
          ("gemmRatio", .number(loop / profile, digits: 4)),
        ])
      }
    }
    try report.print(json: options.json)
  }

  /// Microseconds of the first layer's product, by the profile and by a loop.
  private func product(
    _ shape: NetworkShape, _ fused: FusedBackend
  ) throws -> (profile: Double, loop: Double) {
    let backend = ProfilingBackend(fused, isRecording: false)
    let architecture = shape.architecture()
    let layer = try SingleLayer(
      .forward, rows: batch, inputs: architecture.dimensions, columns: architecture.hidden[0],
      activation: .identity, backend: backend)
    let waits = SchedulerWaits()
    let perTick = 1e6 / latent_ticks_per_second()
    var records: [StepRecord] = []
    var loops: [Double] = []
    for _ in 0..<options.rounds * 40 {
      backend.isRecording = true
      for _ in 0..<20 {
        let before = waits.nanoseconds
        layer()
        let record = backend.takeRecords()
        if waits.nanoseconds == before { records += record }
      }
      backend.isRecording = false
      let before = waits.nanoseconds
      let begin = latent_ticks()
      for _ in 0..<20 { layer() }
      let time = Double(latent_ticks() - begin) * perTick / 20
      if waits.nanoseconds == before { loops.append(time) }
    }
    guard !records.isEmpty, !loops.isEmpty else { return (.nan, .nan) }
    return (try StepProfile(records).phases[0].microseconds.median, Spread(loops).median)
  }
}
