/// The middle of a sample and how far it spreads.
public struct Spread: Sendable, Codable, Equatable {
  /// The quantiles at 0.5, 0.1 and 0.9.
  public let median, p10, p90: Double

  /// Quantiles by linear interpolation; not a number where there are no values.
  public init(_ values: some Sequence<Double>) {
    let sorted = values.sorted()
    func quantile(_ q: Double) -> Double {
      guard let last = sorted.indices.last else { return .nan }
      let position = q * Double(last)
      let lower = Int(position)
      let upper = min(lower + 1, last)
      return sorted[lower] + (sorted[upper] - sorted[lower]) * (position - Double(lower))
    }
    median = quantile(0.5)
    p10 = quantile(0.1)
    p90 = quantile(0.9)
  }
}
