extension SIMDStep {
  /// Bounds of rows of the batch and weights of their draws: see the reference.
  func drawWeights(_ rows: Range<Int>) {
    let isImportance =
      operation.objective == LATENT_OBJECTIVE_IWAE || operation.objective == LATENT_OBJECTIVE_DREG
    for row in rows {
      let density: Floats = floats(operation.log_density) + row * samples
      let ratio: Floats = floats(operation.input) + row * samples
      let bound: Floats = floats(operation.output) + row
      var total = Lanes()
      var most = Lanes(repeating: -.infinity)
      forEachPanel(samples) { draw, width in
        let logWeight = load(density + draw, width) + load(ratio + draw, width) * run.beta
        total += first(width, logWeight)
        most = larger(most, select(first(width), logWeight, most))
      }
      let center = isImportance ? largest(most) : sum(total) / Float(samples)
      var factor = samples > 1 ? Float(samples) / Float(samples - 1) : 1
      bound[0] = center
      if isImportance {
        total = Lanes()
        forEachPanel(samples) { draw, width in
          let logWeight = load(density + draw, width) + load(ratio + draw, width) * run.beta
          total += first(width, exp(logWeight - center))
        }
        let mean = sum(total) / Float(samples)
        bound[0] += log(Lanes(repeating: mean))[0]
        factor = 1 / mean
      }
      guard operation.draw_weight.exists else { continue }
      let weights: Floats = floats(operation.draw_weight) + row * samples
      let baseline = samples > 1 ? center : 0
      forEachPanel(samples) { draw, width in
        let logWeight = load(density + draw, width) + load(ratio + draw, width) * run.beta
        var weight = Lanes(repeating: 1)
        if isImportance {
          weight = exp(logWeight - center) * factor
        } else if operation.objective == LATENT_OBJECTIVE_SCORE {
          weight = (logWeight - baseline) * factor
        }
        store(weight, weights + draw, width)
      }
    }
  }

  /// gradient *= draw_weight, row by row
  func weighRows(_ rows: Range<Int>) {
    for row in rows {
      let weight = floats(operation.draw_weight)[row]
      let gradient = self.row(operation.gradient, row)
      forEachPanel(columns) { column, width in
        store(load(gradient + column, width) * weight, gradient + column, width)
      }
    }
  }

  /// The way back of the objectives whose KL is not in closed form: see the reference.
  func objectiveBackward(_ rows: Range<Int>) {
    let share = 1 / Float(samples)
    for row in rows {
      let means = self.row(operation.input, row)
      let logVariances = self.row(operation.log_variance, row)
      let output = self.row(operation.output, row)
      forEachPanel(dimensions) { column, width in
        let mean = load(means + column, width)
        let logVariance = load(logVariances + column, width)
        let sigma = exp(logVariance * 0.5)
        let inverse = exp(logVariance * -0.5)
        var (meanGradient, gradient) = (Lanes(), Lanes())
        for draw in row * samples..<(row + 1) * samples {
          let weight = operation.draw_weight.exists ? floats(operation.draw_weight)[draw] : 1
          let dz =
            operation.gradient.exists
            ? load(self.row(operation.gradient, draw) + column, width) : Lanes()
          let noise = load(self.row(operation.epsilon, draw) + column, width)
          let z = mean + sigma * noise
          let klWeight = run.objective_scale * run.beta * weight
          switch operation.objective {
          case LATENT_OBJECTIVE_SCORE:
            let signal = -run.objective_scale * weight
            meanGradient += noise * inverse * signal
            gradient += (noise * noise - 1) * signal
          case LATENT_OBJECTIVE_STL, LATENT_OBJECTIVE_DREG:
            var path = dz + (z - noise * inverse) * klWeight
            if operation.objective == LATENT_OBJECTIVE_DREG {
              path *= run.beta * (weight * share) + (1 - run.beta)
            }
            meanGradient += path
            gradient += path * noise * sigma
          default:
            let path = dz + z * klWeight
            meanGradient += path
            gradient += path * noise * sigma - klWeight
          }
        }
        store(meanGradient, output + column, width)
        store(
          gradient * 0.5 * boundedSlope(logVariance), output + dimensions + column, width)
      }
    }
  }

  private func largest(_ lanes: Lanes) -> Float {
    var result = lanes[0]
    for lane in 1..<16 { result = result > lanes[lane] ? result : lanes[lane] }
    return result
  }
}
