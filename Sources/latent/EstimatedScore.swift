import ArgumentParser
import LatentIO
import LatentKernels
import LatentModels

// log p(x) by drawing z, of every model that can.

extension ScoreCommand {
  struct EstimatedResult: Encodable {
    var estimator: EstimatorName
    var samples: Int
    var logLikelihood, meanLogLikelihood: Double
    /// Of the mean, from the draws.
    var standardError: Double
    var medianEffectiveSampleSize: Double
    var unreliableRows: Int
    var caution: String?
    var rows: Int
    var seconds: Double
    var data: String
    var output: String?
    var simulated: Simulated?

    struct Simulated: Encodable {
      var rows: Int
      var lower, lowerStandardError, upper, upperStandardError, gap, gapStandardError: Double
    }
  }

  struct BoundResult: Encodable {
    var estimator = EstimatorName.elbo
    var form: EvidenceLowerBound.Form
    var samples: Int
    var elbo, reconstruction, kl: Double
    /// Of the mean bound, from the draws.
    var standardError: Double
    var rows: Int
    var seconds: Double
    var data: String
    var output: String?
  }

  func score(
    _ model: VAE, _ data: HeldRows, by name: EstimatorName, backend: any Backend, seed: UInt64
  ) throws {
    guard name != .elbo else { return try bound(model, data, backend: backend, seed: seed) }
    let communicator = Processes.communicator
    let batches = try communicator.unanimously {
      try model.batches(of: data.data, share: data.share)
    }
    let estimator = estimation.make(name)
    let progress = DrawProgress(
      name.rawValue, total: try communicator.part(of: data.share).count * estimator.samples)
    let estimates = try communicator.estimates(of: data.share) { rows in
      try estimator.estimate(
        model, batches, rows: rows, backend: backend, seed: seed, progress: progress.show)
    }
    progress.finish()
    guard communicator.rank == 0 else { return }
    let seconds = progress.seconds
    var simulated: EstimatedResult.Simulated?
    if let rows = estimation.simulate {
      let bounds = DrawProgress("simulation", total: 2 * rows * estimator.samples)
      let result = try BidirectionalMonteCarlo(estimation.annealing, rows: rows)
        .simulate(model, backend: backend, seed: seed, progress: bounds.show)
      bounds.finish()
      let (lower, upper) = (EstimateSummary(result.lower), EstimateSummary(result.upper))
      simulated = EstimatedResult.Simulated(
        rows: rows, lower: lower.mean, lowerStandardError: lower.standardError, upper: upper.mean,
        upperStandardError: upper.standardError, gap: result.gap.mean,
        gapStandardError: result.gap.standardError)
    }
    try report(estimates, name, of: data.data.name, seconds: seconds, simulated: simulated)
  }

  /// The mean bound of several draws, or in another form.
  private func bound(_ model: VAE, _ data: HeldRows, backend: any Backend, seed: UInt64) throws {
    let communicator = Processes.communicator
    let batches = try communicator.unanimously {
      try model.batches(of: data.data, share: data.share)
    }
    let form = estimation.form ?? .kl
    let estimator = EvidenceLowerBound(samples: estimation.samples ?? 1, form: form)
    let progress = DrawProgress(
      "elbo", total: try communicator.part(of: data.share).count * estimator.samples)
    let bounds = try communicator.bounds(of: data.share, form) { rows in
      try estimator.bounds(
        model, batches, rows: rows, backend: backend, seed: seed, progress: progress.show)
    }
    progress.finish()
    guard communicator.rank == 0 else { return }
    var table = Matrix<Double>(rows: bounds.count, columns: 4)
    var (elbo, reconstruction, kl, variance) = (0.0, 0.0, 0.0, 0.0)
    let n = Double(max(1, bounds.count))
    for (row, bound) in bounds.enumerated() {
      let (mean, error) = (bound.mean, bound.standardError)
      table[row, 0] = mean
      table[row, 1] = bound.reconstruction
      table[row, 2] = bound.divergence
      table[row, 3] = error
      elbo += mean / n
      reconstruction += bound.reconstruction / n
      kl += bound.divergence / n
      variance += error * error
    }
    if let output {
      try TableFile.write(
        table, columnNames: ["elbo", "reconstruction", "kl", "standardError"], to: output)
    }
    let result = BoundResult(
      form: form, samples: estimator.samples, elbo: elbo, reconstruction: reconstruction, kl: kl,
      standardError: variance.squareRoot() / n, rows: bounds.count, seconds: progress.seconds,
      data: data.data.name, output: output)
    if json { return try printJSON(result) }
    say([
      "ELBO \(decimal(elbo, 4))"
        + (variance.isFinite ? " ± \(decimal(result.standardError, 4))" : "")
        + "  reconstruction \(decimal(reconstruction, 4))  KL \(decimal(kl, 4)) nats a row, "
        + "\(counted(result.samples, "sample")) each, \(counted(result.rows, "row")) of \(data.data.name)"
    ])
  }

  /// Where the output file does not go.
  private func say(_ lines: [String]) {
    for line in lines { tell(line, beside: output) }
  }

  #if OpenBLAS
    func score(
      _ mixture: GaussianMixture, _ data: Dataset, by name: EstimatorName, backend: FusedBackend,
      seed: UInt64
    ) throws {
      guard estimation.box == nil else {
        throw SettingError("--box is for a continuous z; a mixture's is one of its components.")
      }
      let sampling = MixtureSampling(
        name == .naive ? .naive : .importance, samples: estimation.samples ?? 1000)
      let communicator = Processes.communicator
      let share = RowShare(0..<data.rows.count, of: data.rows.count)
      let progress = DrawProgress(
        name.rawValue, total: try communicator.part(of: share).count * sampling.samples)
      let estimates = try communicator.estimates(of: share) { rows in
        try sampling.estimate(
          mixture, data.rows[rows], first: rows.lowerBound, backend: backend, seed: seed,
          progress: progress.show)
      }
      progress.finish()
      guard communicator.rank == 0 else { return }
      try report(
        estimates, weights: data.weights, name, of: data.name, seconds: progress.seconds,
        simulated: nil)
    }
  #endif

  private func report(
    _ estimates: [DensityEstimate], weights: [Double]? = nil, _ name: EstimatorName,
    of data: String, seconds: Double, simulated: EstimatedResult.Simulated?
  ) throws {
    if let output {
      var table = Matrix<Double>(rows: estimates.count, columns: 4)
      for (row, estimate) in estimates.enumerated() {
        table[row, 0] = estimate.logDensity
        table[row, 1] = estimate.standardError
        table[row, 2] = estimate.effectiveSampleSize
        table[row, 3] = estimate.isReliable ? 1 : 0
      }
      try TableFile.write(
        table,
        columnNames: ["logDensity", "standardError", "effectiveSampleSize", "reliable"], to: output)
    }
    let summary = try EstimateSummary(estimates, weights: weights)
    if json {
      return try printJSON(
        EstimatedResult(
          estimator: name, samples: summary.samples,
          logLikelihood: summary.mean * (weights?.sum() ?? Double(summary.rows)),
          meanLogLikelihood: summary.mean,
          standardError: summary.standardError,
          medianEffectiveSampleSize: summary.medianEffectiveSampleSize,
          unreliableRows: summary.unreliableRows, caution: summary.caution,
          rows: summary.rows, seconds: seconds, data: data, output: output,
          simulated: simulated))
    }
    var lines = [
      "log p(x) \(decimal(summary.mean, 4))"
        + (summary.standardError.isFinite ? " ± \(decimal(summary.standardError, 4))" : "")
        + " nats a row, \(counted(summary.samples, "sample")) each, \(counted(summary.rows, "row")) of "
        + "\(data), \(decimal(seconds, 1)) s"
    ]
    if let caution = summary.caution { lines.append(caution) }
    if let simulated {
      lines.append(
        "\(counted(simulated.rows, "row")) drawn from the model: between \(decimal(simulated.lower, 4)) ± "
          + "\(decimal(simulated.lowerStandardError, 4)) and \(decimal(simulated.upper, 4)) ± "
          + "\(decimal(simulated.upperStandardError, 4)), \(decimal(simulated.gap, 4)) ± "
          + "\(decimal(simulated.gapStandardError, 4)) nats apart")
    }
    say(lines)
  }
}
