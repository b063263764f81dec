extension SIMDStep {
  /// z = mean + sigma * epsilon, and the KL of each row.
  func reparameterize(_ rows: Range<Int>) {
    for draw in rows {
      let (row, sample) = draw.quotientAndRemainder(dividingBy: samples)
      let means = self.row(operation.input, row)
      let raws = means + dimensions
      let (z, epsilon) = (self.row(operation.output, draw), self.row(operation.epsilon, draw))
      let logVariances = self.row(operation.log_variance, row)
      var (divergence, ratio) = (Lanes(), Lanes())
      random(LATENT_PURPOSE_EPSILON, row: row, sample: run.sample + UInt32(sample))
        .forEach(dimensions) { column, width, bits in
          let mean = load(means + column, width)
          let logVariance = boundedLogVariance(raw: load(raws + column, width))
          let noise = normal(bits)
          let sigma = exp(logVariance * 0.5)
          let value = mean + sigma * noise
          store(noise, epsilon + column, width)
          store(value, z + column, width)
          ratio += first(width, (noise * noise - value * value + logVariance) * 0.5)
          guard sample == 0 else { return }
          store(logVariance, logVariances + column, width)
          divergence += first(width, kl(mean, logVariance))
        }
      if sample == 0 { floats(operation.kl)[row] = sum(divergence) }
      if let ratios = floats(operation.log_density) { ratios[draw] = sum(ratio) }
    }
  }

  /// From dz to the gradients of means and raw log-variances, summed over draws; the KL adds its own.
  func reparameterizeBackward(_ rows: Range<Int>) {
    guard operation.objective == LATENT_OBJECTIVE_ELBO else { return objectiveBackward(rows) }
    let scale = run.objective_scale * run.beta
    for row in rows {
      let means = self.row(operation.input, row)
      let logVariances = self.row(operation.log_variance, row)
      let output = self.row(operation.output, row)
      forEachPanel(dimensions) { column, width in
        let weight =
          operation.gate.exists
          ? load(floats(operation.gate) + column, width) * scale : Lanes(repeating: scale)
        var (gradient, noisy) = (Lanes(), Lanes())
        for draw in row * samples..<(row + 1) * samples {
          let one = load(self.row(operation.gradient, draw) + column, width)
          gradient += one
          noisy += one * load(self.row(operation.epsilon, draw) + column, width)
        }
        let logVariance = load(logVariances + column, width)
        let sigma = exp(logVariance * 0.5)
        let raw = noisy * sigma + weight * (sigma * sigma - 1)
        store(gradient + weight * load(means + column, width), output + column, width)
        store(raw * 0.5 * boundedSlope(logVariance), output + dimensions + column, width)
      }
    }
  }

  /// Free bits: 1 where the batch's mean KL of a dimension is above them, else 0.
  func klGate() {
    forEachPanel(dimensions) { column, width in
      var sums = Lanes()
      for row in 0..<rows {
        sums += kl(
          load(self.row(operation.input, row) + column, width),
          load(self.row(operation.log_variance, row) + column, width))
      }
      let isAbove = sums / Float(rows) .> Lanes(repeating: run.free_bits)
      store(
        select(isAbove, Lanes(repeating: 1), Lanes()), floats(operation.gate) + column, width)
    }
  }

  @inline(__always) private func kl(_ mean: Lanes, _ logVariance: Lanes) -> Lanes {
    (mean * mean + exp(logVariance) - 1 - logVariance) * 0.5
  }
}
