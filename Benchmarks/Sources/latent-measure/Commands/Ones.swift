import ArgumentParser
import LatentIO
import LatentKernels
import Workloads

struct Ones: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The step on binary batches: the first layer dense, and as sums of gathered rows.",
    discussion: """
      Rows are those of --data, 1 where a grey level is above 1/2, or synthetic ones as dense. Both \
      steps end with the same bits, which is checked.
      """)

  @Option(help: "Grey images as IDX, gzipped or not: MNIST's training images.") var data: String?
  @Option var networks = List(NetworkShape.allCases)
  @Option var batches = List([20, 100, 128, 512])
  @Option var threads = FusedBackend.allowedThreads
  @OptionGroup var options: SessionOptions

  func run() throws {
    let rows =
      try data.map { try BinaryRows.threshold(Dataset.load($0).rows) }
      ?? SyntheticRows.rows(for: .bernoulli)
    let ones = (0..<rows.count).reduce(0.0) { sum, row in
      sum + (0..<rows.columns).reduce(0) { $0 + rows.value(row, $1) }
    }
    let backend = try FusedBackend(threads: threads)
    var report = Report("ones")
    var session = options.session
    for shape in networks.elements {
      for batch in batches.elements {
        let steps = try [false, true].map { gathers in
          try ELBOStep(
            shape, batch: batch, backend: backend, rows: rows, gathersOnes: gathers)
        }
        for _ in 0..<5 { for step in steps { step() } }
        guard steps[0].digest == steps[1].digest else {
          throw SettingError("The two ways of the first layer end with different bits.")
        }
        let times = try session.measure(
          steps.map { step in Subject(threads: threads, flops: step.flops) { step() } })
        let (dense, gathered) = (times[0].seconds.median, times[1].seconds.median)
        report.add([
          ("network", .text(shape.rawValue)), ("batch", .integer(batch)),
          ("threads", .integer(threads)),
          ("ones", .number(ones / Double(rows.count * rows.columns), digits: 3)),
          ("denseMilliseconds", .number(dense * 1e3, digits: 3)),
          ("gatheredMilliseconds", .number(gathered * 1e3, digits: 3)),
          ("saved", .number(1 - gathered / dense, digits: 3)),
        ])
      }
    }
    report.add(session)
    try report.print(json: options.json)
  }
}
