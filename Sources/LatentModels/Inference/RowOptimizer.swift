import LatentKernels
import LatentNetworks

/// One row's variational parameters on their way to the optimum of its bound: Adam in double
/// precision, at a rate that falls whenever a window of steps brings less than the tolerance.
final class RowOptimizer {
  struct Point {
    var mean, logVariance: [Double]
  }
  /// Which of the rows that are fitted.
  let position: Int
  /// The point with the highest bound so far.
  private(set) var best: Point
  private(set) var steps = 0
  private(set) var hasConverged = false
  private(set) var isDone = false

  private let configuration: InferenceConfiguration
  private var point: Point
  private var sigma: [Double] = []
  private var bestBound = -Double.infinity
  private var windowStart = -Double.infinity
  private var idleWindows = 0
  private var rate: Double
  private var first, second: [Double]
  private var decay = (first: 1.0, second: 1.0)

  init(_ position: Int, start: DiagonalGaussian, configuration: InferenceConfiguration) {
    self.position = position
    self.configuration = configuration
    point = Point(
      mean: start.mean.row(position).map(Double.init),
      logVariance: start.logVariance.row(position).map(Double.init))
    best = point
    rate = configuration.learningRate
    first = [Double](repeating: 0, count: 2 * point.mean.count)
    second = first
  }

  /// z = μ + σ ε for each row of the noise, to the place that is named for it.
  func draw(_ noise: MatchedNoise, place: (Int) -> UnsafeMutablePointer<Float>) {
    sigma = point.logVariance.map { $0 / 2 }
    sigma.withUnsafeMutableBufferPointer {
      InstructionSet.reproducible.kernels.exp_double($0.count, $0.baseAddress, $0.baseAddress)
    }
    let size = point.mean.count
    noise.values.withUnsafeBufferPointer { noise in
      for sample in 0..<noise.count / size {
        let z = place(sample)
        for l in 0..<size {
          z[l] = Float(point.mean[l] + sigma[l] * noise[sample * size + l])
        }
      }
    }
  }

  /// One step of Adam from log p(x|z) and d(−log p)/dz of each draw.
  func step(
    _ noise: MatchedNoise, results: (Int) -> (logDensity: Float, gradient: UnsafePointer<Float>)
  ) {
    let size = point.mean.count
    var bound = 0.0
    var gradient = [Double](repeating: 0, count: 2 * size)
    noise.values.withUnsafeBufferPointer { epsilon in
      gradient.withUnsafeMutableBufferPointer { gradient in
        for sample in 0..<noise.samples {
          let (logDensity, dz) = results(sample)
          bound += Double(logDensity)
          for l in 0..<size {
            let slope = Double(dz[l])
            gradient[l] += slope
            gradient[size + l] += slope * epsilon[sample * size + l]
          }
        }
      }
    }
    bound /= Double(noise.samples)
    let beta = configuration.beta
    for l in 0..<size {
      let (mean, variance) = (point.mean[l], sigma[l] * sigma[l])
      bound -= beta * (mean * mean + variance - 1 - point.logVariance[l]) / 2
      gradient[l] = gradient[l] / Double(noise.samples) + beta * mean
      gradient[size + l] =
        (gradient[size + l] / Double(noise.samples) * sigma[l] + beta * (variance - 1)) / 2
    }
    // A bound that is not finite is never the best: the next window goes back and on more slowly.
    if bound > bestBound { (bestBound, best) = (bound, point) }
    if steps > 0, steps % InferenceConfiguration.window == 0 { closeWindow(&gradient) }
    isDone = hasConverged || steps == configuration.maximumSteps
    guard !isDone else { return }
    adam(gradient)
    steps += 1
  }

  private func closeWindow(_ gradient: inout [Double]) {
    let isIdle = !(bestBound - windowStart >= configuration.tolerance)
    windowStart = bestBound
    guard isIdle else {
      idleWindows = 0
      return
    }
    idleWindows += 1
    hasConverged = idleWindows == 4
    rate /= 3
    // From the best point again, whose gradient is met with the next draws of z.
    point = best
    for i in gradient.indices { gradient[i] = 0 }
    for i in first.indices { (first[i], second[i]) = (0, 0) }
    decay = (1, 1)
  }

  private func adam(_ gradient: [Double]) {
    let (beta1, beta2) = (0.9, 0.99)
    decay = (decay.first * beta1, decay.second * beta2)
    let size = point.mean.count
    let bound = Double(LogVariance.bound)
    for i in gradient.indices {
      first[i] = beta1 * first[i] + (1 - beta1) * gradient[i]
      second[i] = beta2 * second[i] + (1 - beta2) * gradient[i] * gradient[i]
      let step =
        rate * (first[i] / (1 - decay.first))
        / ((second[i] / (1 - decay.second)).squareRoot() + 1e-12)
      if i < size {
        point.mean[i] -= step
      } else {
        point.logVariance[i - size] = min(bound, max(-bound, point.logVariance[i - size] - step))
      }
    }
  }
}
