import LatentKernels

/// log p(x) by annealed importance sampling: chains that start at the prior and move, by Hamiltonian
/// Monte Carlo, along p(z) p(x|z)^β from β = 0 to 1, and whose weights need no q(z|x) (Neal 2001; Wu,
/// Burda, Salakhutdinov and Grosse 2017). From below in expectation.
public struct AnnealedImportanceSampling: DensityEstimator {
  public static let name = "ais"
  /// Chains a row.
  public var samples: Int
  /// Steps from the prior to the posterior.
  public var temperatures: Int
  /// Leapfrog steps of each Hamiltonian transition, one transition a temperature.
  public var leapfrogSteps: Int

  /// Chains a row, their temperatures, and the leapfrog steps at each.
  public init(samples: Int = 16, temperatures: Int = 500, leapfrogSteps: Int = 10) {
    self.samples = samples
    self.temperatures = temperatures
    self.leapfrogSteps = leapfrogSteps
  }

  public func estimate(
    _ model: VAE, _ data: BatchSource, rows: Range<Int>, backend: any Backend, seed: UInt64,
    progress: (Int) -> Void
  ) throws -> [DensityEstimate] {
    try anneal(model, data, rows: rows, from: nil, backend: backend, seed: seed, progress: progress)
  }

  /// Forward, or where `posterior` gives a draw z ~ p(z|x) for each row, in reverse from there: then of
  /// log 1/p(x).
  func anneal(
    _ model: VAE, _ data: BatchSource, rows: Range<Int>, from posterior: [[Float]]?,
    backend: any Backend, seed: UInt64, progress: (Int) -> Void
  ) throws -> [DensityEstimate] {
    try validate()
    try data.check(rows: rows)
    let schedule = Self.schedule(temperatures)
    let plan = try DrawPlan(
      model, data, latents: .given(gradient: true), samples: samples, seed: seed)
    let jacobian = model.jacobian(of: data)
    let sign: Double = posterior == nil ? 1 : -1
    var result: [DensityEstimate] = []
    var done = 0
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: plan.capacity) {
      let some = start..<min(start + plan.capacity, rows.upperBound)
      plan.load(some, backend: backend)
      var sums = [LogMeanExp](repeating: LogMeanExp(), count: some.count)
      // Step sizes found by chains of their own: in the chains that count they are constants, so
      // that every transition leaves its distribution as it is.
      let tuning = HamiltonianChains(
        plan, rows: some, first: 0, count: min(Self.tuningChains, plan.samples), seed: seed,
        stream: 1, leapfrogSteps: leapfrogSteps, backend: backend)
      tuning.startAtPrior()
      var stepSizes: [[Float]] = []
      for beta in schedule.dropFirst() {
        stepSizes.append(tuning.stepSizes)
        tuning.transition(beta: beta)
        tuning.adapt()
      }
      for first in stride(from: 0, to: samples, by: plan.samples) {
        let count = min(plan.samples, samples - first)
        let chains = HamiltonianChains(
          plan, rows: some, first: first, count: count, seed: seed,
          stream: posterior == nil ? 2 : 3, leapfrogSteps: leapfrogSteps, backend: backend)
        let offset = start - rows.lowerBound
        let origins = posterior.map { Array($0[offset..<offset + some.count]) }
        var weights = chains.run(schedule, stepSizes: stepSizes, from: origins)
        weights.withUnsafeMutableBufferPointer { weights in
          for position in 0..<some.count {
            sums[position].add(
              UnsafeMutableBufferPointer(
                rebasing: weights[position * count..<(position + 1) * count]))
          }
        }
        done += some.count * count
        progress(done)
      }
      for (row, sum) in zip(some, sums) {
        var estimate = sum.estimate
        estimate.logDensity += sign * jacobian[row]
        result.append(estimate)
      }
    }
    return result
  }

  static let tuningChains = 4

  private func validate() throws {
    for (name, value, least) in [
      ("number of chains", samples, 1), ("number of temperatures", temperatures, 1),
      ("number of leapfrog steps", leapfrogSteps, 1),
    ] where value < least || value > 1 << 20 {
      throw SettingError("The \(name) must be 1...\(1 << 20), found \(value).")
    }
  }

  /// β from 0 to 1, denser at both ends: a sigmoid from −4 to 4, scaled (Grosse, Ghahramani and
  /// Adams 2015).
  static func schedule(_ temperatures: Int) -> [Double] {
    guard temperatures > 1 else { return [0, 1] }
    var values = (0...temperatures).map { -(8 * Double($0) / Double(temperatures) - 4) }
    values.withUnsafeMutableBufferPointer {
      InstructionSet.reproducible.kernels.exp_double($0.count, $0.baseAddress, $0.baseAddress)
    }
    values = values.map { 1 / (1 + $0) }
    let (low, high) = (values[0], values[temperatures])
    return values.map { ($0 - low) / (high - low) }
  }
}
