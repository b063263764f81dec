import LatentKernels
import LatentNetworks

/// How far the encoder is from the truth, and why (Cremer, Li and Duvenaud 2018):
///
///     log p(x) − ELBO = approximation gap    log p(x) − ELBO at the row's best diagonal Gaussian
///                     + amortization gap     that − ELBO at the encoder's
public struct InferenceGap: Sendable {
  /// Draws of z behind log p(x) and the amortized bound.
  public var samples = 1000
  /// How each row's best Gaussian is found.
  public var inference = InferenceConfiguration()

  /// Draws of z behind log p(x) and the amortized bound, for each row.
  public init(samples: Int = 1000) { self.samples = samples }

  /// A mean over rows and its standard error from the draws.
  public struct Quantity: Sendable, Equatable {
    /// In nats.
    public var mean: Double
    /// One standard deviation of the mean over draws of z.
    public var standardError: Double

    static func - (a: Quantity, b: Quantity) -> Quantity {
      Quantity(
        mean: a.mean - b.mean,
        standardError: (a.standardError * a.standardError + b.standardError * b.standardError)
          .squareRoot())
    }
  }

  /// One row's density, bounds and gaps, in nats.
  public struct Row: Sendable {
    /// Importance sampling from the row's best Gaussian.
    public var logDensity: DensityEstimate
    /// The bound at the row's best diagonal Gaussian, and at the encoder's.
    public var optimal, amortized: Quantity
    /// log p(x) − ELBO at the row's best Gaussian.
    public var approximationGap: Quantity { density - optimal }
    /// The ELBO at the row's best Gaussian − that at the encoder's.
    public var amortizationGap: Quantity { optimal - amortized }
    /// Whether the search for the best Gaussian ended before its cap on steps.
    public var converged: Bool

    var density: Quantity {
      Quantity(mean: logDensity.logDensity, standardError: logDensity.standardError)
    }
  }

  /// The gaps of all rows, and their means.
  public struct Result: Sendable {
    /// In the order of the data.
    public let rows: [Row]
    /// Latent dimensions whose posterior mean varies over the rows by more than 0.01, the others being
    /// unused (Burda, Grosse and Salakhutdinov 2016).
    public let activeUnits: Int

    /// The mean over rows.
    public func mean(_ quantity: (Row) -> Quantity) -> Quantity {
      var (sum, variance) = (0.0, 0.0)
      for row in rows.map(quantity) {
        sum += row.mean
        variance += row.standardError * row.standardError
      }
      let count = Double(max(1, rows.count))
      return Quantity(mean: sum / count, standardError: variance.squareRoot() / count)
    }
    /// log p(x), summarized over rows.
    public var logDensity: EstimateSummary { EstimateSummary(rows.map(\.logDensity)) }
    /// The bound at each row's best Gaussian, a mean over rows.
    public var optimal: Quantity { mean(\.optimal) }
    /// The bound at the encoder's Gaussians, a mean over rows.
    public var amortized: Quantity { mean(\.amortized) }
    /// What a diagonal Gaussian lacks at best, a mean over rows.
    public var approximationGap: Quantity { mean(\.approximationGap) }
    /// What the encoder lacks of the best Gaussians, a mean over rows.
    public var amortizationGap: Quantity { mean(\.amortizationGap) }
  }

  /// The gaps of every row of the data.
  ///
  /// - Parameters:
  ///   - exact: log p(x) of each row, where the model can say it.
  ///   - progress: called with the draws of z decoded so far, `2 * samples` a row in all; the search
  ///     for the best Gaussians comes before.
  /// - Throws: ``SettingError`` or ``ShapeError``.
  public func measure(
    _ model: VAE, _ data: BatchSource, exact: [Double]? = nil, backend: any Backend,
    seed: UInt64 = 0, progress: (Int) -> Void = { _ in }
  ) throws -> Result {
    guard exact == nil || exact!.count == data.count else {
      throw ShapeError(
        "Exact densities are one a row: expected \(data.count), found \(exact!.count).")
    }
    guard data.held.count == data.count else {
      throw SettingError(
        "Gaps are measured where all rows are held, found \(data.held.count) of \(data.count).")
    }
    // Before the search, which takes longer.
    let rows = 0..<data.count
    let amortized = try EvidenceLowerBound(samples: samples).bounds(
      model, data, rows: rows, backend: backend, seed: seed, progress: progress)
    let encoded = try model.transform(data, backend: backend, seed: seed)
    let best = try VariationalInference(model, configuration: inference, backend: backend)
      .fit(data, start: encoded, seed: seed)
    let densities =
      try exact.map { $0.map(Self.known) }
      ?? ImportanceSampling(samples: samples).estimate(
        model, data, latents: .posteriors(best.posterior), rows: rows, backend: backend, seed: seed
      ) { progress(data.count * samples + $0) }
    let elbo = best.elbo
    return Result(
      rows: rows.map { row in
        Row(
          logDensity: densities[row],
          optimal: Quantity(mean: elbo[row], standardError: best.standardError[row]),
          amortized: Quantity(
            mean: amortized[row].kl.mean, standardError: amortized[row].kl.standardError),
          converged: best.converged[row])
      }, activeUnits: ActiveUnits(means: encoded.mean).count)
  }

  private static func known(_ logDensity: Double) -> DensityEstimate {
    DensityEstimate(
      logDensity: logDensity, standardError: 0, effectiveSampleSize: .infinity, largestShare: 0,
      samples: 0)
  }
}
