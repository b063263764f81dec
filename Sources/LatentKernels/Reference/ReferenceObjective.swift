import Foundation

extension ReferenceStep {
  /// The bound of each row of the batch from log p(x|z) and log p(z) - log q(z|x) of its draws, and the
  /// weights of the draws in its gradient, of mean 1; of the score function their learning signals.
  func drawWeights() {
    let (density, ratio) = (vector(operation.log_density), vector(operation.input))
    for row in 0..<rows / samples {
      let draws = row * samples..<(row + 1) * samples
      let logWeights = draws.map { density[$0] + Double(run.beta) * ratio[$0] }
      let mean = logWeights.reduce(0, +) / Double(samples)
      let largest = logWeights.max()!
      let weights = logWeights.map { exp($0 - largest) }
      let meanWeight = weights.reduce(0, +) / Double(samples)
      let objective = operation.objective
      let isImportance = objective == LATENT_OBJECTIVE_IWAE || objective == LATENT_OBJECTIVE_DREG
      vector(operation.output)[row] = isImportance ? largest + log(meanWeight) : mean
      guard operation.draw_weight.exists else { continue }
      for (index, draw) in draws.enumerated() {
        if isImportance {
          vector(operation.draw_weight)[draw] = weights[index] / meanWeight
        } else if objective == LATENT_OBJECTIVE_SCORE {
          // Less the mean of the other draws.
          let others = samples > 1 ? (mean * Double(samples) - logWeights[index]) : 0
          vector(operation.draw_weight)[draw] =
            logWeights[index] - others / Double(max(1, samples - 1))
        } else {
          vector(operation.draw_weight)[draw] = 1
        }
      }
    }
  }

  /// gradient *= draw_weight, row by row
  func weighRows() {
    let gradient = matrix(operation.gradient)
    for row in 0..<rows {
      for column in 0..<columns {
        gradient[row, column] = gradient[row, column] * vector(operation.draw_weight)[row]
      }
    }
  }

  /// The way back of every objective whose KL is not in closed form, with -log w the loss of a draw:
  /// log w = log p(x|z) + beta (log p(z) - log q(z|x)), z = mean + sigma epsilon.
  func objectiveBackward() {
    let (input, epsilon) = (matrix(operation.input), matrix(operation.epsilon))
    let (logVariance, output) = (matrix(operation.log_variance), matrix(operation.output))
    let scale = Double(run.objective_scale)
    for row in 0..<rows / samples {
      for l in 0..<dimensions {
        let mean = input[row, l]
        let bounded = logVariance[row, l]
        let sigma = exp(bounded / 2)
        var (meanGradient, logVarianceGradient) = (0.0, 0.0)
        for draw in row * samples..<(row + 1) * samples {
          let weight = operation.draw_weight.exists ? vector(operation.draw_weight)[draw] : 1
          let dz = operation.gradient.exists ? matrix(operation.gradient)[draw, l] : 0
          let noise = epsilon[draw, l]
          let z = mean + sigma * noise
          let klWeight = scale * Double(run.beta) * weight
          switch operation.objective {
          case LATENT_OBJECTIVE_SCORE:
            // d log q(z|x) at a fixed z.
            meanGradient -= scale * weight * noise / sigma
            logVarianceGradient -= scale * weight * (noise * noise - 1) / 2
          case LATENT_OBJECTIVE_STL, LATENT_OBJECTIVE_DREG:
            // d log q(z|x) / dz = -epsilon / sigma; its parameters are held fixed.
            var path = dz + klWeight * (z - noise / sigma)
            // Of the share v of a draw: v path - beta v (1 - v) path, the second for the score of q.
            if operation.objective == LATENT_OBJECTIVE_DREG {
              let beta = Double(run.beta)
              path *= 1 - beta + beta * weight / Double(samples)
            }
            meanGradient += path
            logVarianceGradient += path * sigma * noise / 2
          default:
            // -log q(z|x) of z = mean + sigma epsilon is log-variance / 2 and what epsilon decides.
            let path = dz + klWeight * z
            meanGradient += path
            logVarianceGradient += (path * sigma * noise - klWeight) / 2
          }
        }
        output[row, l] = meanGradient
        output[row, dimensions + l] = logVarianceGradient * BoundedLogVariance.slope(of: bounded)
      }
    }
  }
}
