import LatentKernels

/// Estimators of log p(x) side by side, on the same rows and with ever more samples.
public struct EstimatorComparison: Sendable {
  /// One estimator with one number of samples.
  public struct Entry: Sendable {
    /// "importance sampling"
    public var estimator: String
    /// Draws of z a row, or what stands for them.
    public var samples: Int
    /// What the estimates say together.
    public var summary: EstimateSummary
    /// Seconds that all rows took, by the clock.
    public var seconds: Double
  }

  /// One an estimate, in the order in which they were added.
  public private(set) var entries: [Entry] = []
  /// The mean of log p(x), where the model can say it.
  public var exact: Double?

  /// How much each row counts; all alike, if nil.
  private let weights: [Double]?

  /// Nothing compared yet; `exact` is the mean of log p(x), if known, by the same weights.
  public init(exact: Double? = nil, weights: [Double]? = nil) {
    self.exact = exact
    self.weights = weights
  }

  /// The estimators in the order in which they came.
  public var estimators: [String] {
    entries.reduce(into: []) { names, entry in
      if !names.contains(entry.estimator) { names.append(entry.estimator) }
    }
  }

  /// One estimator's entries, in their order.
  public func entries(of estimator: String) -> [Entry] {
    entries.filter { $0.estimator == estimator }
  }

  /// Makes an estimate, and notes its summary and its time.
  ///
  /// - Throws: what `estimate` throws; ``ShapeError`` where it has not as many rows as there are weights.
  public mutating func add(
    _ estimator: String, samples: Int, _ estimate: () throws -> [DensityEstimate]
  ) throws {
    let clock = ContinuousClock()
    let begin = clock.now
    let estimates = try estimate()
    let seconds = (clock.now - begin) / .seconds(1)
    let summary = try EstimateSummary(estimates, weights: weights)
    entries.append(
      Entry(estimator: estimator, samples: samples, summary: summary, seconds: seconds))
  }

  /// What stands for `samples` in a comparison: draws of z, but for annealed importance sampling
  /// temperatures, of 4 chains.
  public static func estimators(
    samples: Int, box: Double
  ) -> [(name: String, estimator: any DensityEstimator)] {
    [
      ("ELBO", EvidenceLowerBound(samples: samples)),
      ("naive, prior", NaiveMonteCarlo(samples: samples)),
      ("naive, box", NaiveMonteCarlo(samples: samples, box: box)),
      ("importance", ImportanceSampling(samples: samples)),
      ("AIS", AnnealedImportanceSampling(samples: 4, temperatures: samples, leapfrogSteps: 5)),
    ]
  }
}
