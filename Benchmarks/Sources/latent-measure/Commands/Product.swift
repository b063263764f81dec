import ArgumentParser
import LatentKernels
import LatentNetworks
import Workloads

struct Product: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gemm",
    abstract: "Single products, weights packed: forward with bias and activation, dX, dW.")

  @Option(help: "Inputs x columns.") var shapes = List(["784x400", "400x784"])
  @Option var batches = List([128, 512])
  @Option var threads = List([FusedBackend.allowedThreads])
  @Option(help: "fused, openblas, simd.") var backends = List(["fused"])
  @Option(help: "For the fused backend.") var instructionSets = List([InstructionSet.best])
  @Option var activations = List([Activation.relu])
  @Option var products = List(SingleLayer.Product.allCases)
  @OptionGroup var options: SessionOptions

  func run() throws {
    let choice = BackendChoice()
    var labels: [Report.Row] = []
    var subjects: [Subject] = []
    for shape in shapes.elements {
      let (inputs, columns) = try sizes(of: shape)
      for (batch, activation, product) in cases {
        for (threads, backend, set) in settings {
          let layer = try SingleLayer(
            product, rows: batch, inputs: inputs, columns: columns, activation: activation,
            backend: choice.backend(backend, threads: threads, instructionSet: set))
          labels.append([
            ("layer", .text(shape)), ("rows", .integer(batch)),
            ("product", .text(product.rawValue)),
            ("activation", .text(activation.rawValue)), ("threads", .integer(threads)),
            ("backend", .text(backend)),
            ("instructionSet", .text(backend == "fused" ? set.rawValue : "-")),
          ])
          subjects.append(
            Subject(threads: threads, flops: layer.flops, rest: restAfter(backend)) { layer() })
        }
      }
    }
    var session = options.session
    let measurements = try session.measure(subjects)
    var report = Report("gemm")
    report.add(session)
    for index in subjects.indices {
      report.add(labels[index] + Report.cells(measurements[index], flops: subjects[index].flops))
    }
    try report.print(json: options.json)
  }

  private var cases: [(batch: Int, activation: Activation, product: SingleLayer.Product)] {
    batches.elements.flatMap { batch in
      activations.elements.flatMap { activation in
        products.elements.map { (batch, activation, $0) }
      }
    }
  }

  private var settings: [(threads: Int, backend: String, set: InstructionSet)] {
    chosenSettings(threads, backends, instructionSets)
  }

  private func sizes(of shape: String) throws -> (inputs: Int, columns: Int) {
    let sizes = shape.split(separator: "x").compactMap { Int($0) }
    guard sizes.count == 2, sizes.allSatisfy({ $0 > 0 }) else {
      throw ValidationError("A shape is inputs x columns as in 784x400, found \"\(shape)\".")
    }
    return (sizes[0], sizes[1])
  }
}
