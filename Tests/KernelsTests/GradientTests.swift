import Foundation
import LatentKernels
import Testing

/// The reference's backward operations against central differences of its forward ones, in double
/// precision, away from kinks.
@Suite struct GradientTests {
  private var random = SplitMix(state: 7)
  let rows = 5
  let run = Run(
    rows: 5, epoch: 1, sample: 0, step: 0, seed: 11, objective_scale: 0.2, beta: 0.7, free_bits: 0,
    decay1: 0, decay2: 0, rate: 0, epsilon: 0)

  private mutating func values(_ count: Int, in range: ClosedRange<Double> = -1...1) -> [Double] {
    (0..<count).map { _ in random.float(in: range) }
  }

  /// Two layers, so that the gradient of the first passes through the activation.
  @Test(arguments: 0..<UInt32(LATENT_ACTIVATION_COUNT))
  mutating func linear(_ activation: UInt32) {
    let activation = latent_activation(rawValue: activation)
    let (inner, hidden, columns) = (4, 6, 3)
    let x = values(rows * inner)
    let (w1, b1) = (values(inner * hidden), values(hidden))
    let (w2, b2) = (values(hidden * columns), values(columns))
    let coefficients = values(rows * columns)
    func forward(_ w1: [Double], _ b1: [Double]) -> [Double] {
      linearForward(x, w1, b1, inner, hidden, activation)
    }
    func loss(_ w1: [Double], _ b1: [Double], _ w2: [Double], _ b2: [Double]) -> Double {
      dot(coefficients, linearForward(forward(w1, b1), w2, b2, hidden, columns))
    }

    let h = forward(w1, b1)
    let (dw2, db2) = linearBackwardWeights(h, coefficients, hidden, columns)
    expectClose(dw2, differences(at: w2) { loss(w1, b1, $0, b2) })
    expectClose(db2, differences(at: b2) { loss(w1, b1, w2, $0) })

    var backward = operation(LATENT_OP_LINEAR_BACKWARD_INPUT, hidden, columns)
    backward.activation = activation
    let dh = apply(
      [backward],
      [
        matrix(\.gradient, columns, coefficients), matrix(\.input, hidden, h),
        panels(\.weights_transposed, columns, hidden, transpose(w2, hidden, columns)),
        output(\.output, .matrix(rows: rows, columns: hidden, stride: hidden)),
      ])
    let (dw1, db1) = linearBackwardWeights(x, dh[\.output]!, inner, hidden)
    expectClose(dw1, differences(at: w1) { loss($0, b1, w2, b2) })
    expectClose(db1, differences(at: b1) { loss(w1, $0, w2, b2) })
  }

  @Test(arguments: 0..<UInt32(LATENT_LIKELIHOOD_COUNT))
  mutating func likelihood(_ raw: UInt32) {
    let likelihood = latent_likelihood(rawValue: raw)
    let paired = likelihood == LATENT_LIKELIHOOD_GAUSSIAN
    // 17 dimensions: a second pair of panels that is nearly all pad.
    let (inner, dimensions) = (4, 17)
    let columns = paired ? 64 : dimensions
    let isReal = (0..<columns).map { !paired || $0 / 32 * 16 + $0 % 16 < dimensions }
    func masked(_ values: [Double]) -> [Double] {
      values.enumerated().map { isReal[$0.offset % columns] ? $0.element : 0 }
    }
    let x = values(rows * inner)
    let (w, b) = (masked(values(inner * columns)), masked(values(columns)))
    let target = values(rows * dimensions, in: 0...1)
    let variance = values(likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED ? 1 : dimensions)

    var forward = operation(LATENT_OP_LIKELIHOOD_FORWARD, inner, columns)
    forward.likelihood = likelihood
    forward.dimensions = UInt32(dimensions)
    var sum = forward
    sum.kind = LATENT_OP_LIKELIHOOD_ROWS
    func results(_ w: [Double], _ b: [Double], _ variance: [Double]) -> Values {
      apply(
        [forward, sum],
        [
          matrix(\.input, inner, x), panels(\.weights, inner, columns, w),
          panels(\.bias, 1, columns, b), matrix(\.target, dimensions, target),
          vector(\.variance, variance), output(\.partial, .scratch(rows: rows, stride: columns)),
          output(\.gradient, .matrix(rows: rows, columns: columns, stride: columns)),
          output(\.log_density, .vector(rows)),
        ])
    }
    func loss(_ w: [Double], _ b: [Double], _ variance: [Double]) -> Double {
      -Double(run.objective_scale) * results(w, b, variance)[\.log_density]!.reduce(0, +)
    }

    let gradient = results(w, b, variance)[\.gradient]!
    let (dw, db) = linearBackwardWeights(x, gradient, inner, columns)
    expectClose(dw, masked(differences(at: w) { loss($0, b, variance) }))
    expectClose(db, masked(differences(at: b) { loss(w, $0, variance) }))
    guard
      [LATENT_LIKELIHOOD_GAUSSIAN_SHARED, LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL].contains(likelihood)
    else { return }
    var backward = forward
    backward.kind = LATENT_OP_VARIANCE_BACKWARD
    let found = apply(
      [backward],
      [
        matrix(\.gradient, columns, gradient), vector(\.variance, variance),
        output(\.bias_gradient, .vector(variance.count)),
      ])
    expectClose(found[\.bias_gradient]!, differences(at: variance) { loss(w, b, $0) })
  }

  @Test mutating func reparameterize() {
    let latent = 3
    let input = values(rows * 2 * latent, in: -2...2)
    let coefficients = values(rows * latent)
    let gate = [1.0, 0, 1]
    var forward = operation(LATENT_OP_REPARAMETERIZE, 0, 0)
    forward.dimensions = UInt32(latent)
    let matrixLayout = Tensor.Layout.matrix(rows: rows, columns: latent, stride: latent)
    func results(_ input: [Double]) -> Values {
      apply(
        [forward],
        [
          matrix(\.input, 2 * latent, input), output(\.output, matrixLayout),
          output(\.epsilon, matrixLayout), output(\.log_variance, matrixLayout),
          output(\.kl, .vector(rows)),
        ])
    }
    let there = results(input)
    var backward = forward
    backward.kind = LATENT_OP_REPARAMETERIZE_BACKWARD
    let found = apply(
      [backward],
      [
        matrix(\.gradient, latent, coefficients), matrix(\.input, 2 * latent, input),
        matrix(\.epsilon, latent, there[\.epsilon]!), vector(\.gate, gate),
        matrix(\.log_variance, latent, there[\.log_variance]!),
        output(\.output, .matrix(rows: rows, columns: 2 * latent, stride: 2 * latent)),
      ])
    let reconstruction = differences(at: input) { dot(coefficients, results($0)[\.output]!) }
    let kl = differences(at: input) { results($0)[\.kl]!.reduce(0, +) }
    // The KL is a sum over dimensions: the gate picks terms of its gradient.
    let weight = Double(run.objective_scale) * Double(run.beta)
    let expected = input.indices.map { reconstruction[$0] + weight * gate[$0 % latent] * kl[$0] }
    expectClose(found[\.output]!, expected)
  }

  /// With constant decays the scaled moments are the textbook's, its bias correction in the rate and
  /// in epsilon.
  @Test mutating func adam() {
    let (beta1, beta2, rate, epsilon, count) = (0.5, 0.75, 0.25, 0.125, 4)
    let gradients = (0..<3).map { _ in values(count) }
    var expected = values(count)
    var updated: Values = [
      \.bias: expected, \.bias_first_moment: [Double](repeating: 0, count: count),
      \.bias_second_moment: [Double](repeating: 0, count: count),
    ]
    var (m, v) = ([0.0, 0, 0, 0], [0.0, 0, 0, 0])
    for (step, gradient) in gradients.enumerated() {
      let (correction1, correction2) = (
        1 - pow(beta1, Double(step + 1)), 1 - pow(beta2, Double(step + 1))
      )
      for i in 0..<count {
        m[i] = beta1 * m[i] + (1 - beta1) * gradient[i]
        v[i] = beta2 * v[i] + (1 - beta2) * gradient[i] * gradient[i]
        expected[i] -= rate * (m[i] / correction1) / ((v[i] / correction2).squareRoot() + epsilon)
      }
      // rate * m (1 - b1) / c1 / (sqrt(v (1 - b2) / c2) + epsilon), multiplied out.
      let root = ((1 - beta2) / correction2).squareRoot()
      var run = run
      (run.decay1, run.decay2) = (Float(beta1), Float(beta2))
      run.rate = Float(rate * (1 - beta1) / correction1 / root)
      run.epsilon = Float(epsilon / root)
      updated =
        Workbench<Double>.run(
          [operation(LATENT_OP_ADAM, 0, count)],
          tensors: [vector(\.bias_gradient, gradient)]
            + updated.map { Tensor($0.key, .vector(count), .updated, $0.value) },
          run: run, execute: ReferenceInterpreter<Double>().execute
        ).values
    }
    // The run's rate and epsilon are floats.
    #expect(relativeError(updated[\.bias]!, expected) < 1e-7)
  }
}
