import ArgumentParser
import LatentKernels
import Workloads

struct Elementwise: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Functions of a vector in the first-level cache, on one thread.",
    discussion: """
      fmaCycles is the time an element by that of a vector's multiply-add: \
      (seconds an element * peak FLOP/s) / 32.
      """)

  @Option var instructionSets = List([InstructionSet.best])
  @Option(help: "Elements: 2,048 take 8 KB, and as much for the result.") var count = 2048
  @OptionGroup var options: SessionOptions

  func validate() throws {
    guard 1...(1 << 28) ~= count else {
      throw ValidationError("--count must be 1...\(1 << 28), found \(count).")
    }
  }

  func run() throws {
    let x = Storage<Float>(count: count)
    let positive = Storage<Float>(count: count)
    let y = Storage<Float>(count: count)
    SyntheticRows.fillNormal(x.pointer, count: count, row: 0, scale: 3)
    for index in 0..<count { positive.pointer[index] = abs(x.pointer[index]) + 1e-3 }
    var names: [(String, InstructionSet)] = []
    var subjects: [Subject] = []
    for set in instructionSets.elements {
      guard set.isAvailable else {
        throw SettingError("This CPU lacks \(set.rawValue).")
      }
      let kernels = set.kernels
      let functions = [
        ("exp", kernels.exp, x), ("sigmoid", kernels.sigmoid, x), ("tanh", kernels.tanh, x),
        ("softplus", kernels.softplus, x), ("log", kernels.log, positive),
        ("log1p", kernels.log1p, positive), ("elu", kernels.elu, x), ("erf", kernels.erf, x),
      ]
      let repeats = self.repeats
      func add(_ name: String, _ call: @escaping () -> Void) {
        names.append((name, set))
        subjects.append(Subject(threads: 1) { for _ in 0..<repeats { call() } })
      }
      let count = count
      for (name, function, input) in functions {
        add(name) { function!(count, input.pointer, y.pointer) }
      }
      add("normal") { kernels.random_normal(count, 1, LATENT_PURPOSE_EPSILON, 0, 0, 0, y.pointer) }
      let words = Storage<UInt32>(count: count)
      add("random bits") {
        kernels.random_bits(count, 1, LATENT_PURPOSE_EPSILON, 0, 0, 0, words.pointer)
      }
    }
    var session = options.session
    let measurements = try session.measure(subjects)
    let peak = Spread(session.peaks[1] ?? []).median
    var report = Report("elementwise")
    report.add(session)
    for ((name, set), measurement) in zip(names, measurements) {
      let elements = Double(count * repeats)
      func cycles(_ seconds: Double) -> Double { seconds / elements * peak / 32 }
      report.add([
        ("function", .text(name)), ("instructionSet", .text(set.rawValue)),
        ("nanoseconds", .number(measurement.seconds.median / elements * 1e9, digits: 4)),
        ("fmaCycles", .number(cycles(measurement.seconds.median), digits: 2)),
        ("p10", .number(cycles(measurement.seconds.p10), digits: 2)),
        ("p90", .number(cycles(measurement.seconds.p90), digits: 2)),
      ])
    }
    try report.print(json: options.json)
  }

  /// Calls that are timed together: the clock is not free.
  private var repeats: Int { max(1, 20_000 / count) }
}
