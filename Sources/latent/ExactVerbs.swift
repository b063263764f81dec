import ArgumentParser
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

// The verbs of every model, for those whose densities are exact.

extension ScoreCommand {
  struct ExactResult: Encodable {
    var logLikelihood, meanLogLikelihood: Double
    var rows: Int
    var data: String
    var output: String?
    var threshold: Double?
    /// Counted from 1.
    var flaggedRows: [Int]?
  }

  func score(_ run: ExactRun) throws {
    let communicator = Processes.communicator
    let isMixture = !(run.model is any LinearGaussianModel)
    let estimator = try estimation.choose(
      from: isMixture
        ? [.exact, .naive, .importance] : [.exact, .elbo, .naive, .importance, .ais],
      for: run.model.title.capitalizedFirst)
    guard estimator == .exact else {
      let rows = try communicator.unanimously { try run.data(data).first(self.rows) }
      var loaded = Agreement()
      loaded.add("rows in the data", rows.rows.count)
      loaded.add("columns in the data", rows.rows.columns)
      try communicator.agree(on: loaded)
      guard flag == nil else { throw SettingError("--flag needs the exact estimator.") }
      let key = seed ?? run.about?.seed ?? 0
      guard rows.firstNonFinite() == nil else {
        throw SettingError(
          "\(estimator.rawValue) needs rows without missing values; the exact log p(x) integrates "
            + "over them.")
      }
      if let linear = run.model as? any LinearGaussianModel {
        return try score(
          linear.autoencoder(), HeldRows(rows, groups: nil, communicator: communicator),
          by: estimator, backend: compute.makeBackend(), seed: key)
      }
      #if OpenBLAS
        if let mixture = run.model as? GaussianMixture {
          return try score(
            mixture, rows, by: estimator, backend: compute.makeFusedBackend(), seed: key)
        }
      #endif
      return
    }
    guard self.rows == nil || !stream else {
      throw SettingError("--rows and --stream exclude each other: a stream is read whole.")
    }
    let rows =
      try self.rows.map { count in
        try TableRows(
          communicator.unanimously { try run.data(data).first(count) }, communicator: communicator)
      } ?? run.rows(data, stream: stream, communicator: communicator)
    var loaded = Agreement()
    loaded.add("columns in the data", rows.rows.columns)
    try communicator.agree(on: loaded)
    let threshold = try flag.map { try ScoreQuantiles.threshold($0, of: run) }
    let backend = try communicator.unanimously { try compute.makeFusedBackend() }
    let scores = try rows.map { try run.model.logDensities($0, backend: backend) }
    guard communicator.rank == 0 else { return }
    let flagged = threshold.map { bound in scores.indices.filter { scores[$0] < bound } }
    if let output {
      var table = Matrix<Double>(rows: scores.count, columns: flagged == nil ? 1 : 2)
      for (row, score) in scores.enumerated() { table[row, 0] = score }
      for row in flagged ?? [] { table[row, 1] = 1 }
      try TableFile.write(
        table, columnNames: flagged == nil ? ["logDensity"] : ["logDensity", "flagged"],
        to: output)
    }
    let total = scores.reduce(0, +)
    let result = ExactResult(
      logLikelihood: total, meanLogLikelihood: total / Double(max(1, scores.count)),
      rows: scores.count, data: rows.name, output: output, threshold: threshold,
      flaggedRows: flagged?.map { $0 + 1 })
    if json { return try printJSON(result) }
    var text =
      "log p(x) \(decimal(result.meanLogLikelihood, 4)) nats a row, \(decimal(total, 3)) in all, "
      + "\(counted(scores.count, "row")) of \(rows.name)"
    if let threshold, let flagged {
      let names = flagged.prefix(20).map { String($0 + 1) }.joined(separator: ", ")
      text += "\n\(grouped(flagged.count)) below \(decimal(threshold, 4))"
      if !flagged.isEmpty { text += ": rows \(names)\(flagged.count > 20 ? ", …" : "")" }
    }
    if output == TableFile.standardOutput { printError(text) } else { print(text) }
  }
}

extension SampleCommand {
  func sample(_ run: ExactRun) throws {
    let target = output ?? TableFile.standardOutput
    guard !json || target != TableFile.standardOutput else {
      throw ValidationError("--json needs --output: standard output holds one or the other.")
    }
    guard !observations else {
      throw SettingError("--observations is for autoencoders; these draws are observations.")
    }
    guard count > 0 else {
      throw SettingError("The number of samples must be at least 1, found \(count).")
    }
    try TableFile.check(target)
    try TableFile.write(
      run.model.draw(count, seed: seed), columnNames: run.columnNames, to: target)
    if json {
      try printJSON(Result(count: count, seed: seed, output: target))
    } else if target != TableFile.standardOutput {
      print(target)
    }
  }
}

extension TransformCommand {
  func transform(_ run: ExactRun) throws {
    let model = try run.model(as: (any LinearGaussianModel).self, verb: "transform")
    let rows = try run.data(data)
    let posterior = try model.posterior(rows.rows)
    let size = model.factors
    var table = posterior.mean
    var names = (1...size).map { "factor\($0)" }
    if variances {
      names += (1...size).map { "variance\($0)" }
      table = Matrix(rows: rows.rows.count, columns: 2 * size)
      for row in 0..<table.rows {
        let covariance = posterior.covariance(ofRow: row)
        for k in 0..<size {
          table[row, k] = posterior.mean[row, k]
          table[row, size + k] = covariance[k, k]
        }
      }
    }
    let target = output ?? TableFile.standardOutput
    try TableFile.write(table, columnNames: names, to: target)
    if json {
      try printJSON(
        Result(rows: table.rows, latentDimensions: size, data: rows.name, output: target))
    }
  }
}

/// The distribution of log p(x) over the rows fitted: at every thousandth, in the run directory.
enum ScoreQuantiles {
  static let steps = 1000

  static func write(_ scores: [Double], to run: RunDirectory) throws {
    let sorted = scores.sorted()
    var table = Matrix<Double>(rows: steps + 1, columns: 2)
    for step in 0...steps {
      let fraction = Double(step) / Double(steps)
      (table[step, 0], table[step, 1]) = (fraction, interpolated(sorted, at: fraction))
    }
    try CSV.write(table, columnNames: ["fraction", "logDensity"], to: run.scoreQuantiles)
  }

  /// Below which the fraction of the fitted rows lies.
  static func threshold(_ fraction: Double, of run: ExactRun) throws -> Double {
    guard fraction > 0, fraction < 1 else {
      throw SettingError("The fraction to flag must lie between 0 and 1, found \(fraction).")
    }
    guard run.about?.data != nil else {
      throw SettingError(
        "--flag needs the run directory of a fit to rows, which keeps their scores.")
    }
    let path = try RunDirectory.open(run.path).scoreQuantiles
    let rows = try Dataset.load(path).rows
    guard rows.count == steps + 1, rows.columns == 2 else {
      throw FileError(path, "expected \(steps + 1) quantiles, found \(rows.count) rows.")
    }
    return interpolated((0...steps).map { rows.value($0, 1) }, at: fraction)
  }

  private static func interpolated(_ sorted: [Double], at fraction: Double) -> Double {
    let place = fraction * Double(sorted.count - 1)
    let low = Int(place)
    let high = min(low + 1, sorted.count - 1)
    return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
  }
}
