import LatentKernels
import LatentNetworks

/// One product of one layer as a plan of one operation, weights packed, inputs row-major.
package struct SingleLayer {
  package enum Product: String, CaseIterable, Sendable {
    /// f(x W + b)
    case forward
    /// (dy Wᵀ) f'(x)
    case inputGradient
    /// xᵀ dy and its bias's, written out
    case weightGradient
  }

  package let flops: Double
  private let plan: Plan
  private let backend: any Backend
  private var run = Run()
  // The plan points into both.
  private let parameters: Parameters
  private let workspace: Storage<Float>

  package init(
    _ product: Product, rows: Int, inputs: Int, columns: Int, activation: Activation,
    backend: any Backend
  ) throws {
    var layout = ParameterLayout()
    let layer = try layout.addLayer(
      inputs: inputs, columns: columns, activation: activation,
      slices: [ColumnSlice(name: "layer", count: columns)], inputNeedsGradient: true)
    parameters = Parameters(layout)
    parameters.initialize(seed: 1)
    var builder = StepBuilder(parameters: parameters, capacity: rows)
    let x = builder.matrix(columns: inputs)
    let dy = builder.matrix(columns: columns)
    switch product {
    case .forward: _ = builder.forward(layer, input: x)
    case .inputGradient:
      _ = builder.backwardInput(layer, gradient: dy, input: x, activation: activation)
    case .weightGradient: builder.backwardWeights(layer, input: x, gradient: dy, update: false)
    }
    (plan, workspace) = builder.finish()
    try plan.check(rows: rows)
    for row in 0..<rows {
      SyntheticRows.fillNormal(
        workspace.pointer + Int(x.offset) + row * Int(x.stride), count: inputs, row: row)
      SyntheticRows.fillNormal(
        workspace.pointer + Int(dy.offset) + row * Int(dy.stride), count: columns, row: rows + row,
        scale: 0.01)
    }
    self.backend = backend
    flops = 2 * Double(rows * layer.multiplyAdds)
    run.rows = UInt32(rows)
    run.objective_scale = 1
  }

  package func callAsFunction() { plan.execute(on: backend, run: run) }
}
