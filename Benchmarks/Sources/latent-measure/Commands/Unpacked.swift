import ArgumentParser
import LatentKernels
import Workloads

struct Unpacked: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "One product with bias and ReLU on weights in plain rows, against OpenBLAS.",
    discussion: """
      Input, weights and output are row-major, the weights inner x columns or, as PyTorch holds them, \
      columns x inner. OpenBLAS multiplies, a separate pass on all threads adds the bias and activates.
      """)

  @Option var batches = List([128, 512])
  @Option var threads = FusedBackend.allowedThreads
  @OptionGroup var options: SessionOptions

  func run() throws {
    let fused = try FusedBackend(threads: threads)
    let library = try OpenBLASBackend(threads: threads)
    var report = Report("unpacked")
    var session = options.session
    for (inner, columns) in [(784, 400), (400, 784)] {
      for batch in batches.elements {
        let layouts = [LATENT_LAYOUT_INNER_BY_COLUMNS, LATENT_LAYOUT_COLUMNS_BY_INNER]
        let products = try layouts.flatMap { layout in
          try [fused as any Backend, library].map {
            try PlainProduct(
              rows: batch, inner: inner, columns: columns, layout: layout, backend: $0)
          }
        }
        let times = try session.measure(
          products.map { product in
            Subject(
              threads: threads, flops: product.flops, rest: restAfter(product.backend.name)
            ) { product() }
          })
        for (index, label) in ["in x out", "out x in"].enumerated() {
          let (ours, theirs) = (times[2 * index], times[2 * index + 1])
          report.add([
            ("product", .text("\(batch)x\(inner)x\(columns)")), ("weights", .text(label)),
            ("threads", .integer(threads)),
            ("fusedMicroseconds", .number(ours.seconds.median * 1e6, digits: 1)),
            ("openblasMicroseconds", .number(theirs.seconds.median * 1e6, digits: 1)),
            ("fractionOfPeak", .number(ours.fractionOfPeak, digits: 3)),
            ("timesAsFast", .number(theirs.seconds.median / ours.seconds.median, digits: 2)),
          ])
        }
      }
    }
    report.add(session)
    try report.print(json: options.json)
  }
}
