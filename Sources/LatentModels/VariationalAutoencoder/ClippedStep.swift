import LatentKernels
import LatentNetworks

/// A step whose gradient is no longer than a limit (Pascanu et al. 2013): gradients of all parameters are
/// written out, scaled down together where their Euclidean norm is above it, and then taken into Adam.
struct ClippedStep: TrainingStep {
  let limit: Double
  private let gradient: ELBOPlan
  private let update: Plan
  private let phases: [String]
  private let parameters: Parameters

  /// - Parameter gradient: with `work: .gradient`, of these parameters.
  init(_ gradient: ELBOPlan, of parameters: Parameters, limit: Double) throws {
    (self.gradient, self.parameters, self.limit) = (gradient, parameters, limit)
    var builder = StepBuilder(parameters: parameters, capacity: 1)
    for layer in parameters.layers { builder.adam(layer) }
    for vector in parameters.vectors { builder.adam(vector) }
    phases = builder.phases
    update = builder.finish().plan
    try update.check(rows: 1)
  }

  var capacity: Int { gradient.capacity }
  func logDensity(_ row: Int) -> Float { gradient.logDensity(row) }
  func kl(_ row: Int) -> Float { gradient.kl(row) }
  func evidenceBound(_ row: Int, beta: Float) -> Float { gradient.evidenceBound(row, beta: beta) }

  func execute(on backend: any Backend, rows: ArraySlice<UInt32>, run: Run) {
    gradient.execute(on: backend, rows: rows, run: run)
    parameters.clipGradients(to: limit)
    var run = run
    run.rows = 1
    update.execute(on: backend, run: run)
  }

  func firstNotFinite(rows: Int) -> String? {
    gradient.firstNotFinite(rows: rows)
      ?? StepDiagnosis(plan: update, phases: phases, hasMissing: false).firstNotFinite(rows: 1)
  }

  func largestInput(rows: Int) -> Float? { gradient.largestInput(rows: rows) }
}

extension Parameters {
  /// Scales the written gradients down to a Euclidean norm of `limit`, where it is above; 0: no limit.
  func clipGradients(to limit: Double) {
    guard limit > 0 else { return }
    let values = gradients.values[..<self.values.count]
    let norm = UnsafeBufferPointer(rebasing: values).sumOfSquares.squareRoot()
    // One that is not finite stays as it is, to be found.
    guard norm > limit, norm.isFinite else { return }
    let scale = Float(limit / norm)
    for index in values.indices { gradients.values[index] *= scale }
  }
}
