import ArgumentParser
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

struct SampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Draw new rows from a model: a picture for images, numbers otherwise.",
    discussion: """
      A VAE can also walk through its latent space: --traverse moves one dimension at a time, \
      --interpolate goes from one row to another.
      """)

  @Argument(help: ArgumentHelp("A run directory or a model file.", valueName: "run"))
  var model: String
  @OptionGroup(title: "Data (of --interpolate)") var data: NewDataOptions
  @OptionGroup(title: "Computing") var compute: ComputeOptions

  @Option(parsing: .unconditional, help: "How many.") var count = 64
  @Option(parsing: .unconditional, help: "Keys the draws.") var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "PNG, CSV or NPY. (default: sample-<count>-<seed>.png beside the model for images, else CSV on "
        + "standard output)", valueName: "path"))
  var output: String?

  @Flag(help: "Draw from p(x|z) in place of its mean.") var observations = false

  @Flag(help: "Each latent dimension from -2.5 to 2.5, a line of the picture each (VAE).")
  var traverse = false

  @Option(
    help: ArgumentHelp(
      "From one row of the data to another, numbered from 1 (VAE).", valueName: "row,row"))
  var interpolate: CommaSeparated<Int>?

  @Option(parsing: .unconditional, help: "Of --traverse and --interpolate.") var steps = 11

  @Flag(help: "Print one JSON object on standard output.") var json = false

  struct Result: Encodable {
    var count: Int
    var seed: UInt64
    var output: String
  }

  func run() throws {
    guard !traverse || interpolate == nil, !(isWalk && observations) else {
      throw SettingError("Choose one of --traverse, --interpolate and --observations.")
    }
    if let exact = try ExactRun(model) {
      guard !isWalk else {
        throw SettingError("\(model) has no latent space to walk through; a VAE has.")
      }
      return try sample(exact)
    }
    let saved = try SavedModel(model)
    let vae = saved.model
    let kind = observations ? "observations" : "sample"
    let name =
      traverse
      ? "traversals"
      : interpolate.map { "interpolation-" + $0.elements.map(String.init).joined(separator: "-") }
        ?? "\(kind)-\(count)-\(seed)"
    let target =
      output
      ?? (vae.configuration.imageShape == nil
        ? TableFile.standardOutput : "\(saved.directory)/\(name).png")
    try checkOneAnswer(json: json, table: target)
    let backend = try compute.makeBackend()
    let drawn: Matrix<Float>
    if TableFile.fileExtension(target) == "png" {
      guard let shape = vae.configuration.imageShape else {
        throw SettingError("The model's rows are not images; sample to a .csv or .npy file.")
      }
      let grid = ImageGrid(columns: isWalk ? steps : nil)
      drawn = try draw(saved, backend)
      try PNG.write(grid.image(of: drawn, shape: shape), to: target)
    } else {
      try TableFile.check(target, orPicture: vae.configuration.imageShape != nil)
      drawn = try draw(saved, backend)
      try TableFile.write(drawn, columnNames: vae.configuration.columnNames, to: target)
    }
    if json {
      try printJSON(Result(count: drawn.rows, seed: seed, output: target))
    } else if !TableFile.isStandardOutput(target) {
      print(target)
    }
  }

  private var isWalk: Bool { traverse || interpolate != nil }

  private func draw(_ saved: SavedModel, _ backend: any Backend) throws -> Matrix<Float> {
    let model = saved.model
    if traverse {
      return try model.inverseTransform(model.traversals(steps: steps), backend: backend)
    }
    if let ends = interpolate?.elements {
      guard ends.count == 2 else {
        throw SettingError("--interpolate takes two rows, as in 3,17; found \(ends.count).")
      }
      if let end = ends.first(where: { $0 < 1 }) {
        throw SettingError("There is no row \(end): rows are counted from 1.")
      }
      let walk = try model.interpolation(
        ends[0] - 1, ends[1] - 1, in: model.batches(of: saved.data(data)), steps: steps,
        backend: backend, seed: saved.seed)
      return try model.inverseTransform(walk, backend: backend)
    }
    return try model.sample(count, backend: backend, seed: seed, observations: observations)
  }
}
