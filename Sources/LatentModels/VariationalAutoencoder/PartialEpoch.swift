/// Sums over the rows that an epoch has seen, in nats.
public struct PartialEpoch: Codable, Sendable, Equatable {
  /// How many rows.
  public var rows = 0
  /// Of log p(x|z), as standardized.
  public var reconstruction = 0.0
  /// Of D_KL(q(z|x) ‖ p(z)).
  public var kl = 0.0
  /// Of an importance-weighted objective's bound on log p(x); else 0.
  public var bound = 0.0
  /// The three sums of each group of rows, where rows are summed in groups.
  var groups: [Double]?
}

extension PartialEpoch {
  /// Adds rows of a step's last batch.
  mutating func add(_ rows: Range<Int>, of step: some TrainingStep, boundAt beta: Float?) {
    var (densities, divergences) = (0.0, 0.0)
    for row in rows {
      densities += Double(step.logDensity(row))
      divergences += Double(step.kl(row))
      if let beta { bound += Double(step.evidenceBound(row, beta: beta)) }
    }
    reconstruction += densities
    kl += divergences
  }

  /// The sums of one group.
  func group(_ number: Int) -> PartialEpoch {
    var sum = PartialEpoch()
    guard let groups else { return sum }
    sum.reconstruction = groups[3 * number]
    sum.kl = groups[3 * number + 1]
    sum.bound = groups[3 * number + 2]
    return sum
  }

  mutating func set(_ number: Int, to sum: PartialEpoch) {
    groups?.replaceSubrange(3 * number..<3 * number + 3, with: sum.sums)
  }

  /// Log-likelihood, KL and bound.
  var sums: [Double] {
    get { [reconstruction, kl, bound] }
    set { (reconstruction, kl, bound) = (newValue[0], newValue[1], newValue[2]) }
  }
}
