import Foundation

extension ReferenceStep {
  /// log p(x|z) of each row, and the gradient of -log p by the parameters. A row of `partial` holds
  /// the row's log density in its first element.
  func likelihoodForward() {
    let target = matrix(operation.target)
    let partial = matrix(operation.partial)
    for row in 0..<rows {
      var logDensity = 0.0
      for dimension in 0..<dimensions {
        logDensity += density(row, dimension, target[row / samples, dimension])
      }
      partial[row, 0] = logDensity
      if operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN { clearPadGradient(row) }
    }
  }

  func likelihoodRows() {
    for row in 0..<rows {
      vector(operation.log_density)[row] = matrix(operation.partial)[row, 0]
    }
  }

  /// The gradient of the learned raw log-variance. With g the gradient of the mean,
  /// -log p = 1/2 (log 2 pi + lv + (x - mean)^2 e^-lv) has the derivative 1/2 - 1/2 g^2 e^lv by lv. Rows
  /// that were weighed are weighed here too; below 2^-60 a draw counts for nothing, and so does a
  /// value that is missing.
  func varianceBackward() {
    let shared = operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED
    let meanGradient = matrix(operation.gradient)
    let variance = vector(operation.variance)
    let scale = Double(run.objective_scale)
    var sums = [Double](repeating: 0, count: shared ? 1 : dimensions)
    for row in 0..<rows {
      for dimension in 0..<dimensions {
        let index = shared ? 0 : dimension
        let g = meanGradient[row, dimension]
        let weight = operation.draw_weight.exists ? vector(operation.draw_weight)[row] : 1
        guard weight >= 0x1p-60, isObserved(row, dimension) else { continue }
        let logVariance = BoundedLogVariance(raw: variance[index])
        sums[index] +=
          (scale * weight / 2 - g * g * exp(logVariance.value) / (scale * weight) / 2)
          * logVariance.slope
      }
    }
    let m = vector(operation.bias_first_moment)
    let v = vector(operation.bias_second_moment)
    for (index, gradient) in sums.enumerated() {
      if operation.update {
        update(&variance[index], &m[index], &v[index], gradient: gradient)
      } else {
        vector(operation.bias_gradient)[index] = gradient
      }
    }
  }

  /// log p of each row from parameters that stand in a matrix of their own.
  func logDensity() {
    let target = matrix(operation.target)
    let parameters = matrix(operation.input)
    for row in 0..<rows {
      vector(operation.log_density)[row] = (0..<dimensions).reduce(0.0) { sum, d in
        guard isObserved(row, d) else {
          writeGradient(row, d, 0)
          if operation.output.exists { matrix(operation.output)[row, d] = 0 }
          return sum
        }
        guard operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN else {
          return sum + density(row, d, target[row / samples, d], parameter: parameters[row, d])
        }
        let gaussian = Gaussian(
          x: target[row / samples, d], mean: parameters[row, d],
          logVariance: matrix(operation.log_variance)[row, d])
        writeGradient(row, d, gaussian.meanGradient)
        if operation.output.exists {
          matrix(operation.output)[row, d] =
            gaussian.logVarianceGradient * Double(run.objective_scale)
        }
        return sum + gaussian.logDensity
      }
    }
  }

  /// Whether a value of the target is there; all are, unless the operation knows of missing ones.
  private func isObserved(_ row: Int, _ dimension: Int) -> Bool {
    !operation.missing || !matrix(operation.target)[row / samples, dimension].isNaN
  }

  /// log p of one value x, whose parameters the layer gives; writes the gradient of -log p by them.
  private func density(_ row: Int, _ dimension: Int, _ x: Double) -> Double {
    guard isObserved(row, dimension) else {
      let paired = operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN
      let column = paired ? dimension / 16 * 32 + dimension % 16 : dimension
      writeGradient(row, column, 0)
      if paired { writeGradient(row, column + 16, 0) }
      return 0
    }
    guard operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN else {
      return density(row, dimension, x, parameter: linear(row, dimension))
    }
    // Panels alternate: 16 means, then their 16 raw log-variances.
    let meanColumn = dimension / 16 * 32 + dimension % 16
    let logVariance = BoundedLogVariance(raw: linear(row, meanColumn + 16))
    let gaussian = Gaussian(x: x, mean: linear(row, meanColumn), logVariance: logVariance.value)
    writeGradient(row, meanColumn, gaussian.meanGradient)
    writeGradient(row, meanColumn + 16, gaussian.logVarianceGradient * logVariance.slope)
    return gaussian.logDensity
  }

  /// log p of one value x from its one parameter; writes the gradient of -log p by it.
  private func density(_ row: Int, _ dimension: Int, _ x: Double, parameter: Double) -> Double {
    switch operation.likelihood {
    case LATENT_LIKELIHOOD_BERNOULLI:
      writeGradient(row, dimension, sigmoid(parameter) - x)
      return x * parameter - max(parameter, 0) - log1p(exp(-abs(parameter)))

    case LATENT_LIKELIHOOD_CONTINUOUS_BERNOULLI:
      let normalizer = ContinuousBernoulliNormalizer(parameter)
      writeGradient(row, dimension, normalizer.slope - x)
      return x * parameter - normalizer.value

    default:
      let shared = operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED
      let raw = vector(operation.variance)[shared ? 0 : dimension]
      let logVariance = BoundedLogVariance(raw: raw)
      let gaussian = Gaussian(x: x, mean: parameter, logVariance: logVariance.value)
      writeGradient(row, dimension, gaussian.meanGradient)
      return gaussian.logDensity
    }
  }

  private func writeGradient(_ row: Int, _ column: Int, _ gradient: Double) {
    guard operation.gradient.exists else { return }
    matrix(operation.gradient)[row, column] = gradient * Double(run.objective_scale)
  }

  /// Lanes of a paired layer that stand for no dimension.
  private func clearPadGradient(_ row: Int) {
    for column in 0..<columns where column / 32 * 16 + column % 16 >= dimensions {
      writeGradient(row, column, 0)
    }
  }
}

/// A log-variance kept within -B ... B: B tanh(raw / B).
struct BoundedLogVariance {
  let value: Double
  /// d value / d raw
  var slope: Double { Self.slope(of: value) }

  init(raw: Double) {
    value = Self.bound * tanh(raw / Self.bound)
  }

  /// The slope where the bounded log-variance is `value`.
  static func slope(of value: Double) -> Double { 1 - (value / bound) * (value / bound) }

  private static let bound = Double(LATENT_LOG_VARIANCE_BOUND)
}

/// One normal variable, and the gradient of its -log p.
private struct Gaussian {
  let logDensity, meanGradient, logVarianceGradient: Double

  init(x: Double, mean: Double, logVariance: Double) {
    // At x = mean the density has a logarithm however small the variance.
    let precision = min(exp(-logVariance), .greatestFiniteMagnitude)
    let square = (x - mean) * (x - mean) * precision
    logDensity = -0.5 * (log(2 * Double.pi) + logVariance + square)
    meanGradient = (mean - x) * precision
    logVarianceGradient = 0.5 * (1 - square)
  }
}

/// A(l) = log((e^l - 1) / l), the logarithm of the integral of e^(l x) over [0, 1], and A'(l), which
/// is the mean.
private struct ContinuousBernoulliNormalizer {
  let value, slope: Double

  init(_ l: Double) {
    let magnitude = abs(l)
    value = l == 0 ? 0 : max(l, 0) + log(-expm1(-magnitude) / magnitude)
    // Near zero the difference cancels: its series does not.
    slope =
      magnitude < 0.02
      ? 0.5 + l / 12 - l * l * l / 720 : 1 / -expm1(-l) - 1 / l
  }
}
