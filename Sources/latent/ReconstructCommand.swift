import ArgumentParser
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

struct ReconstructCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reconstruct",
    abstract: "What encoder and decoder of a VAE or an autoencoder make of each row.")

  @Argument(help: ArgumentHelp("A run directory or a model file.", valueName: "run"))
  var model: String
  @OptionGroup(title: "Data") var data: NewDataOptions
  @OptionGroup(title: "Computing") var compute: ComputeOptions

  @Option(
    help: ArgumentHelp(
      "CSV or NPY, or PNG for the first images over their reconstructions. (default: CSV on "
        + "standard output)", valueName: "path"))
  var output: String?

  @Flag(help: "Print one JSON object on standard output; needs --output.") var json = false

  struct Result: Encodable {
    var rows: Int
    /// The mean over rows of the squared error, summed over columns, in the data's own units.
    var squaredError: Double
    var data, output: String
  }

  func validate() throws {
    try checkOneAnswer(json: json, table: output ?? TableFile.standardOutput)
  }

  func run() throws {
    let target = output ?? TableFile.standardOutput
    let isPicture = TableFile.fileExtension(target) == "png"
    if !isPicture { try TableFile.check(target, orPicture: true) }
    if let exact = try ExactRun(model) {
      throw SettingError(
        "\(model) is \(exact.model.title), which cannot reconstruct; it can \(exact.model.verbs).")
    }
    let saved = try SavedModel(model)
    let rows = try saved.data(data)
    let backend = try compute.makeBackend()
    if isPicture {
      guard let pictures = VAEPictures(saved.model, backend: backend) else {
        throw SettingError("The model's rows are not images; write to a .csv or .npy file.")
      }
      try PNG.write(pictures.reconstructions(of: rows), to: target)
    }
    let codes = try saved.model.transform(
      saved.model.batches(of: rows), backend: backend, seed: saved.seed)
    let found = try saved.model.inverseTransform(codes.mean, backend: backend)
    if !isPicture {
      try TableFile.write(
        found, columnNames: rows.columnNames ?? saved.model.configuration.columnNames, to: target)
    }
    let original = rows.rows.matrix(of: Float.self)
    // What is missing has no error.
    let squares = zip(found.values, original.values).reduce(0.0) {
      $1.1.isNaN ? $0 : $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1)
    }
    let result = Result(
      rows: found.rows, squaredError: squares / Double(max(1, found.rows)), data: rows.name,
      output: target)
    if json {
      try printJSON(result)
    } else if output != nil {
      tell(
        "squared error \(decimal(result.squaredError, 4)) a row, \(counted(result.rows, "row")) of "
          + "\(rows.name): \(target)", beside: target)
    }
  }
}
