import ArgumentParser
import Foundation
import LatentIO
import LatentKernels

struct ImputeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "impute",
    abstract: "Fill the gaps of a table with their exact conditional means under a model.")

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

  @Option(parsing: .unconditional, help: "Keys the draws.") var seed: UInt64 = 0

  @Option(help: ArgumentHelp("CSV or NPY. (default: CSV on standard output)", valueName: "path"))
  var output: String?

  @Flag(help: "Print one JSON object on standard output; needs --output.") var json = false

  struct Result: Encodable {
    var rows, rowsWithGaps, values: Int
    var data, output: String
    var draws: [String]
    var standardErrors: String?
  }

  func validate() throws {
    guard !json || output != nil else {
      throw ValidationError("--json needs --output: standard output holds one or the other.")
    }
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
    let run = try ExactRun.open(model, verb: "impute")
    let rows = try run.data(data)
    let backend = try compute.makeFusedBackend()
    let names = rows.columnNames ?? run.columnNames
    let target = output ?? TableFile.standardOutput
    let imputation = try run.model.imputed(rows.rows, backend: backend)
    try TableFile.write(imputation.values, columnNames: names, to: target)
    let url = URL(fileURLWithPath: target)
    let stem = target.dropLast(url.pathExtension.count + 1)
    let errors = standardErrors ? "\(stem)-errors.\(url.pathExtension)" : nil
    if let errors {
      try TableFile.write(imputation.standardErrors, columnNames: names, to: errors)
    }
    var files: [String] = []
    if draws > 0 {
      let fillings = try run.model.filledByChance(
        rows.rows, count: draws, seed: seed, backend: backend)
      for (index, filling) in fillings.enumerated() {
        files.append("\(stem)-\(index + 1).\(url.pathExtension)")
        try TableFile.write(filling, columnNames: names, to: files[index])
      }
    }
    let gaps = (0..<rows.rows.count).map { row in
      (0..<rows.rows.columns).count { rows.rows.value(row, $0).isNaN }
    }
    let result = Result(
      rows: gaps.count, rowsWithGaps: gaps.count { $0 > 0 }, values: gaps.reduce(0, +),
      data: rows.name, output: target, draws: files, standardErrors: errors)
    if json {
      try printJSON(result)
    } else if output != nil {
      print(
        "\(grouped(result.values)) values filled in \(grouped(result.rowsWithGaps)) of "
          + "\(grouped(result.rows)) rows: \(target)")
    }
  }
}
