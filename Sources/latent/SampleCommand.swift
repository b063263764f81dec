import ArgumentParser
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

struct SampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Draw new rows from a model: a picture for images, numbers otherwise.")

  @Argument(help: ArgumentHelp("A run directory or a model file.", valueName: "run"))
  var model: String
  @OptionGroup(title: "Computing") var compute: ComputeOptions

  @Option(parsing: .unconditional, help: "How many.") var count = 64
  @Option(parsing: .unconditional, help: "Keys the draws.") var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "PNG, CSV or NPY. (default: sample-<count>-<seed>.png beside the model for images, else CSV on "
        + "standard output)", valueName: "path"))
  var output: String?

  @Flag(help: "Draw from p(x|z) in place of its mean.") var observations = false
  @Flag(help: "Print one JSON object on standard output.") var json = false

  struct Result: Encodable {
    var count: Int
    var seed: UInt64
    var output: String
  }

  func run() throws {
    if let exact = try ExactRun(model) { return try sample(exact) }
    let saved = try SavedModel(model)
    let vae = saved.model
    let kind = observations ? "observations" : "sample"
    let target =
      output
      ?? (vae.configuration.imageShape == nil
        ? TableFile.standardOutput : "\(saved.directory)/\(kind)-\(count)-\(seed).png")
    guard !json || target != TableFile.standardOutput else {
      throw ValidationError("--json needs --output: standard output holds one or the other.")
    }
    let backend = try compute.makeBackend()
    if TableFile.fileExtension(target) == "png" {
      guard let shape = vae.configuration.imageShape else {
        throw SettingError("The model's rows are not images; sample to a .csv or .npy file.")
      }
      try PNG.write(
        ImageGrid().image(of: draw(vae, backend), shape: shape), to: target)
    } else {
      try TableFile.check(target)
      try TableFile.write(
        draw(vae, backend), columnNames: vae.configuration.columnNames, to: target)
    }
    if json {
      try printJSON(Result(count: count, seed: seed, output: target))
    } else if target != TableFile.standardOutput {
      print(target)
    }
  }

  private func draw(_ model: VAE, _ backend: any Backend) throws -> Matrix<Float> {
    try model.sample(count, backend: backend, seed: seed, observations: observations)
  }
}
