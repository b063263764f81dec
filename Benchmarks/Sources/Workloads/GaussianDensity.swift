import LatentKernels

/// log N(x; μ, σ²) of each row of a matrix, and its gradient with respect to μ and log σ².
///
/// Means and log-variances stand in memory like x: three matrices are read and two written.
package struct GaussianDensity {
  package let bytes: Double
  private var plan = Plan()
  private let backend: any Backend
  private var run = Run()

  package init(rows: Int, dimensions: Int, backend: any Backend) throws {
    self.backend = backend
    func filled(_ seed: Int, scale: Float) -> Storage<Float> {
      let storage = Storage<Float>(count: rows * dimensions)
      for row in 0..<rows {
        SyntheticRows.fillNormal(
          storage.pointer + row * dimensions, count: dimensions, row: seed * rows + row,
          scale: scale)
      }
      return storage
    }
    func matrix(_ storage: Storage<Float>, in plan: inout Plan) -> Operand {
      Operand(buffer: plan.addBuffer(storage), stride: UInt32(dimensions), offset: 0)
    }
    var density = PlanOperation()
    density.kind = LATENT_OP_LOG_DENSITY
    density.likelihood = LATENT_LIKELIHOOD_GAUSSIAN
    density.dimensions = UInt32(dimensions)
    density.input = matrix(filled(0, scale: 1), in: &plan)
    density.target = matrix(filled(1, scale: 1), in: &plan)
    density.log_variance = matrix(filled(2, scale: 0.5), in: &plan)
    density.gradient = matrix(filled(3, scale: 1), in: &plan)
    density.output = matrix(filled(4, scale: 1), in: &plan)
    density.log_density = Operand(
      buffer: plan.addBuffer(Storage<Float>(count: rows)), stride: 0, offset: 0)
    plan.append(density)
    try plan.check(rows: rows)
    bytes = 5 * 4 * Double(rows * dimensions)
    run.rows = UInt32(rows)
    run.objective_scale = 1 / Float(rows)
  }

  package func callAsFunction() { plan.execute(on: backend, run: run) }
}
