import ArgumentParser
import LatentKernels
import LatentModels

struct ScoreCommand: SharedCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "log p(x) of each row and its mean: exact, estimated, or bounded by the ELBO.")

  @Argument(help: ArgumentHelp("A run directory or a model file.", valueName: "run"))
  var model: String
  @OptionGroup(title: "Data") var data: NewDataOptions
  @OptionGroup(title: "Estimating") var estimation: EstimatorOptions
  @OptionGroup(title: "Computing") var compute: ComputeOptions

  @Option(help: "Keys the draws of z. (default: the run's seed)") var seed: UInt64?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Only the first so many rows.", valueName: "count"))
  var rows: Int?

  @Option(help: ArgumentHelp("Each row's figures, as CSV or NPY.", valueName: "path"))
  var output: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Mark rows less likely than this fraction of the rows fitted (mixture, factors).",
      valueName: "fraction"))
  var flag: Double?

  @Flag(help: "Read the file in chunks, for tables larger than the memory (mixture, factors).")
  var stream = false

  @Flag(help: "Print one JSON object on standard output.") var json = false

  struct Result: Encodable {
    var elbo, reconstruction, kl: Double
    var rows: Int
    var data: String
    var output: String?
  }

  func validate() throws { try checkOneAnswer(json: json, table: output) }

  func run() throws {
    if let output { try TableFile.check(output) }
    let communicator = Processes.communicator
    try communicator.agree(on: facts)
    if let exact = try communicator.unanimously({ try ExactRun(model) }) { return try score(exact) }
    guard !stream else {
      throw SettingError("--stream is for mixtures and factor models; drop it.")
    }
    guard flag == nil else {
      throw SettingError("--flag needs exact densities: a mixture or a factor analysis.")
    }
    let saved = try communicator.unanimously { try SavedModel(model) }
    let estimator = try estimation.choose(
      from: [.elbo, .naive, .importance, .ais], for: "A variational autoencoder")
    let rows = try saved.held(data, rows: self.rows)
    var loaded = Agreement()
    loaded.add("rows in the data", rows.share.total)
    loaded.add("columns in the data", rows.data.rows.columns)
    try communicator.agree(on: loaded)
    let backend = try compute.makeBackend()
    guard estimator == .elbo, estimation.samples ?? 1 == 1, estimation.form ?? .kl == .kl else {
      return try score(
        saved.model, rows, by: estimator, backend: backend, seed: seed ?? saved.seed)
    }
    let batches = try communicator.unanimously {
      try saved.model.batches(of: rows.data, share: rows.share)
    }
    let scores = try communicator.elbos(of: rows.share) { rows in
      try saved.model.scoreSamples(
        batches, rows: rows, backend: backend, seed: seed ?? saved.seed)
    }
    guard communicator.rank == 0 else { return }
    if let output {
      let values = scores.flatMap { [Float($0.elbo), Float($0.reconstruction), Float($0.kl)] }
      try TableFile.write(
        Matrix(rows: scores.count, columns: 3, values: values),
        columnNames: ["elbo", "reconstruction", "kl"], to: output)
    }
    let mean = scores.mean
    if json {
      try printJSON(
        Result(
          elbo: mean.elbo, reconstruction: mean.reconstruction, kl: mean.kl, rows: scores.count,
          data: rows.data.name, output: output))
    } else {
      let line =
        saved.model.isDeterministic
        ? "log p(x|z) \(decimal(mean.reconstruction, 4)) nats a row at its code (an autoencoder has "
          + "no log p(x)), \(counted(scores.count, "row")) of \(rows.data.name)"
        : "ELBO \(decimal(mean.elbo, 4))  reconstruction \(decimal(mean.reconstruction, 4))  "
          + "KL \(decimal(mean.kl, 4)) nats a row, \(counted(scores.count, "row")) of \(rows.data.name)"
      tell(line, beside: output)
    }
  }
}
