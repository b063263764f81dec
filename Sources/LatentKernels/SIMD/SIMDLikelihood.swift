extension SIMDStep {
  /// log p(x|z) of each row, and the gradient of -log p: parameters of some rows at a time, which
  /// stay in the cache, then their densities.
  func likelihoodForward(_ rows: Range<Int>) {
    let width = panels * 16
    let block = 8 * tileRows
    let parameters = Floats.allocate(capacity: block * width)
    defer { parameters.deallocate() }
    var first = rows.lowerBound
    while first < rows.upperBound {
      let some = first..<min(rows.upperBound, first + block)
      for panel in 0..<panels {
        forwardProduct(some, 16 * panel) { row, sums in
          store(sums, parameters + (row - first) * width + 16 * panel)
        }
      }
      for row in some { likelihood(row, parameters + (row - first) * width) }
      first = some.upperBound
    }
  }

  func likelihoodRows(_ rows: Range<Int>) {
    for row in rows { floats(operation.log_density)[row] = self.row(operation.partial, row)[0] }
  }

  /// One row from its parameters, which lack the bias: whole panels. The first element of the row of
  /// `partial` becomes the log density.
  func likelihood(_ row: Int, _ parameters: UnsafePointer<Float>) {
    let target = self.row(operation.target, row / samples)
    var sums = Lanes()
    forEachPanel(dimensions) { column, width in
      let x = load(target + column, width)
      sums += observed(x, first(width, density(row, column, width, x, parameters)))
    }
    self.row(operation.partial, row)[0] = sum(sums)
  }

  /// Rows whose parameters stand in a matrix of their own.
  func logDensity(_ rows: Range<Int>) {
    let paired = operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN
    for row in rows {
      let target = self.row(operation.target, row / samples)
      let input = self.row(operation.input, row)
      var sums = Lanes()
      forEachPanel(dimensions) { column, width in
        let x = load(target + column, width)
        let parameter = load(input + column, width)
        let logP =
          paired
          ? gaussian(row, column, width, x, mean: parameter)
          : density(row, column, width, x, parameter: parameter)
        sums += observed(x, first(width, logP))
      }
      floats(operation.log_density)[row] = sum(sums)
    }
  }

  /// log N(x | mean, e^log-variance), the log-variances in a matrix; writes both gradients of -log p.
  @inline(__always) private func gaussian(
    _ row: Int, _ column: Int, _ width: Int, _ x: Lanes, mean: Lanes
  ) -> Lanes {
    let logVariance = load(self.row(operation.log_variance, row) + column, width)
    // By the deviation, since the variance itself may be no float: below e^-88.7, above e^88.7. From a
    // log-variance of -177.4 down the deviation's inverse is none either, and 0 times infinity no number.
    let root = smaller(Lanes(repeating: .greatestFiniteMagnitude), exp(logVariance * -0.5))
    let error = (mean - x) * root
    let square = error * error
    writeGradient(row, column, width, error * root)
    if operation.output.exists {
      store(
        observed(x, (1 - square) * (0.5 * run.objective_scale)),
        self.row(operation.output, row) + column, width)
    }
    return (logVariance + square + logTwoPi) * -0.5
  }

  /// log p of the 16 values x, of which `width` exist, from the layer's sums, which lack the bias;
  /// writes the gradient of -log p.
  @inline(__always) private func density(
    _ row: Int, _ column: Int, _ width: Int, _ x: Lanes, _ parameters: UnsafePointer<Float>
  ) -> Lanes {
    guard operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN else {
      return density(
        row, column, width, x, parameter: load(parameters + column) + biasLanes(column, width))
    }
    // Panels alternate: 16 means, then their 16 raw log-variances.
    let mean = load(parameters + 2 * column) + biasLanes(2 * column, 16)
    let raw = load(parameters + 2 * column + 16) + biasLanes(2 * column + 16, 16)
    let logVariance = boundedLogVariance(raw: raw)
    let precision = exp(-logVariance)
    let square = (x - mean) * (x - mean) * precision
    writeGradient(row, 2 * column, 16, first(width, (mean - x) * precision))
    let gradient = (1 - square) * 0.5 * boundedSlope(logVariance)
    writeGradient(row, 2 * column + 16, 16, first(width, gradient))
    return (logVariance + square + logTwoPi) * -0.5
  }

  /// The same from the one parameter of each value.
  @inline(__always) private func density(
    _ row: Int, _ column: Int, _ width: Int, _ x: Lanes, parameter: Lanes
  ) -> Lanes {
    switch operation.likelihood {
    case LATENT_LIKELIHOOD_BERNOULLI:
      let logit = parameter
      let e = exp(-magnitude(logit))
      let probability = select(logit .> Lanes(), Lanes(repeating: 1), e) / (e + 1)
      writeGradient(row, column, width, probability - x)
      return x * logit - larger(Lanes(), logit) - log1p(unit: e)

    case LATENT_LIKELIHOOD_CONTINUOUS_BERNOULLI:
      let (logDensity, gradient) = continuousBernoulli(parameter, x)
      writeGradient(row, column, width, gradient)
      return logDensity

    default:
      let mean = parameter
      let logVariance = boundedLogVariance(raw: rawVariance(column, width))
      let precision = exp(-logVariance)
      writeGradient(row, column, width, (mean - x) * precision)
      return (logVariance + (x - mean) * (x - mean) * precision + logTwoPi) * -0.5
    }
  }

  /// Zero where the target's value is missing.
  @inline(__always) private func observed(_ x: Lanes, _ logP: Lanes) -> Lanes {
    operation.missing ? select(x .== x, logP, Lanes()) : logP
  }

  @inline(__always) private func writeGradient(
    _ row: Int, _ column: Int, _ width: Int, _ gradient: Lanes
  ) {
    guard operation.gradient.exists else { return }
    // Of a value that is missing it is not a number.
    let gradient =
      operation.missing ? select(gradient .== gradient, gradient, Lanes()) : gradient
    store(gradient * run.objective_scale, self.row(operation.gradient, row) + column, width)
  }

  // MARK: Learned variance

  /// The gradient of the learned raw log-variance: see the reference.
  func varianceBackward() {
    if operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED {
      var (total, terms) = (0.0, 0.0)
      forEachPanel(dimensions) { column, width in
        let (squares, weights) = squaredGradients(column, width)
        total += Double(sum(squares))
        terms += Double(sum(first(width, weights)))
      }
      varianceGradient(
        0, 1, Lanes(repeating: Float(total)), terms: Lanes(repeating: Float(terms)))
    } else {
      forEachPanel(dimensions) { column, width in
        let (squares, weights) = squaredGradients(column, width)
        varianceGradient(column, width, squares, terms: weights)
      }
    }
  }

  private func varianceGradient(_ column: Int, _ width: Int, _ squares: Lanes, terms: Lanes) {
    let logVariance = boundedLogVariance(raw: rawVariance(column, width))
    let scale = run.objective_scale
    let gradient =
      (terms * scale - squares * exp(logVariance) / scale) * 0.5 * boundedSlope(logVariance)
    if operation.update {
      update(
        floats(operation.variance) + column, floats(operation.bias_first_moment) + column,
        floats(operation.bias_second_moment) + column, width, gradient: gradient)
    } else {
      store(gradient, floats(operation.bias_gradient) + column, width)
    }
  }

  /// The squared gradients of 16 means by the weights of their rows, and the weights, summed over rows.
  private func squaredGradients(_ column: Int, _ width: Int) -> (squares: Lanes, weights: Lanes) {
    var (squares, weights) = (Lanes(), Lanes())
    for row in 0..<rows {
      let weight = operation.draw_weight.exists ? floats(operation.draw_weight)[row] : 1
      guard weight >= 0x1p-60 else { continue }
      let gradient = load(self.row(operation.gradient, row) + column, width)
      var counts = Lanes(repeating: weight)
      if operation.missing {
        let x = load(self.row(operation.target, row / samples) + column, width)
        counts = select(x .== x, counts, Lanes())
      }
      squares += gradient * gradient / weight
      weights += counts
    }
    return (squares, weights)
  }

  @inline(__always) private func rawVariance(_ column: Int, _ width: Int) -> Lanes {
    operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED
      ? Lanes(repeating: floats(operation.variance)[0])
      : load(floats(operation.variance) + column, width)
  }
}

private let logTwoPi: Float = 1.8378770664093453

/// x l - A and A' - x, where A = log((e^l - 1) / l).
@inline(__always) private func continuousBernoulli(
  _ l: Lanes, _ x: Lanes
) -> (logDensity: Lanes, gradient: Lanes) {
  // Within -1 ... 1 by its series, l / 2 + l^2 / 24 - l^4 / 2880 + ...
  let small = magnitude(l) .< Lanes(repeating: 1)
  let square = l * l
  let even = polynomial(square, 1 / 24, -1 / 2880, 1 / 181_440, -1 / 9_676_800, 1 / 479_001_600)
  let odd = polynomial(square, 1 / 12, -1 / 720, 1 / 30_240, -1 / 1_209_600, 1 / 47_900_160)
  // Elsewhere about the end of [0, 1] that the mean is near, by its distance from there: nothing cancels for an
  // x at that end. Lanes that do not count are kept away from zero.
  let far = select(small, Lanes(repeating: 1), l)
  let isUpper = far .> Lanes()
  let a = magnitude(far)
  let e = exp(-a)
  let distance = 1 / a - e / (1 - e)
  let slope = select(isUpper, (1 - x) - distance, distance - x)
  let logDensity = select(isUpper, x - 1, x) * far - log((1 - e) / a)
  return (
    select(small, x * l - (l * 0.5 + square * even), logDensity),
    select(small, 0.5 + l * odd - x, slope)
  )
}
