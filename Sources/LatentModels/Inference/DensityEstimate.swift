import LatentKernels

/// An estimate of log p(x) of one row, in nats, with what speaks for and against it.
public struct DensityEstimate: Sendable, Equatable {
  /// log p(x), or what estimates it, in nats.
  public var logDensity: Double
  /// One standard deviation of `logDensity` over draws, by the delta method; infinite where one draw
  /// cannot tell, zero where nothing was drawn.
  public var standardError: Double
  /// (Σ w)² / Σ w² (Kong 1992): as many draws from p(z|x) would serve as well.
  public var effectiveSampleSize: Double
  /// The part of all weight that the heaviest draw has.
  public var largestShare: Double
  /// Draws behind the estimate; 0 where log p(x) is known.
  public var samples: Int

  /// An estimate from figures that are known already.
  public init(
    logDensity: Double, standardError: Double, effectiveSampleSize: Double, largestShare: Double,
    samples: Int
  ) {
    self.logDensity = logDensity
    self.standardError = standardError
    self.effectiveSampleSize = effectiveSampleSize
    self.largestShare = largestShare
    self.samples = samples
  }

  /// The standard error of a log-mean beyond which its bias, about half its square below the truth,
  /// and the error itself cannot be told from the few draws that carry the weight.
  public static let largestStandardError = 0.3
  /// Of all weight on one draw; of few draws, twice what each would have of equal parts.
  public static let largestTrustedShare = 0.25

  /// False where too few draws carry the weight: the truth is then likely higher. A true says only
  /// that nothing was seen to be wrong.
  public var isReliable: Bool {
    let share = max(Self.largestTrustedShare, 2 / Double(max(1, samples)))
    return logDensity.isFinite && standardError <= Self.largestStandardError
      && (largestShare <= share || standardError < 0.01)
  }
}

/// Estimates of many rows.
public struct EstimateSummary: Sendable, Equatable {
  /// How many rows there are.
  public let rows: Int
  /// The mean over rows, nats.
  public let mean: Double
  /// Of the mean, from the draws alone: over other rows it varies more.
  public let standardError: Double
  /// Of the rows' effective sample sizes.
  public let medianEffectiveSampleSize: Double
  /// Rows whose estimate should not be trusted.
  public let unreliableRows: Int
  /// Draws behind each row's estimate, as the first row has it.
  public let samples: Int

  /// Summarizes estimates, one a row; without any, the mean is 0.
  public init(_ estimates: [DensityEstimate]) {
    self.init(estimates, weighted: [Double](repeating: 1, count: estimates.count))
  }

  /// The same of rows that count by their weights, all alike if nil, for the mean and its error.
  ///
  /// - Throws: ``ShapeError`` unless there is one weight a row.
  public init(_ estimates: [DensityEstimate], weights: [Double]?) throws {
    guard let weights else {
      self.init(estimates)
      return
    }
    guard weights.count == estimates.count else {
      throw ShapeError("\(estimates.count) rows need as many weights, found \(weights.count).")
    }
    self.init(estimates, weighted: weights)
  }

  private init(_ estimates: [DensityEstimate], weighted weights: [Double]) {
    rows = estimates.count
    var (sum, variance, total) = (0.0, 0.0, 0.0)
    // A row of no weight may lie beyond all density.
    for (row, weight) in zip(estimates, weights) where weight > 0 {
      sum += weight * row.logDensity
      variance += weight * row.standardError * (weight * row.standardError)
      total += weight
    }
    let n = total > 0 ? total : 1
    mean = sum / n
    standardError = variance.squareRoot() / n
    let sizes = estimates.map(\.effectiveSampleSize).sorted()
    medianEffectiveSampleSize = sizes.isEmpty ? 0 : sizes[sizes.count / 2]
    unreliableRows = estimates.count { !$0.isReliable }
    samples = estimates.first?.samples ?? 0
  }

  /// A sentence for whoever reads the mean, or nil.
  public var caution: String? {
    guard unreliableRows > 0 else { return nil }
    let part = unreliableRows == rows ? "all \(rows)" : "\(unreliableRows) of \(rows)"
    return
      "Not to be trusted for \(part) rows: few of the \(samples) samples carry the weight (median "
      + "effective sample size \(Self.short(medianEffectiveSampleSize))), so that log p(x) is likely "
      + "higher."
  }

  private static func short(_ value: Double) -> String {
    value < 100 ? String((value * 10).rounded() / 10) : String(Int(value.rounded()))
  }
}

/// A way to estimate log p(x) of rows by drawing z.
public protocol DensityEstimator: Sendable {
  /// As the command calls it: "importance".
  static var name: String { get }
  /// Draws of z a row.
  var samples: Int { get }

  /// Of each of `rows`, numbers in the data set, in the data's own units. A row's figures depend on
  /// the seed, its number and the number of samples, not on the rows beside it.
  ///
  /// - Parameter progress: called with the draws done so far.
  /// - Throws: ``SettingError`` for settings out of range or rows that are not there, ``ShapeError`` for
  ///   data of another width.
  func estimate(
    _ model: VAE, _ data: BatchSource, rows: Range<Int>, backend: any Backend, seed: UInt64,
    progress: (Int) -> Void
  ) throws -> [DensityEstimate]
}

extension DensityEstimator {
  /// All rows.
  public func estimate(
    _ model: VAE, _ data: BatchSource, backend: any Backend, seed: UInt64 = 0
  ) throws -> [DensityEstimate] {
    try estimate(
      model, data, rows: data.held, backend: backend, seed: seed, progress: { _ in })
  }
}
