import LatentKernels
import LatentNetworks

/// log p(x|z) of a batch for latents z that the caller gives, and where wanted its gradient by z, and
/// by the decoder's parameters: what inference without an encoder is made of.
///
/// A batch may name a row of the data many times, once for each of its draws of z.
public struct LikelihoodPlan {
  /// What a plan does with its batch.
  public enum Work: Sendable, Equatable {
    /// log p(x|z) only.
    case evaluation
    /// d(−log p)/dz beside it.
    case latentGradient
    /// Gradients of the decoder's parameters written to `parameters.gradients`.
    case gradient
    /// Adam inside the decoder's weight gradients.
    case step
  }

  /// The operations.
  public private(set) var plan: Plan
  /// What each operation is; an operation's label is its index here.
  public let phases: [String]
  /// Rows of the largest batch.
  public let capacity: Int
  /// Dimensions L of z.
  public let latentDimensions: Int
  private let workspace: Storage<Float>
  private let rowIndex: Storage<UInt32>
  private let batches: BatchSource
  private let z, logDensity: Operand
  private let latentGradient: Operand?

  /// - Throws: ``ShapeError`` when the data has another width than the model; ``SettingError`` for a
  ///   capacity out of range, or that memory does not hold.
  public init(
    _ networks: VariationalNetworks, batches: BatchSource, capacity: Int, work: Work
  ) throws {
    let architecture = networks.architecture
    guard batches.columns == architecture.dimensions else {
      throw ShapeError(
        "The model expects \(architecture.dimensions) columns, the data has \(batches.columns).")
    }
    try checkCapacity(capacity)
    self.capacity = capacity
    self.batches = batches
    latentDimensions = architecture.latentDimensions
    rowIndex = Storage<UInt32>(count: capacity)
    var builder = StepBuilder(
      parameters: networks.parameters, capacity: capacity, rowIndex: rowIndex)
    let x = batches.appendLoad(to: &builder)
    z = builder.matrix(columns: architecture.latentDimensions)
    let decoded = builder.forwardHidden(networks.decoder, input: z)
    let output = builder.likelihood(
      networks, input: decoded[decoded.count - 1], target: x,
      missing: batches.hasMissing, gradient: work != .evaluation)
    logDensity = builder.likelihoodRows(networks, partial: output.partial, reads: .allRows)
    if let gradient = output.gradient {
      let gradients = builder.backwardInputs(
        networks.decoder, activations: decoded, gradient: gradient,
        inputGradient: work == .latentGradient)
      latentGradient = gradients.input
      if work != .latentGradient {
        builder.backwardWeights(
          networks.decoder, activations: decoded, gradients: gradients.layers,
          update: work == .step)
        builder.varianceBackward(
          networks, gradient: gradient, missingIn: batches.hasMissing ? x : nil,
          update: work == .step)
      }
    } else {
      latentGradient = nil
    }
    phases = builder.phases
    try builder.checkWorkspace()
    (plan, workspace) = builder.finish()
    try plan.check(rows: capacity)
  }

  /// Names the row of the data behind a row of the batch, and gives the place of its z, [L].
  public func place(_ position: Int, dataRow: Int) -> UnsafeMutablePointer<Float> {
    precondition(0..<capacity ~= position && 0..<batches.count ~= dataRow)
    rowIndex.pointer[position] = UInt32(dataRow)
    return workspace.pointer + Int(z.offset) + position * Int(z.stride)
  }

  /// Runs the plan on the first `rows` places.
  public func execute(on backend: any Backend, rows: Int, run: Run) {
    precondition(rows <= capacity)
    var run = run
    run.rows = UInt32(rows)
    plan.execute(on: backend, run: run)
  }

  /// What the plan works in.
  var workspaceBytes: Double { 4 * Double(workspace.count) }

  /// What of the last batch is not finite.
  var diagnosis: StepDiagnosis {
    StepDiagnosis(plan: plan, phases: phases, hasMissing: batches.hasMissing)
  }

  /// log p(x|z) of a row of the last batch, nats.
  ///
  /// - Precondition: the row is below ``capacity``, here and below.
  public func logDensity(_ row: Int) -> Float {
    precondition(0..<capacity ~= row, "a row of a batch is below its capacity")
    return workspace.pointer[Int(logDensity.offset) + row]
  }

  /// d(−log p)/dz of a row of the last batch times the run's `objective_scale`, [L].
  public func latentGradient(_ row: Int) -> UnsafePointer<Float> {
    precondition(0..<capacity ~= row, "a row of a batch is below its capacity")
    guard let latentGradient else { preconditionFailure("the plan has no gradient of latents") }
    return UnsafePointer(
      workspace.pointer + Int(latentGradient.offset) + row * Int(latentGradient.stride))
  }
}
