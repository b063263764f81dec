import Foundation

extension ReferenceStep {
  /// z = mean + sigma * epsilon, and the KL of each row from the standard normal. The input has L
  /// means, then L raw log-variances.
  func reparameterize() {
    let input = matrix(operation.input)
    let (z, epsilon) = (matrix(operation.output), matrix(operation.epsilon))
    let logVariance = matrix(operation.log_variance)
    for row in 0..<rows {
      let random = random(LATENT_PURPOSE_EPSILON, row: row, sample: run.sample)
      var sum = 0.0
      for l in 0..<dimensions {
        let mean = input[row, l]
        let bounded = BoundedLogVariance(raw: input[row, dimensions + l]).value
        let noise = random.normal(l)
        logVariance[row, l] = bounded
        epsilon[row, l] = noise
        z[row, l] = mean + exp(bounded / 2) * noise
        sum += kl(mean: mean, logVariance: bounded)
      }
      vector(operation.kl)[row] = sum
    }
  }

  /// From dz to the gradients of means and raw log-variances; the KL adds its own.
  func reparameterizeBackward() {
    let dz = matrix(operation.gradient)
    let (input, epsilon) = (matrix(operation.input), matrix(operation.epsilon))
    let logVariance = matrix(operation.log_variance)
    let output = matrix(operation.output)
    for row in 0..<rows {
      for l in 0..<dimensions {
        let gate = operation.gate.exists ? vector(operation.gate)[l] : 1
        let weight = Double(run.objective_scale) * Double(run.beta) * gate
        let bounded = logVariance[row, l]
        let sigma = exp(bounded / 2)
        output[row, l] = dz[row, l] + weight * input[row, l]
        output[row, dimensions + l] =
          (dz[row, l] * epsilon[row, l] * sigma / 2 + weight * (sigma * sigma - 1) / 2)
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
