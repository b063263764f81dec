import Foundation
import LatentKernels
import Testing

/// The continuous Bernoulli (Loaiza-Ganem and Cunningham 2019) at parameters l and values x where its terms
/// cancel: black and white pixels that a decoder is sure of.
@Suite struct ContinuousBernoulliTests {
  /// log p = x l - log((e^l - 1) / l) and d(-log p)/dl = 1 / (1 - e^-l) - 1 / l - x, about the end of [0, 1] that
  /// the mean is near.
  private func exact(_ l: Double, _ x: Double) -> (logDensity: Double, gradient: Double) {
    guard l != 0 else { return (0, 0.5 - x) }
    let a = abs(l)
    let rest = -expm1(-a)
    let distance = 1 / a - exp(-a) / rest
    return (
      (l > 0 ? x - 1 : x) * l - log(rest / a), l > 0 ? (1 - x) - distance : distance - x
    )
  }

  /// Values and gradients to some ULP of the larger of their two terms, on every backend.
  @Test func nothingCancels() throws {
    let magnitudes: [Float] = [0, 0.5, 1, 1.5, 4, 30, 1e3, 1e5, 1e7, 1e8]
    let l = magnitudes + magnitudes.map { -$0 }
    for value: Float in [0, 0.25, 1] {
      for (label, backend) in backends {
        var plan = Plan()
        let (parameter, target) = (Storage<Float>(count: l.count), Storage<Float>(count: l.count))
        let (gradient, density) = (Storage<Float>(count: l.count), Storage<Float>(count: l.count))
        for i in l.indices { (parameter.pointer[i], target.pointer[i]) = (l[i], value) }
        var operation = PlanOperation()
        operation.kind = LATENT_OP_LOG_DENSITY
        operation.likelihood = LATENT_LIKELIHOOD_CONTINUOUS_BERNOULLI
        operation.dimensions = 1
        operation.input = Operand(buffer: plan.addBuffer(parameter), stride: 1, offset: 0)
        operation.target = Operand(buffer: plan.addBuffer(target), stride: 1, offset: 0)
        operation.gradient = Operand(buffer: plan.addBuffer(gradient), stride: 1, offset: 0)
        operation.log_density = Operand(buffer: plan.addBuffer(density), stride: 1, offset: 0)
        plan.append(operation)
        try plan.check(rows: l.count)
        var run = Run()
        run.rows = UInt32(l.count)
        run.objective_scale = 1
        plan.execute(on: backend, run: run)
        for i in l.indices {
          let (logDensity, slope) = exact(Double(l[i]), Double(value))
          let comment: Comment = "\(label): l = \(l[i]), x = \(value)"
          // A value within [0, 1] leaves x l, which no float holds more exactly.
          let scale = max(1, abs(logDensity))
          #expect(abs(Double(density.pointer[i]) - logDensity) < 4e-7 * scale, comment)
          // The series below 1 has the mean to some ULP of 1.
          let least = abs(l[i]) <= 1.5 ? 1.0 : abs(slope)
          #expect(abs(Double(gradient.pointer[i]) - slope) < 4e-7 * least, comment)
        }
      }
    }
  }
}
