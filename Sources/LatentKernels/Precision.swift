/// What products of data are computed in; sums over many rows are in double either way.
public enum Precision: String, Codable, Sendable, CaseIterable {
  /// Products and sums in double.
  case double
  /// About twice as fast; each product within 2⁻²⁴ relative.
  case float
}
