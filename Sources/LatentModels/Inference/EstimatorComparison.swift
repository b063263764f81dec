import LatentKernels

/// Estimators of log p(x) side by side, on the same rows and with ever more samples.
public struct EstimatorComparison: Sendable {
  /// One estimator with one number of samples.
  public struct Entry: Sendable {
    /// "importance sampling"
    public var estimator: String
    public var samples: Int
    public var summary: EstimateSummary
    public var seconds: Double
  }

  public private(set) var entries: [Entry] = []
  /// The mean of log p(x), where the model can say it.
  public var exact: Double?

  public init(exact: Double? = nil) { self.exact = exact }

  /// The estimators in the order in which they came.
  public var estimators: [String] {
    entries.reduce(into: []) { names, entry in
      if !names.contains(entry.estimator) { names.append(entry.estimator) }
    }
  }

  public func entries(of estimator: String) -> [Entry] {
    entries.filter { $0.estimator == estimator }
  }

  public mutating func add(
    _ estimator: String, samples: Int, _ estimate: () throws -> [DensityEstimate]
  ) rethrows {
    let clock = ContinuousClock()
    let begin = clock.now
    let summary = EstimateSummary(try estimate())
    entries.append(
      Entry(
        estimator: estimator, samples: samples, summary: summary,
        seconds: (clock.now - begin) / .seconds(1)))
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
