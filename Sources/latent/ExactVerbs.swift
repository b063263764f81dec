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
      guard !stream else { throw SettingError("--stream needs the exact estimator.") }
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
    let backend = try communicator.unanimously { try compute.makeFusedBackend() }
    let thresholds = try flag.map { try ScoreThresholds($0, of: run, backend: backend) }
    let scored = try rows.map { chunk in
      let scores = try run.model.logDensities(chunk, backend: backend)
      let bounds = try thresholds?.of(chunk)
      return scores.enumerated().map { row, score in
        (score: score, isUnusual: bounds.map { score < $0[row] } ?? false)
      }
    }
    guard communicator.rank == 0 else { return }
    let scores = scored.map(\.score)
    let flagged = flag.map { _ in scored.indices.filter { scored[$0].isUnusual } }
    let threshold = thresholds?.complete
    if let output {
      var table = Matrix<Double>(rows: scores.count, columns: flagged == nil ? 1 : 2)
      for (row, score) in scores.enumerated() { table[row, 0] = score }
      for row in flagged ?? [] { table[row, 1] = 1 }
      try TableFile.write(
        table, columnNames: flagged == nil ? ["logDensity"] : ["logDensity", "flagged"],
        to: output)
    }
    let total = scores.sum(rows.allWeights)
    let result = ExactResult(
      logLikelihood: total, meanLogLikelihood: scores.mean(rows.allWeights),
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
    tell(text, beside: output)
  }
}

extension SampleCommand {
  func sample(_ run: ExactRun) throws {
    let target = output ?? TableFile.standardOutput
    try checkOneAnswer(json: json, table: target)
    guard !observations else {
      throw SettingError("--observations is for autoencoders; these draws are observations.")
    }
    guard count > 0 else {
      throw SettingError("The number of samples must be at least 1, found \(count).")
    }
    try TableFile.check(target)
    _ = try compute.makeFusedBackend()
    try TableFile.write(
      run.model.draw(count, seed: seed), columnNames: run.columnNames, to: target)
    if json {
      try printJSON(Result(count: count, seed: seed, output: target))
    } else if !TableFile.isStandardOutput(target) {
      print(target)
    }
  }
}

extension TransformCommand {
  func transform(_ run: ExactRun) throws {
    let model = try run.model(as: (any LinearGaussianModel).self, verb: "transform")
    _ = try compute.makeFusedBackend()
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
