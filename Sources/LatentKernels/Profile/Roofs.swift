/// What the machine gives at most to so many threads: the two roofs of the roofline model (Williams,
/// Waterman and Patterson 2009).
public struct Roofs: Sendable, Codable, Equatable {
  /// How many threads reach them together.
  public var threads: Int
  /// GFLOP/s of fused multiply-adds that never leave the registers.
  public var peak: Double
  /// GB/s of the STREAM triad on arrays of ``MachineProbes/triadBytes``.
  public var memoryBandwidth: Double
  /// GB/s, reads and writes, of as many numbers as a step uses, changed where they lie.
  public var stepBandwidth: Double

  /// The roofs of so many threads: `peak` in GFLOP/s, the bandwidths in GB/s.
  public init(threads: Int, peak: Double, memoryBandwidth: Double, stepBandwidth: Double) {
    self.threads = threads
    self.peak = peak
    self.memoryBandwidth = memoryBandwidth
    self.stepBandwidth = stepBandwidth
  }

  /// Which roof is the lower one.
  public enum Bound: String, Sendable, Codable {
    /// The peak, or the bandwidth of a step's memory.
    case compute, memory
  }

  /// The least seconds that the roofs allow, and which of them says so.
  public func limit(of cost: OperationCost) -> (seconds: Double, bound: Bound) {
    let compute = cost.flops / (peak * 1e9)
    let memory = cost.bytes / (stepBandwidth * 1e9)
    return compute >= memory ? (compute, .compute) : (memory, .memory)
  }
}
