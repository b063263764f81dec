#if OpenBLAS
  import ArgumentParser
  import LatentIO
  import LatentKernels
  import LatentModels

  struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "predict", abstract: "The likeliest component of each row of a mixture.")

    @Argument(help: ArgumentHelp("A run directory or a model file.", valueName: "run"))
    var model: String
    @OptionGroup(title: "Data") var data: NewDataOptions
    @OptionGroup(title: "Computing") var compute: FusedComputeOptions

    @Flag(help: "The probability of every component beside the label.") var probabilities = false

    @Option(
      help: ArgumentHelp("CSV or NPY. (default: CSV on standard output)", valueName: "path"))
    var output: String?

    @Flag(help: "Print one JSON object on standard output; needs --output.") var json = false

    struct Result: Encodable {
      var rows, components: Int
      /// Rows of each component.
      var counts: [Int]
      var data, output: String
    }

    func validate() throws {
      try checkOneAnswer(json: json, table: output ?? TableFile.standardOutput)
    }

    func run() throws {
      if let output { try TableFile.check(output) }
      let run = try ExactRun.open(model, verb: "predict")
      let mixture = try run.model(as: GaussianMixture.self, verb: "predict")
      let rows = try run.data(data)
      let backend = try compute.makeFusedBackend()
      let labels = try mixture.predict(rows.rows, backend: backend)
      let shares =
        probabilities ? try mixture.predictProbabilities(rows.rows, backend: backend) : nil
      var table = Matrix<Double>(rows: labels.count, columns: 1 + (shares?.columns ?? 0))
      for (row, label) in labels.enumerated() {
        table[row, 0] = Double(label + 1)
        if let shares {
          for k in 0..<shares.columns { table[row, 1 + k] = shares[row, k] }
        }
      }
      let names = shares.map { (1...$0.columns).map { "probability\($0)" } } ?? []
      let target = output ?? TableFile.standardOutput
      try TableFile.write(table, columnNames: ["component"] + names, to: target)
      guard json else { return }
      var counts = [Int](repeating: 0, count: mixture.components)
      for label in labels { counts[label] += 1 }
      try printJSON(
        Result(
          rows: labels.count, components: mixture.components, counts: counts, data: rows.name,
          output: target))
    }
  }
#endif
