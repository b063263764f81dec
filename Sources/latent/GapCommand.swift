import ArgumentParser
import LatentIO
import LatentKernels
import LatentModels

struct GapCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gap",
    abstract: "What the encoder loses: log p(x), the best bound, the encoder's, and their gaps.")

  @Argument(help: ArgumentHelp("A run directory or a model file.", valueName: "run"))
  var model: String
  @OptionGroup(title: "Data") var data: NewDataOptions
  @OptionGroup(title: "Computing") var compute: ComputeOptions

  @Option(
    parsing: .unconditional, help: ArgumentHelp("The first so many rows.", valueName: "count"))
  var rows = 100

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Draws of z a row behind log p(x) and the bounds.", valueName: "count"))
  var samples = 5000

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Gradient steps a row towards its best Gaussian, at most.", valueName: "count"))
  var steps = 2000

  @Option(help: "Keys the draws of z. (default: the run's seed)") var seed: UInt64?

  @Option(help: ArgumentHelp("Each row's figures, as CSV or NPY.", valueName: "path"))
  var output: String?

  @Flag(help: "Print one JSON object on standard output.") var json = false

  struct Result: Encodable {
    var meanLogLikelihood, standardError: Double
    /// Whether log p(x) is known rather than estimated.
    var exact: Bool
    var optimalELBO, optimalELBOStandardError: Double
    var elbo, elboStandardError: Double
    var approximationGap, approximationGapStandardError: Double
    var amortizationGap, amortizationGapStandardError: Double
    var activeUnits, latentDimensions: Int
    var unreliableRows, rowsNotConverged: Int
    var caution: String?
    var rows, samples: Int
    var seconds: Double
    var data: String
    var output: String?
  }

  func validate() throws { try checkOneAnswer(json: json, table: output) }

  func run() throws {
    if let output { try TableFile.check(output) }
    guard 2...(1 << 24) ~= samples else {
      throw SettingError("--samples must be 2...\(1 << 24), found \(samples).")
    }
    if let run = try ExactRun(model) {
      guard let linear = run.model as? any LinearGaussianModel else {
        throw SettingError(
          "\(model) is \(run.model.title), whose posterior is exact: it has no gap. Variational "
            + "autoencoders and factor analyses have.")
      }
      let examples = try run.data(data).first(rows)
      return try measure(
        linear.autoencoder(), examples, exact: linear.scoreSamples(examples.rows),
        seed: seed ?? run.about?.seed ?? 0)
    }
    let saved = try SavedModel(model)
    try measure(
      saved.model, saved.data(data).first(rows), exact: nil, seed: seed ?? saved.seed)
  }

  private func measure(_ model: VAE, _ examples: Dataset, exact: [Double]?, seed: UInt64) throws {
    let batches = try model.batches(of: examples)
    var gap = InferenceGap(samples: samples)
    gap.inference.maximumSteps = steps
    let progress = DrawProgress(
      "gap", total: (exact == nil ? 2 : 1) * batches.count * samples)
    let found = try gap.measure(
      model, batches, exact: exact, backend: compute.makeBackend(), seed: seed,
      progress: progress.show)
    progress.finish()
    if let output { try write(found, to: output) }
    let density = found.logDensity
    let result = Result(
      meanLogLikelihood: density.mean, standardError: density.standardError, exact: exact != nil,
      optimalELBO: found.optimal.mean, optimalELBOStandardError: found.optimal.standardError,
      elbo: found.amortized.mean, elboStandardError: found.amortized.standardError,
      approximationGap: found.approximationGap.mean,
      approximationGapStandardError: found.approximationGap.standardError,
      amortizationGap: found.amortizationGap.mean,
      amortizationGapStandardError: found.amortizationGap.standardError,
      activeUnits: found.activeUnits, latentDimensions: model.architecture.latentDimensions,
      unreliableRows: density.unreliableRows, rowsNotConverged: found.rows.count { !$0.converged },
      caution: density.caution, rows: found.rows.count, samples: samples,
      seconds: progress.seconds, data: examples.name, output: output)
    if json { return try printJSON(result) }
    let lines = text(result)
    tell(lines, beside: output)
  }

  private func write(_ found: InferenceGap.Result, to path: String) throws {
    var table = Matrix<Double>(rows: found.rows.count, columns: 7)
    for (index, row) in found.rows.enumerated() {
      let values = [
        row.logDensity.logDensity, row.logDensity.standardError, row.optimal.mean,
        row.amortized.mean, row.approximationGap.mean, row.amortizationGap.mean,
        row.converged ? 1 : 0,
      ]
      for (column, value) in values.enumerated() { table[index, column] = value }
    }
    try TableFile.write(
      table,
      columnNames: [
        "logDensity", "standardError", "optimalELBO", "elbo", "approximationGap",
        "amortizationGap", "converged",
      ], to: path)
  }

  private func text(_ result: Result) -> String {
    func line(_ name: String, _ value: Double, _ error: Double) -> [String] {
      [name, decimal(value, 4), decimal(error, 4)]
    }
    var lines = [
      alignedTable(
        ["nats a row", "mean", "error"],
        [
          line(
            result.exact ? "log p(x), exact" : "log p(x), importance sampling",
            result.meanLogLikelihood, result.standardError),
          line("ELBO at the best q", result.optimalELBO, result.optimalELBOStandardError),
          line("ELBO at the encoder's q", result.elbo, result.elboStandardError),
          line("approximation gap", result.approximationGap, result.approximationGapStandardError),
          line("amortization gap", result.amortizationGap, result.amortizationGapStandardError),
        ]),
      "\(result.activeUnits) of \(result.latentDimensions) latent units active, "
        + "\(counted(result.rows, "row")) of \(result.data), \(decimal(result.seconds, 1)) s",
    ]
    if result.rowsNotConverged > 0 {
      lines.append(
        "\(counted(result.rowsNotConverged, "row")) stopped at \(counted(steps, "step")): their best q may be "
          + "better still; raise --steps.")
    }
    if let caution = result.caution { lines.append(caution) }
    return lines.joined(separator: "\n")
  }
}
