import LatentKernels

/// log (1/K Σ exp lₖ) of log weights that come a block at a time, by their running maximum; and from
/// the same sums how far to trust it.
public struct LogMeanExp: Sendable {
  /// Log weights that were taken in.
  public private(set) var count = 0
  private var maximum = -Double.infinity
  /// Of weights and of their squares, relative to the maximum.
  private var sum = 0.0
  private var squares = 0.0

  /// Of no weights yet.
  public init() {}

  /// Takes in a block of log weights, which it overwrites.
  public mutating func add(_ block: UnsafeMutableBufferPointer<Double>) {
    guard let start = block.baseAddress, block.count > 0 else { return }
    count += block.count
    var peak = maximum
    // A not-a-number stays the maximum, and shows.
    for value in block where !(value <= peak) { peak = value }
    guard peak != -.infinity else { return }
    for index in block.indices { block[index] -= peak }
    InstructionSet.reproducible.kernels.exp_double(block.count, start, start)
    let scale = InstructionSet.reproducible.exponential(maximum - peak)
    sum *= scale
    squares *= scale * scale
    for weight in block {
      sum += weight
      squares += weight * weight
    }
    maximum = peak
  }

  /// What the weights say of log E[w].
  public var estimate: DensityEstimate {
    let n = Double(count)
    guard sum > 0 else {
      return DensityEstimate(
        logDensity: sum.isNaN ? .nan : -.infinity, standardError: .infinity,
        effectiveSampleSize: 0, largestShare: 1, samples: count)
    }
    let spread = max(0, n * squares / (sum * sum) - 1)
    return DensityEstimate(
      logDensity: maximum + InstructionSet.reproducible.logarithm(sum / n),
      standardError: count > 1 ? (spread / (n - 1)).squareRoot() : .infinity,
      effectiveSampleSize: sum * sum / squares, largestShare: 1 / sum, samples: count)
  }
}

extension InstructionSet {
  /// eˣ and log x by the kernels, so that no library decides bits.
  func exponential(_ x: Double) -> Double {
    var result = x
    withUnsafeMutablePointer(to: &result) { kernels.exp_double(1, $0, $0) }
    return result
  }

  func logarithm(_ x: Double) -> Double {
    var result = x
    withUnsafeMutablePointer(to: &result) { kernels.log_double(1, $0, $0) }
    return result
  }
}
