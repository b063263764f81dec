import LatentKernels

/// Chains over z of some rows, moved by Hamiltonian Monte Carlo on the plan's backend (Neal 2011): many
/// rows and chains a gradient. All their randomness is keyed by data row, chain and step.
final class HamiltonianChains {
  private let plan: DrawPlan
  private let rows: Range<Int>
  /// Chains of each row: numbers `first` ..< `first + count`.
  private let first, count: Int
  private let seed: UInt64
  /// Keeps tuning, forward and reverse chains apart.
  private let stream: UInt32
  private let leapfrogSteps: Int
  private let backend: any Backend
  private let size: Int
  private let kernels = InstructionSet.reproducible.kernels
  private var step: UInt32 = 0

  // [chains x size], and [chains]: where the chains are, and what the model says there.
  private var z, gradient, momentum: [Float]
  private var logDensity: [Double]
  /// Of each row.
  private(set) var stepSizes: [Float]
  /// So that a trajectory goes a quarter of the prior's circle, or somewhat more.
  private let longest: Float
  private var accepted: [Double]

  private var chains: Int { rows.count * count }

  init(
    _ plan: DrawPlan, rows: Range<Int>, first: Int, count: Int, seed: UInt64, stream: UInt32,
    leapfrogSteps: Int, backend: any Backend
  ) {
    self.plan = plan
    self.rows = rows
    self.first = first
    self.count = count
    self.seed = seed
    self.stream = stream
    self.leapfrogSteps = leapfrogSteps
    self.backend = backend
    size = plan.latentDimensions
    z = [Float](repeating: 0, count: rows.count * count * size)
    gradient = z
    momentum = z
    logDensity = [Double](repeating: 0, count: rows.count * count)
    longest = 2.5 / Float(leapfrogSteps)
    stepSizes = [Float](repeating: Swift.min(0.3, longest), count: rows.count)
    accepted = [Double](repeating: 0, count: rows.count)
  }

  /// The log weight of each chain, from the prior to the posterior or, from draws of the posterior, one
  /// a row, back.
  func run(_ schedule: [Double], stepSizes all: [[Float]], from posterior: [[Float]]?) -> [Double] {
    var weights = [Double](repeating: 0, count: chains)
    let last = schedule.count - 1
    if let posterior {
      for chain in 0..<chains {
        for l in 0..<size { z[chain * size + l] = posterior[chain / count][l] }
      }
      evaluate()
      for index in stride(from: last, to: 0, by: -1) {
        stepSizes = all[index - 1]
        transition(beta: schedule[index])
        weigh(&weights, by: schedule[index - 1] - schedule[index])
      }
    } else {
      startAtPrior()
      for index in 1...last {
        weigh(&weights, by: schedule[index] - schedule[index - 1])
        // After the last weight nothing depends on where the chain goes.
        guard index < last else { break }
        stepSizes = all[index - 1]
        transition(beta: schedule[index])
      }
    }
    return weights
  }

  private func weigh(_ weights: inout [Double], by change: Double) {
    for chain in 0..<chains { weights[chain] += change * logDensity[chain] }
  }

  func startAtPrior() {
    normals(into: &z, LATENT_PURPOSE_PRIOR)
    evaluate()
  }

  /// One move of every chain that leaves p(z) p(x|z)^β as it is.
  func transition(beta: Double) {
    step += 1
    normals(into: &momentum, LATENT_PURPOSE_MOMENTUM)
    let (oldZ, oldGradient, oldDensity) = (z, gradient, logDensity)
    var drop = energies(beta)
    let weight = Float(beta)
    // Trajectories of one length would come back to where they started in some dimension.
    let steps = (0..<chains).map { stepSizes[$0 / count] * Float(0.5 + uniform($0, 1) / 2) }
    for leap in 0...leapfrogSteps {
      for chain in 0..<chains {
        // Half a step of the momentum at both ends.
        let whole = steps[chain]
        let kick = leap == 0 || leap == leapfrogSteps ? whole / 2 : whole
        for i in chain * size..<(chain + 1) * size {
          momentum[i] -= kick * (z[i] + weight * gradient[i])
          if leap < leapfrogSteps { z[i] += whole * momentum[i] }
        }
      }
      if leap < leapfrogSteps { evaluate() }
    }
    let after = energies(beta)
    for chain in 0..<chains { drop[chain] -= after[chain] }
    var odds = drop.map { $0.isNaN ? -Double.infinity : Swift.min($0, 0) }
    odds.withUnsafeMutableBufferPointer {
      kernels.exp_double($0.count, $0.baseAddress, $0.baseAddress)
    }
    for row in 0..<rows.count {
      accepted[row] = 0
      for chain in row * count..<(row + 1) * count {
        accepted[row] += odds[chain] / Double(count)
        if uniform(chain, 0) < odds[chain] { continue }
        for i in chain * size..<(chain + 1) * size {
          (z[i], gradient[i]) = (oldZ[i], oldGradient[i])
        }
        logDensity[chain] = oldDensity[chain]
      }
    }
  }

  /// Moves each row's step size towards the acceptance that serves best (Neal 2011, section 5.4.4).
  func adapt() {
    for row in 0..<rows.count {
      stepSizes[row] *= accepted[row] > 0.65 ? 1.05 : 0.95
      stepSizes[row] = Swift.min(longest, Swift.max(1e-4, stepSizes[row]))
    }
  }

  /// −log of the joint density of z and momentum, constants left out.
  private func energies(_ beta: Double) -> [Double] {
    (0..<chains).map { chain in
      var sum = 0.0
      for i in chain * size..<(chain + 1) * size {
        sum += Double(z[i]) * Double(z[i]) + Double(momentum[i]) * Double(momentum[i])
      }
      return sum / 2 - beta * logDensity[chain]
    }
  }

  /// log p(x|z) and its negative gradient where the chains are.
  private func evaluate() {
    for chain in 0..<chains {
      let target = plan.latents + chain * plan.latentStride
      for l in 0..<size { target[l] = z[chain * size + l] }
    }
    plan.draw(first: first, count: count, backend: backend)
    for chain in 0..<chains {
      logDensity[chain] = Double(plan.logDensities[chain])
      let source = plan.gradients + chain * plan.gradientStride
      for l in 0..<size { gradient[chain * size + l] = source[l] }
    }
  }

  private func normals(into values: inout [Float], _ purpose: latent_purpose) {
    values.withUnsafeMutableBufferPointer { values in
      for chain in 0..<chains {
        kernels.random_normal(
          size, seed, purpose, UInt32(first + chain % count),
          UInt32(rows.lowerBound + chain / count), stream << 24 | step,
          values.baseAddress! + chain * size)
      }
    }
  }

  /// One of two uniform numbers of a chain's move.
  private func uniform(_ chain: Int, _ which: Int) -> Double {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 2) { bits in
      kernels.random_bits(
        2, seed, LATENT_PURPOSE_ACCEPTANCE, UInt32(first + chain % count),
        UInt32(rows.lowerBound + chain / count), stream << 24 | step, bits.baseAddress)
      return (Double(bits[which] >> 8) + 0.5) * 0x1p-24
    }
  }
}
