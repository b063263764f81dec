import LatentKernels
import LatentNetworks

/// log N(x; μ, σ²) of each row of a matrix, and its gradient with respect to μ and log σ².
///
/// No operation does that alone: the means and log-variances come from a layer with a single input,
/// so that they are made in registers. It reads x and writes two gradients as large.
package struct GaussianDensity {
  package let bytes: Double
  private let plan: Plan
  private let backend: any Backend
  private var run = Run()
  // The plan points into both.
  private let networks: VariationalNetworks
  private let workspace: Storage<Float>

  package init(rows: Int, dimensions: Int, backend: any Backend) throws {
    networks = try VariationalNetworks(
      Architecture(
        dimensions: dimensions, hidden: [], latentDimensions: 1, likelihood: .gaussian))
    networks.parameters.initialize(seed: 1)
    var builder = StepBuilder(parameters: networks.parameters, capacity: rows)
    let z = builder.matrix(columns: 1)
    let x = builder.matrix(columns: dimensions)
    let output = builder.likelihood(networks, input: z, target: x, gradient: true)
    _ = builder.likelihoodRows(networks, partial: output.partial, reads: .allRows)
    (plan, workspace) = builder.finish()
    try plan.check(rows: rows)
    for row in 0..<rows {
      SyntheticRows.fillNormal(
        workspace.pointer + Int(x.offset) + row * Int(x.stride), count: dimensions, row: row)
      SyntheticRows.fillNormal(
        workspace.pointer + Int(z.offset) + row * Int(z.stride), count: 1, row: rows + row)
    }
    self.backend = backend
    bytes = 3 * 4 * Double(rows * dimensions)
    run.rows = UInt32(rows)
    run.objective_scale = 1 / Float(rows)
  }

  package func callAsFunction() { plan.execute(on: backend, run: run) }
}
