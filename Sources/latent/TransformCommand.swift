import ArgumentParser
import LatentKernels
import LatentModels
import LatentNetworks
import LatentReport

struct TransformCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transform",
    abstract: "The posterior of each row: means of its latent dimensions.")

  @Argument(help: ArgumentHelp("A run directory or a model file.", valueName: "run"))
  var model: String
  @OptionGroup(title: "Data") var data: NewDataOptions
  @OptionGroup(title: "Computing") var compute: ComputeOptions

  @Flag(help: "Variances beside the means.") var variances = false

  @Option(
    help: ArgumentHelp(
      "Also a map of the means as PNG, coloured by the label (VAE).", valueName: "path"))
  var map: String?

  @Option(
    help: ArgumentHelp(
      "Labels of the rows of --data in a file of their own, for the map: IDX, NPY or CSV.",
      valueName: "path"))
  var labels: String?

  @Option(
    help: ArgumentHelp(
      "CSV or NPY. (default: CSV on standard output, none beside a map)", valueName: "path"))
  var output: String?

  @Flag(help: "Print one JSON object on standard output; needs --output.") var json = false

  struct Result: Encodable {
    var rows, latentDimensions: Int
    var data, output: String
  }

  func validate() throws {
    try checkOneAnswer(json: json, table: output ?? TableFile.standardOutput)
    guard labels == nil || (map != nil && data.data != nil && data.label == nil) else {
      throw ValidationError("--labels are of the rows of --data, in a --map, in place of --label.")
    }
    guard !variances || map == nil || output != nil else {
      throw ValidationError("--variances are of a table: beside a --map it needs --output.")
    }
  }

  func run() throws {
    if let output { try TableFile.check(output) }
    if let map, TableFile.fileExtension(map) != "png" {
      throw SettingError("\(map): expected a name that ends in .png.")
    }
    if let exact = try ExactRun(model) {
      guard map == nil else { throw SettingError("--map is for a VAE or an autoencoder.") }
      return try transform(exact)
    }
    let saved = try SavedModel(model)
    var rows = try saved.data(data)
    if let labels { rows = try rows.labelled(by: labels) }
    let backend = try compute.makeBackend()
    let posterior = try saved.model.transform(
      saved.model.batches(of: rows), backend: backend, seed: saved.seed)
    let size = posterior.mean.columns
    if let map {
      try PNG.write(LatentMap(posterior.mean, labels: rows.labels).picture(), to: map)
    }
    var names = (1...size).map { "mean\($0)" }
    if variances { names += (1...size).map { "variance\($0)" } }
    // A map alone leaves standard output alone.
    guard map == nil || output != nil else { return print(map!) }
    let target = output ?? TableFile.standardOutput
    try TableFile.write(
      variances ? posterior.meansAndVariances : posterior.mean, columnNames: names, to: target)
    if json {
      try printJSON(
        Result(
          rows: posterior.mean.rows, latentDimensions: size, data: rows.name, output: target))
    }
  }
}

extension DiagonalGaussian {
  /// [rows x 2 L]: means, then variances.
  fileprivate var meansAndVariances: Matrix<Float> {
    let size = mean.columns
    let variance = logVariance.values.applying(InstructionSet.reproducible.kernels.exp)
    var both = Matrix<Float>(rows: mean.rows, columns: 2 * size)
    for row in 0..<mean.rows {
      for column in 0..<size {
        both[row, column] = mean[row, column]
        both[row, size + column] = variance[row * size + column]
      }
    }
    return both
  }
}
