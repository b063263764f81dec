import ArgumentParser
import Foundation
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

struct FitVAE: SharedCommand {
  static let configuration = CommandConfiguration(
    commandName: "vae",
    abstract: "Fit a variational autoencoder.",
    discussion: """
      Without options: handwritten digits that ship with the program. Writes model.safetensors, \
      checkpoint.safetensors, config.json, metrics.csv, report.html and, for images, pictures.
      """)

  @OptionGroup(title: "Data") var data: FitDataOptions
  @OptionGroup(title: "Data") var gaps: MissingOptions
  @OptionGroup(title: "Model") var model: VAEModelOptions
  @OptionGroup(title: "Training") var training: TrainingOptions
  @OptionGroup(title: "The bound") var bound: BoundOptions
  @OptionGroup(title: "Computing") var compute: ComputeOptions

  @Option(
    help: ArgumentHelp("The run directory. (default: runs/vae-<data>-<n>)", valueName: "directory"))
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

  @Flag(
    help: """
      Keep each row's variational parameters in a file in the run directory while training, not in \
      memory: the same bits (svi).
      """)
  var posteriorsOnDisk = false
  @Flag(help: "Write the curves for TensorBoard, too: a directory tensorboard in the run's.")
  var tensorboard = false

  @Flag(help: "Print one JSON object on standard output.") var json = false
  @Flag(help: "No progress on standard error.") var quiet = false

  func run() throws {
    try NetworkFit(
      name: "vae", data: data, missing: gaps.missing, training: training, bound: bound,
      compute: compute, output: output,
      resume: resume,
      files: VAESettings.Files(
        checkpointEvery: checkpointEvery, tensorboard: tensorboard ? true : nil,
        posteriorsOnDisk: posteriorsOnDisk ? true : nil),
      json: json, quiet: quiet,
      chooseModel: { data, saved in
        try bound.protocol.map { try VAESettings.model($0, model, for: data) }
          ?? VAESettings.model(model, for: data, resuming: saved)
      }
    ).run()
  }
}
