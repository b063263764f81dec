import Foundation

extension ReferenceStep {
  /// z = mean + sigma * epsilon, and the KL of each row from the standard normal. The input has L
  /// means, then L raw log-variances.
  func reparameterize() {
    let input = matrix(operation.input)
    let (z, epsilon) = (matrix(operation.output), matrix(operation.epsilon))
    let logVariance = matrix(operation.log_variance)
    for draw in 0..<rows {
      let (row, sample) = draw.quotientAndRemainder(dividingBy: samples)
      let random = random(LATENT_PURPOSE_EPSILON, row: row, sample: run.sample + UInt32(sample))
      var (divergence, ratio) = (0.0, 0.0)
      for l in 0..<dimensions {
        let mean = input[row, l]
        let bounded = BoundedLogVariance(raw: input[row, dimensions + l]).value
        let noise = random.normal(l)
        let value = mean + exp(bounded / 2) * noise
        logVariance[row, l] = bounded
        epsilon[draw, l] = noise
        z[draw, l] = value
        divergence += kl(mean: mean, logVariance: bounded)
        // log N(z | 0, 1) - log N(z | mean, e^bounded)
        ratio += (noise * noise - value * value + bounded) / 2
      }
      vector(operation.kl)[row] = divergence
      if operation.log_density.exists { vector(operation.log_density)[draw] = ratio }
    }
  }

  /// From dz to the gradients of means and raw log-variances, summed over draws; the KL adds its own.
  func reparameterizeBackward() {
    guard operation.objective == LATENT_OBJECTIVE_ELBO else { return objectiveBackward() }
    let dz = matrix(operation.gradient)
    let (input, epsilon) = (matrix(operation.input), matrix(operation.epsilon))
    let logVariance = matrix(operation.log_variance)
    let output = matrix(operation.output)
    for row in 0..<rows / samples {
      for l in 0..<dimensions {
        let gate = operation.gate.exists ? vector(operation.gate)[l] : 1
        let weight = Double(run.objective_scale) * Double(run.beta) * gate
        let bounded = logVariance[row, l]
        let sigma = exp(bounded / 2)
        let draws = row * samples..<(row + 1) * samples
        output[row, l] = draws.reduce(0) { $0 + dz[$1, l] } + weight * input[row, l]
        let noisy = draws.reduce(0) { $0 + dz[$1, l] * epsilon[$1, l] }
        output[row, dimensions + l] =
          (noisy * sigma / 2 + weight * (sigma * sigma - 1) / 2)
          * BoundedLogVariance.slope(of: bounded)
      }
    }
  }

  /// Free bits: dimensions whose mean KL is small enough pay nothing for it.
  func klGate() {
    let (input, logVariance) = (matrix(operation.input), matrix(operation.log_variance))
    for l in 0..<dimensions {
      var sum = 0.0
      for row in 0..<rows { sum += kl(mean: input[row, l], logVariance: logVariance[row, l]) }
      vector(operation.gate)[l] = sum / Double(rows) > Double(run.free_bits) ? 1 : 0
    }
  }

  /// KL(N(mean, e^logVariance) || N(0, 1)) in nats.
  private func kl(mean: Double, logVariance: Double) -> Double {
    0.5 * (mean * mean + exp(logVariance) - 1 - logVariance)
  }
}
