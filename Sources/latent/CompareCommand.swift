import ArgumentParser
import Foundation
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Every estimator of log p(x) against its number of samples and its time.")

  @Argument(help: ArgumentHelp("A run directory or a model file.", valueName: "run"))
  var model: String
  @OptionGroup(title: "Data") var data: NewDataOptions
  @OptionGroup(title: "Computing") var compute: ComputeOptions

  @Option(
    parsing: .unconditional, help: ArgumentHelp("The first so many rows.", valueName: "count"))
  var rows = 100

  @Option(
    help: ArgumentHelp(
      "Numbers of samples a row; of ais, temperatures. (default: 1,10,100,1000)",
      valueName: "counts"))
  var samples: CommaSeparated<Int>?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Naive Monte Carlo's box, [-half, half] each way.", valueName: "half"))
  var box = 4.0

  @Option(help: "Keys the draws of z. (default: the run's seed)") var seed: UInt64?

  @Option(
    help: ArgumentHelp("The picture. (default: compare.png in the run)", valueName: "path"))
  var output: String?

  @Flag(help: "Print one JSON object on standard output.") var json = false

  struct Result: Encodable {
    struct Entry: Encodable {
      var estimator: String
      var samples: Int
      var meanLogLikelihood, standardError, medianEffectiveSampleSize: Double
      var unreliableRows: Int
      var seconds: Double
    }
    var entries: [Entry]
    /// The exact mean of log p(x), where the model can say it.
    var exact: Double?
    var rows: Int
    var data, output: String
  }

  func run() throws {
    let counts = try checkedSamples()
    guard box > 0, box.isFinite else {
      throw SettingError("--box must be above 0, found \(box).")
    }
    let comparison: EstimatorComparison
    let examples: Dataset
    let directory: String
    if let run = try ExactRun(model) {
      examples = try run.data(data).first(rows)
      directory = run.directory
      try checkOutput(in: directory)
      comparison = try compare(run, examples, counts)
    } else {
      let saved = try SavedModel(model)
      examples = try saved.data(data).first(rows)
      directory = saved.directory
      try checkOutput(in: directory)
      var found = EstimatorComparison()
      try add(saved.model, examples, counts, seed: seed ?? saved.seed, to: &found)
      comparison = found
    }
    let path = output ?? "\(directory)/compare.png"
    try PNG.write(ComparisonPlot.picture(of: comparison), to: path)
    try report(comparison, examples, path)
  }

  private func checkedSamples() throws -> [Int] {
    let counts = samples?.elements ?? [1, 10, 100, 1000]
    // As many temperatures as samples: 20 bits of them.
    for count in counts where !(1...(1 << 20) ~= count) {
      throw SettingError("--samples must be 1...\(1 << 20) each, found \(count).")
    }
    return Array(Set(counts)).sorted()
  }

  /// Before the work that the picture is of.
  private func checkOutput(in directory: String) throws {
    if let output, TableFile.fileExtension(output) != "png" {
      throw SettingError("\(output): expected a name that ends in .png.")
    }
    let place =
      output.map { URL(fileURLWithPath: $0).deletingLastPathComponent().relativePath } ?? directory
    guard access(place, W_OK) == 0 else {
      let reason = String(cString: strerror(errno))
      throw FileError(
        place, "the picture cannot be written there: \(reason); name another place with --output.")
    }
  }

  /// Continuous z: every estimator with every count.
  private func add(
    _ model: VAE, _ examples: Dataset, _ counts: [Int], seed: UInt64,
    to comparison: inout EstimatorComparison
  ) throws {
    let batches = try model.batches(of: examples)
    let backend = try compute.makeBackend()
    // Unmeasured: the first to run also pays for threads that wake and memory that is new.
    _ = try ImportanceSampling(samples: 100).estimate(
      model, batches, rows: 0..<batches.count, backend: backend, seed: seed, progress: { _ in })
    for count in counts {
      for (name, estimator) in EstimatorComparison.estimators(samples: count, box: box) {
        let progress = DrawProgress(
          "\(name), \(grouped(count)) samples", total: batches.count * estimator.samples)
        try comparison.add(name, samples: count) {
          try estimator.estimate(
            model, batches, rows: 0..<batches.count, backend: backend, seed: seed,
            progress: progress.show)
        }
        progress.finish()
      }
    }
  }

  private func compare(
    _ run: ExactRun, _ examples: Dataset, _ counts: [Int]
  ) throws -> EstimatorComparison {
    let fused = try compute.makeFusedBackend()
    let densities = try run.model.logDensities(examples.rows, backend: fused)
    var comparison = EstimatorComparison(
      exact: densities.mean(examples.weights), weights: examples.weights)
    let key = seed ?? run.about?.seed ?? 0
    if let linear = run.model as? any LinearGaussianModel {
      try add(linear.autoencoder(), examples, counts, seed: key, to: &comparison)
      return comparison
    }
    #if OpenBLAS
      if let mixture = run.model as? GaussianMixture {
        for count in counts {
          for proposal in MixtureSampling.Proposal.allCases {
            try comparison.add(proposal.rawValue, samples: count) {
              try MixtureSampling(proposal, samples: count)
                .estimate(mixture, examples.rows, backend: fused, seed: key)
            }
          }
        }
      }
    #endif
    return comparison
  }

  private func report(
    _ comparison: EstimatorComparison, _ examples: Dataset, _ path: String
  ) throws {
    if json {
      return try printJSON(
        Result(
          entries: comparison.entries.map {
            Result.Entry(
              estimator: $0.estimator, samples: $0.samples, meanLogLikelihood: $0.summary.mean,
              standardError: $0.summary.standardError,
              medianEffectiveSampleSize: $0.summary.medianEffectiveSampleSize,
              unreliableRows: $0.summary.unreliableRows, seconds: $0.seconds)
          }, exact: comparison.exact, rows: examples.rows.count, data: examples.name, output: path))
    }
    print("log p(x) in nats a row, \(counted(examples.rows.count, "row")) of \(examples.name)")
    let lines = comparison.estimators.flatMap { name in
      comparison.entries(of: name).map { entry in
        let summary = entry.summary
        return [
          name, grouped(entry.samples), decimal(summary.mean, 4),
          summary.standardError.isFinite ? decimal(summary.standardError, 4) : "-",
          decimal(summary.medianEffectiveSampleSize, 1),
          name == "ELBO" ? "-" : "\(summary.unreliableRows)", decimal(entry.seconds, 3),
        ]
      }
    }
    print(
      alignedTable(
        ["estimator", "samples", "log p(x)", "error", "effective", "untrusted rows", "seconds"],
        lines))
    if let exact = comparison.exact { print("exact \(decimal(exact, 4))") }
    print(path)
  }
}
