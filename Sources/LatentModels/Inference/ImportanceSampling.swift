import LatentKernels

/// log p(x) ≈ log 1/K Σ p(x|zₖ) p(zₖ) / q(zₖ|x), zₖ ~ q(z|x): from below in expectation, and exact as K
/// grows (Burda, Grosse and Salakhutdinov 2016, section 5.1).
///
/// In memory that does not grow with K or the rows: some thousand draws are decoded at a time, and their
/// weights summed as they come.
public struct ImportanceSampling: DensityEstimator {
  public static let name = "importance"
  public var samples: Int

  /// K draws of z a row.
  public init(samples: Int) { self.samples = samples }

  public func estimate(
    _ model: VAE, _ data: BatchSource, rows: Range<Int>, backend: any Backend, seed: UInt64,
    progress: (Int) -> Void
  ) throws -> [DensityEstimate] {
    try estimate(
      model, data, latents: .encoder, rows: rows, backend: backend, seed: seed, progress: progress)
  }

  func estimate(
    _ model: VAE, _ data: BatchSource, latents: DrawPlan.Latents, rows: Range<Int>,
    backend: any Backend, seed: UInt64, progress: (Int) -> Void
  ) throws -> [DensityEstimate] {
    let plan = try DrawPlan(model, data, latents: latents, samples: samples, seed: seed)
    try data.check(rows: rows)
    return plan.estimates(rows, samples: samples, model: model, backend: backend, progress) {
      plan, index in Double(plan.logDensities[index]) + Double(plan.logRatios[index])
    }
  }
}

extension DrawPlan {
  /// The log-mean weight of each row: `logWeight` tells it of the draw at an index of the last run;
  /// `prepare` may write z before it.
  func estimates(
    _ rows: Range<Int>, samples total: Int, model: VAE, backend: any Backend,
    _ progress: (Int) -> Void, prepare: (Range<Int>, Range<Int>) -> Void = { _, _ in },
    logWeight: (DrawPlan, Int) -> Double
  ) -> [DensityEstimate] {
    let jacobian = model.jacobian(of: data)
    var result: [DensityEstimate] = []
    result.reserveCapacity(rows.count)
    let block = UnsafeMutableBufferPointer<Double>.allocate(capacity: samples)
    defer { block.deallocate() }
    var done = 0
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: capacity) {
      let some = start..<min(start + capacity, rows.upperBound)
      load(some, backend: backend)
      var sums = [LogMeanExp](repeating: LogMeanExp(), count: some.count)
      for first in stride(from: 0, to: total, by: samples) {
        let count = min(samples, total - first)
        prepare(some, first..<first + count)
        draw(first: first, count: count, backend: backend)
        for position in 0..<some.count {
          for draw in 0..<count { block[draw] = logWeight(self, position * count + draw) }
          sums[position].add(UnsafeMutableBufferPointer(rebasing: block[0..<count]))
        }
        done += some.count * count
        progress(done)
      }
      for (row, sum) in zip(some, sums) {
        var estimate = sum.estimate
        estimate.logDensity += jacobian[row]
        result.append(estimate)
      }
    }
    return result
  }
}
