import Foundation

/// Whether q factors suffice: the model against an unrestricted covariance matrix.
public struct LikelihoodRatioTest: Codable, Sendable, Equatable {
  /// χ² with Bartlett's correction (1951), (n - 1 - (2p + 5) / 6 - 2q / 3) F.
  public let statistic: Double
  /// ((p - q)² - p - q) / 2
  public let degreesOfFreedom: Int
  /// The probability of a larger statistic where q factors do suffice; 1 with no degree of freedom.
  public let pValue: Double

  /// - Parameters:
  ///   - discrepancy: F = log|Σ| + tr(Σ⁻¹ S) - log|S| - p, at its minimum.
  /// Nil when there are too few observations for the correction.
  init?(discrepancy: Double, observations: Int, columns p: Int, factors q: Int) {
    let multiplier = Double(observations) - 1 - Double(2 * p + 5) / 6 - Double(2 * q) / 3
    guard multiplier > 0, discrepancy.isFinite else { return nil }
    statistic = multiplier * max(0, discrepancy)
    degreesOfFreedom = Self.degreesOfFreedom(columns: p, factors: q)
    pValue =
      degreesOfFreedom == 0
      ? 1 : upperGamma(Double(degreesOfFreedom) / 2, statistic / 2)
  }

  /// What q factors leave of the covariance's freedom; negative when they are too many.
  public static func degreesOfFreedom(columns p: Int, factors q: Int) -> Int {
    ((p - q) * (p - q) - p - q) / 2
  }
}

/// Γ(a, x) / Γ(a): the power series of its complement below a + 1, Lentz's continued fraction above
/// (DLMF 8.7.1, 8.9.2).
func upperGamma(_ a: Double, _ x: Double) -> Double {
  guard x > 0 else { return 1 }
  let front = exp(a * log(x) - x - lgamma(a))
  if x < a + 1 {
    var (term, sum, n) = (1 / a, 1 / a, a)
    while term > sum * 1e-17 {
      n += 1
      term *= x / n
      sum += term
    }
    return 1 - sum * front
  }
  var b = x + 1 - a
  var c = 1e300
  var d = 1 / b
  var h = d
  for i in 1...100_000 {
    let numerator = -Double(i) * (Double(i) - a)
    b += 2
    d = 1 / (numerator * d + b)
    c = b + numerator / c
    h *= d * c
    if abs(d * c - 1) < 1e-15 { break }
  }
  return front * h
}
