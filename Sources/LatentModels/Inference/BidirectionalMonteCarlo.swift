import LatentKernels
import LatentNetworks

/// Annealed importance sampling on data drawn from the model, forward and in reverse from the z that
/// made each row, an exact draw of p(z|x): a lower and an upper bound on log p(x), in expectation
/// (Grosse, Ghahramani and Adams 2015). How far apart they are says what the same chains are worth on
/// other rows.
public struct BidirectionalMonteCarlo: Sendable {
  /// The chains, the same in both directions.
  public var sampling: AnnealedImportanceSampling
  /// Rows to draw.
  public var rows: Int

  /// The chains to judge, and how many rows to judge them by.
  public init(_ sampling: AnnealedImportanceSampling, rows: Int = 20) {
    self.sampling = sampling
    self.rows = rows
  }

  /// Both bounds on log p(x) of rows that the model made.
  public struct Result: Sendable {
    /// The simulated rows, as the model takes them: standardized, binary and so on.
    public let data: Matrix<Float>
    /// Of log p(x), in the data's own units.
    public let lower, upper: [DensityEstimate]

    /// The mean distance of the bounds, nats a row, and its standard error.
    public var gap: (mean: Double, standardError: Double) {
      var sum = RunningMean()
      for (low, high) in zip(lower, upper) { sum.add(high.logDensity - low.logDensity) }
      return (sum.mean, sum.standardError)
    }
  }

  /// - Throws: ``SettingError``.
  public func simulate(
    _ model: VAE, backend: any Backend, seed: UInt64 = 0, progress: (Int) -> Void = { _ in }
  ) throws -> Result {
    let architecture = model.architecture
    // Each passes through the decoder beside the others.
    let widths = architecture.hidden + [architecture.dimensions, architecture.latentDimensions]
    try checkCount(rows, of: "simulated rows", values: widths.reduce(0) { $0 + Double($1) })
    let latents = model.priorLatents(rows, seed: seed)
    let decoder = try Decoder(model.networks, capacity: rows, backend: backend)
    let drawn = try decoder.decode(latents).drawn(seed: seed, firstRow: 0).mean
    let batches = BatchSource(Rows(drawn), transform: .none)
    let posterior = (0..<rows).map { Array(latents.row($0)) }
    var done = 0
    let lower = try sampling.anneal(
      model, batches, rows: 0..<rows, from: nil, backend: backend, seed: seed
    ) {
      done = $0
      progress($0)
    }
    let upper = try sampling.anneal(
      model, batches, rows: 0..<rows, from: posterior, backend: backend, seed: seed
    ) { progress(done + $0) }
    return Result(
      data: drawn, lower: lower,
      upper: upper.map {
        var estimate = $0
        // The chains estimate 1/p(x).
        estimate.logDensity = -$0.logDensity
        return estimate
      })
  }
}
