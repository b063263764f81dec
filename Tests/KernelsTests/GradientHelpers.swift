import LatentKernels
import Testing

typealias Values = [WritableKeyPath<PlanOperation, Operand>: [Double]]

extension GradientTests {
  func operation(_ kind: latent_op_kind, _ inner: Int, _ columns: Int) -> PlanOperation {
    var operation = PlanOperation()
    operation.kind = kind
    operation.inner = UInt32(inner)
    operation.columns = UInt32(columns)
    operation.dimensions = UInt32(columns)
    return operation
  }

  func apply(_ operations: [PlanOperation], _ tensors: [Tensor]) -> Values {
    Workbench<Double>.run(
      operations, tensors: tensors, run: run, execute: ReferenceInterpreter<Double>().execute
    ).values
  }

  // MARK: Operands

  func matrix(
    _ path: WritableKeyPath<PlanOperation, Operand>, _ columns: Int, _ values: [Double]
  ) -> Tensor {
    Tensor(path, .matrix(rows: rows, columns: columns, stride: columns), .input, values)
  }

  func panels(
    _ path: WritableKeyPath<PlanOperation, Operand>, _ rows: Int, _ columns: Int, _ values: [Double]
  ) -> Tensor {
    Tensor(path, .panels(rows: rows, columns: columns), .input, values)
  }

  func vector(_ path: WritableKeyPath<PlanOperation, Operand>, _ values: [Double]) -> Tensor {
    Tensor(path, .vector(values.count), .input, values)
  }

  func output(_ path: WritableKeyPath<PlanOperation, Operand>, _ layout: Tensor.Layout) -> Tensor {
    Tensor(path, layout, .output)
  }

  // MARK: Layers

  func linearForward(
    _ x: [Double], _ w: [Double], _ b: [Double], _ inner: Int, _ columns: Int,
    _ activation: latent_activation = LATENT_ACTIVATION_IDENTITY
  ) -> [Double] {
    var forward = operation(LATENT_OP_LINEAR_FORWARD, inner, columns)
    forward.activation = activation
    return apply(
      [forward],
      [
        matrix(\.input, inner, x), panels(\.weights, inner, columns, w),
        panels(\.bias, 1, columns, b),
        output(\.output, .matrix(rows: rows, columns: columns, stride: columns)),
      ])[\.output]!
  }

  func linearBackwardWeights(
    _ x: [Double], _ gradient: [Double], _ inner: Int, _ columns: Int
  ) -> (weights: [Double], bias: [Double]) {
    let found = apply(
      [operation(LATENT_OP_LINEAR_BACKWARD_WEIGHTS, inner, columns)],
      [
        matrix(\.input, inner, x), matrix(\.gradient, columns, gradient),
        output(\.weights_gradient, .panels(rows: inner, columns: columns)),
        output(\.bias_gradient, .panels(rows: 1, columns: columns)),
      ])
    return (found[\.weights_gradient]!, found[\.bias_gradient]!)
  }

  // MARK: Numbers

  /// The gradient of `loss` by central differences.
  func differences(at point: [Double], _ loss: ([Double]) -> Double) -> [Double] {
    let step = 0x1p-16
    return point.indices.map { index in
      var (above, below) = (point, point)
      above[index] += step
      below[index] -= step
      return (loss(above) - loss(below)) / (2 * step)
    }
  }

  func expectClose(
    _ found: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    #expect(relativeError(found, expected) <= 1e-7, sourceLocation: sourceLocation)
  }

  func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

  func transpose(_ values: [Double], _ rows: Int, _ columns: Int) -> [Double] {
    (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
  }
}
