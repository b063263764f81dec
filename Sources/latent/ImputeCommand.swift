import ArgumentParser
import Foundation
import LatentIO
import LatentKernels
import LatentModels

extension ImputationMethod: ExpressibleByArgument {}

struct ImputeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "impute",
    abstract: "Fill the gaps of a table with their conditional means under a model.",
    discussion: """
      Mixtures and factor analyses give exact means; a VAE estimates them, by importance sampling \
      or by a chain.
      """)

  @Argument(help: ArgumentHelp("A run directory or a model file.", valueName: "run"))
  var model: String
  @OptionGroup(title: "Data") var data: NewDataOptions
  @OptionGroup(title: "Computing") var compute: ComputeOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Also so many fillings drawn by chance, into <output>-1.csv and on; needs --output.",
      valueName: "count"))
  var draws = 0

  @Flag(
    help:
      "Also the standard errors of what is filled in, into <output>-errors.csv; needs --output.")
  var standardErrors = false
  @Option(help: "How a VAE fills. (default: importance)")
  var method: ImputationMethod?

  @Option(
    parsing: .unconditional,
    help: "A VAE's draws of z a row, or steps of the chain. (default: 1000)")
  var samples: Int?

  @Option(parsing: .unconditional, help: "Keys the draws.") var seed: UInt64 = 0

  @Option(help: ArgumentHelp("CSV or NPY. (default: CSV on standard output)", valueName: "path"))
  var output: String?

  @Flag(help: "Print one JSON object on standard output; needs --output.") var json = false

  struct Result: Encodable {
    var rows, rowsWithGaps, values: Int
    var data, output: String
    var draws: [String]
    var standardErrors: String?
    var method: String?
    var samples: Int?
    /// Of importance sampling, the least over rows: few mean that it should not be trusted.
    var leastEffectiveSamples: Double?
  }

  func validate() throws {
    try checkOneAnswer(json: json, table: output ?? TableFile.standardOutput)
    guard 0...10_000 ~= draws else {
      throw ValidationError("--draws must be 0...10000, found \(draws).")
    }
    guard draws == 0 || output != nil else {
      throw ValidationError("--draws needs --output, which names their files.")
    }
    guard !standardErrors || output != nil else {
      throw ValidationError("--standard-errors needs --output, which names their file.")
    }
  }

  func run() throws {
    if let output { try TableFile.check(output) }
    guard
      draws == 0 && !standardErrors || ["csv", "npy"].contains(TableFile.fileExtension(output!))
    else {
      throw SettingError(
        "--draws and --standard-errors write files beside --output: expected a name that ends in .csv or "
          + ".npy, found \(output!).")
    }
    guard let run = try ExactRun(model) else { return try fillWithVAE() }
    guard method == nil, samples == nil else {
      throw SettingError("\(model) fills exactly; --method and --samples are for a VAE.")
    }
    let rows = try run.data(data)
    let backend = try compute.makeFusedBackend()
    let names = rows.columnNames ?? run.columnNames
    let imputation = try run.model.imputed(rows.rows, backend: backend)
    try report(
      rows, names: names, filled: imputation.values,
      fillings: draws > 0
        ? run.model.filledByChance(rows.rows, count: draws, seed: seed, backend: backend) : [],
      standardErrors: standardErrors ? imputation.standardErrors : nil)
  }

  private func fillWithVAE() throws {
    let saved = try SavedModel(model)
    guard !standardErrors else {
      throw SettingError(
        "--standard-errors is for models that fill exactly; a VAE's --draws tell how far to trust it."
      )
    }
    let rows = try saved.data(data, allowMissing: true)
    let backend = try compute.makeBackend()
    let imputation = try VAEImputation(
      saved.model, method: method ?? .importance, samples: samples ?? 1000, backend: backend)
    let found = try imputation.fill(rows, draws: draws, seed: seed)
    try report(
      rows, names: rows.columnNames ?? saved.model.configuration.columnNames, filled: found.mean,
      fillings: found.draws, imputation: imputation,
      leastEffectiveSamples: found.effectiveSamples?.min())
  }

  private func report(
    _ rows: Dataset, names: [String]?, filled: Matrix<Double>, fillings: [Matrix<Double>],
    standardErrors: Matrix<Double>? = nil, imputation: VAEImputation? = nil,
    leastEffectiveSamples: Double? = nil
  ) throws {
    let target = output ?? TableFile.standardOutput
    try TableFile.write(filled, columnNames: names, to: target)
    let url = URL(fileURLWithPath: target)
    let stem = target.dropLast(url.pathExtension.count + 1)
    let errors = standardErrors == nil ? nil : "\(stem)-errors.\(url.pathExtension)"
    if let errors, let standardErrors {
      try TableFile.write(standardErrors, columnNames: names, to: errors)
    }
    var files: [String] = []
    for (index, filling) in fillings.enumerated() {
      files.append("\(stem)-\(index + 1).\(url.pathExtension)")
      try TableFile.write(filling, columnNames: names, to: files[index])
    }
    if let least = leastEffectiveSamples, let imputation, least < 10,
      least < Double(imputation.samples)
    {
      printError(
        "warning: a row has only \(decimal(least, 1)) effective samples of \(imputation.samples); "
          + "raise --samples")
    }
    let gaps = (0..<rows.rows.count).map { row in
      (0..<rows.rows.columns).count { rows.rows.value(row, $0).isNaN }
    }
    let result = Result(
      rows: gaps.count, rowsWithGaps: gaps.count { $0 > 0 }, values: gaps.reduce(0, +),
      data: rows.name, output: target, draws: files, standardErrors: errors,
      method: imputation?.method.rawValue, samples: imputation?.samples,
      leastEffectiveSamples: leastEffectiveSamples)
    if json {
      try printJSON(result)
    } else if output != nil {
      tell(
        "\(counted(result.values, "value")) filled in \(grouped(result.rowsWithGaps)) of "
          + "\(counted(result.rows, "row")): \(target)", beside: target)
    }
  }
}
