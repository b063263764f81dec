import LatentKernels

/// How much of the data each latent dimension tells: the variance of its posterior mean over rows. A
/// unit is active above 0.01 (Burda, Grosse and Salakhutdinov 2016).
public struct ActiveUnits: Sendable {
  /// The variance above which a unit is active.
  public static let threshold = 0.01
  /// One a latent dimension.
  public let variances: [Double]

  /// Variances of the posterior means over rows, one a latent dimension.
  public init(variances: [Double]) { self.variances = variances }

  /// Of posterior means, rows x L.
  public init(means: Matrix<Float>) {
    self.init(
      variances: (0..<means.columns).map { column in
        var sum = RunningMean()
        for row in 0..<means.rows { sum.add(Double(means[row, column])) }
        return sum.variance
      })
  }

  /// How many units are active.
  public var count: Int { variances.count { $0 > Self.threshold } }

  /// Dimensions, the most active first.
  public var order: [Int] {
    variances.indices.sorted { (variances[$0], $1) > (variances[$1], $0) }
  }
}
