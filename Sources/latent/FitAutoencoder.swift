import ArgumentParser
import LatentIO
import LatentKernels
import LatentModels
import LatentNetworks

/// What a deterministic autoencoder minimizes.
enum ReconstructionError: String, CaseIterable, ExpressibleByArgument {
  case squared, bernoulli

  var likelihood: Likelihood { self == .squared ? .gaussianUnit : .bernoulli }
}

struct FitAutoencoder: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "autoencoder",
    abstract: "Fit a deterministic autoencoder, a VAE's contrast: one code a row, no prior.",
    discussion: """
      Its codes are followed by a normal distribution so that it can be sampled; --beside shows what \
      that gives next to a VAE. Writes what fit vae writes.
      """)

  @OptionGroup(title: "Data") var data: FitDataOptions
  @OptionGroup(visibility: .hidden) var gaps: MissingOptions

  @Option(help: "Widths of the encoder's hidden layers; the decoder mirrors them; none: linear.")
  var hidden: Widths?

  @Option(
    parsing: .unconditional,
    help: "Dimensions of the code. (default: half the columns, at most 10)")
  var latent: Int?

  @Option(help: "What hidden layers apply. (default: relu)")
  var activation: Activation?

  @Option(
    help: "What is minimized. (default: bernoulli for binary data, squared for other data)")
  var error: ReconstructionError?

  @Option(help: "Make values binary, as fit vae does. (default: none)")
  var binarize: Binarization?

  @Flag(
    inversion: .prefixedNo,
    help: "Columns to mean 0 and variance 1. (default: for tables with the squared error)")
  var standardize: Bool?

  @OptionGroup(title: "Training") var training: TrainingOptions
  @OptionGroup(title: "Computing") var compute: ComputeOptions

  @Option(
    help: ArgumentHelp(
      "A VAE of the same images: beside.png shows samples of both; to be named again with --resume.",
      valueName: "run"))
  var beside: String?

  @Option(
    help: ArgumentHelp(
      "The run directory. (default: runs/autoencoder-<data>-<n>)", valueName: "directory"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Go on with the run in this directory, its options included.", valueName: "directory"))
  var resume: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Epochs from one checkpoint to the next. (default: 1)", valueName: "epochs"))
  var checkpointEvery: Int?

  @Flag(help: "Print one JSON object on standard output.") var json = false
  @Flag(help: "No progress on standard error.") var quiet = false

  func run() throws {
    let other = try beside.map { try SavedModel($0) }
    try NetworkFit(
      name: "autoencoder", data: data, missing: gaps.missing, training: training, compute: compute,
      output: output,
      resume: resume, files: VAESettings.Files(checkpointEvery: checkpointEvery), beside: other,
      json: json, quiet: quiet,
      chooseModel: { data, saved in
        if let other { try check(other, for: data) }
        return try settings(for: data, resuming: saved)
      }
    ).run()
  }

  private func check(_ other: SavedModel, for data: Dataset) throws {
    guard let shape = data.imageShape, other.model.configuration.imageShape == shape else {
      throw SettingError(
        "--beside \(other.path) needs a model of the same images as \(data.name).")
    }
  }

  private func settings(
    for data: Dataset, resuming saved: VAESettings.Model?
  ) throws -> VAESettings.Model {
    var options = try VAEModelOptions.parse([])
    options.hidden = hidden
    options.latent = latent
    options.activation = activation
    options.binarize = binarize
    let isBinary = binarize.map { $0 != .none } ?? (saved?.likelihood == .bernoulli)
    options.likelihood =
      try error?.likelihood ?? saved?.likelihood
      ?? (isBinary || data.isBinary ? .bernoulli : .gaussianUnit)
    options.standardize =
      try standardize ?? saved?.standardize
      ?? (options.likelihood == .gaussianUnit && !isBinary && !data.isGrey)
    var model = try VAESettings.model(options, for: data, resuming: saved)
    model.posterior = .point
    return model
  }
}
