import LatentKernels
import LatentNetworks

/// The evidence lower bound of a batch, and where wanted its gradient and the step on it, as one plan
/// (Kingma and Welling 2014):
///
///     loss = 1/rows Σ (−log p(x|z) + β D_KL(q(z|x) ‖ p(z))),  z = μ(x) + σ(x) ε
public struct ELBOPlan {
  /// What a plan does with its batch.
  public enum Work: Sendable, Equatable {
    /// Forward only.
    case evaluation
    /// Gradients of all parameters written to `parameters.gradients`.
    case gradient
    /// Adam inside the weight gradients: the fastest step.
    case step
  }

  /// The operations.
  public private(set) var plan: Plan
  /// What each operation is; an operation's label is its index here.
  public let phases: [String]
  /// Rows of the largest batch.
  public let capacity: Int
  private let workspace: Storage<Float>
  private let rowIndex: Storage<UInt32>
  private let batches: BatchSource
  private let logDensity, kl: Operand

  /// Builds the plan of `work` on batches of up to `capacity` rows.
  ///
  /// - Throws: ``ShapeError`` when the batches do not fit the networks.
  public init(
    _ networks: VariationalNetworks, batches: BatchSource, capacity: Int, work: Work,
    freeBits: Bool = false
  ) throws {
    let architecture = networks.architecture
    guard batches.columns == architecture.dimensions else {
      throw ShapeError(
        "The model expects \(architecture.dimensions) columns, the data has \(batches.columns).")
    }
    self.capacity = capacity
    self.batches = batches
    rowIndex = Storage<UInt32>(count: capacity)
    let latents = architecture.latentDimensions
    var builder = StepBuilder(
      parameters: networks.parameters, capacity: capacity, rowIndex: rowIndex)
    let x = batches.appendLoad(to: &builder)
    let ones = batches.isBinary && !networks.encoder.hidden.isEmpty
    if ones { builder.listOnes(of: x, columns: batches.columns) }
    let encoded = builder.forwardHidden(networks.encoder, input: x, ones: ones)
    let heads = builder.forward(networks.encoder.outputLayer, input: encoded[encoded.count - 1])
    let latent = builder.reparameterize(heads, latentDimensions: latents)
    let decoded = builder.forwardHidden(networks.decoder, input: latent.z)
    let output = builder.likelihood(
      networks, input: decoded[decoded.count - 1], target: x, gradient: work != .evaluation)
    if let gradient = output.gradient {
      let gate = freeBits ? builder.gate(latent, latentDimensions: latents) : nil
      let decoderGradients = builder.backwardInputs(
        networks.decoder, activations: decoded, gradient: gradient, inputGradient: true)
      let headGradient = builder.reparameterizeBackward(
        latent, gradient: decoderGradients.input!, gate: gate, latentDimensions: latents)
      let encoderGradients = builder.backwardInputs(
        networks.encoder, activations: encoded, gradient: headGradient, inputGradient: false)
      logDensity = builder.likelihoodRows(networks, partial: output.partial, reads: .settled)
      let update = work == .step
      builder.backwardWeights(
        networks.decoder, activations: decoded, gradients: decoderGradients.layers, update: update)
      builder.varianceBackward(networks, gradient: gradient, update: update)
      builder.backwardWeights(
        networks.encoder, activations: encoded, ones: ones, gradients: encoderGradients.layers,
        update: update)
    } else {
      logDensity = builder.likelihoodRows(networks, partial: output.partial, reads: .allRows)
    }
    kl = latent.kl
    phases = builder.phases
    (plan, workspace) = builder.finish()
    try plan.check(rows: capacity)
  }

  /// Runs the plan on a batch of the data's rows.
  public func execute(on backend: any Backend, rows: ArraySlice<UInt32>, run: Run) {
    precondition(rows.count <= capacity)
    for (position, row) in rows.enumerated() {
      precondition(Int(row) < batches.count)
      rowIndex.pointer[position] = row
    }
    var run = run
    run.rows = UInt32(rows.count)
    plan.execute(on: backend, run: run)
  }

  /// log p(x|z) of a row of the last batch, nats.
  public func logDensity(_ row: Int) -> Float { workspace.pointer[Int(logDensity.offset) + row] }
  /// D_KL(q(z|x) ‖ p(z)) of a row of the last batch, nats.
  public func kl(_ row: Int) -> Float { workspace.pointer[Int(kl.offset) + row] }

  /// The first phase whose result in the last batch of `rows` rows is not finite.
  public func firstNonFinitePhase(rows: Int) -> String? {
    for operation in plan.operations {
      for operand in [operation.output, operation.gradient, operation.kl, operation.log_density]
      where operand.exists && Int(operand.buffer) < plan.buffers.count {
        guard plan.buffers[Int(operand.buffer)].data == workspace.pointer else { continue }
        let values = workspace.pointer + Int(operand.offset)
        let stride = max(1, Int(operand.stride))
        for index in 0..<rows * stride where !values[index].isFinite {
          return phases[Int(operation.label)]
        }
      }
    }
    return nil
  }
}
