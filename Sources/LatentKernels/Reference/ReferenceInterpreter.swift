/// What the operations mean: plain loops, all arithmetic in double precision. Every other backend is
/// compared with it, so this is the specification in code.
///
/// Buffers hold `Scalar`: `Float` behind the networks, `Double` where a test takes differences.
public struct ReferenceInterpreter<Scalar: BinaryFloatingPoint & Sendable>: Sendable {
  /// An interpreter; it holds nothing.
  public init() {}

  /// Executes `operations` in their order on `buffers`; see ``Backend``.
  public func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run) {
    for operation in operations {
      let step = ReferenceStep<Scalar>(operation: operation, buffers: buffers, run: run)
      switch operation.kind {
      case LATENT_OP_LOAD_ROWS: step.loadRows()
      case LATENT_OP_LINEAR_FORWARD: step.linearForward()
      case LATENT_OP_LOG_DENSITY: step.logDensity()
      case LATENT_OP_LIKELIHOOD_FORWARD: step.likelihoodForward()
      case LATENT_OP_LIKELIHOOD_ROWS: step.likelihoodRows()
      case LATENT_OP_REPARAMETERIZE: step.reparameterize()
      case LATENT_OP_KL_GATE: step.klGate()
      case LATENT_OP_REPARAMETERIZE_BACKWARD: step.reparameterizeBackward()
      case LATENT_OP_LINEAR_BACKWARD_INPUT: step.linearBackwardInput()
      case LATENT_OP_LINEAR_BACKWARD_WEIGHTS: step.linearBackwardWeights()
      case LATENT_OP_ADAM: step.adam()
      case LATENT_OP_VARIANCE_BACKWARD: step.varianceBackward()
      case LATENT_OP_LIST_ONES: break  // only makes the dense products faster
      case LATENT_OP_DRAW_WEIGHTS: step.drawWeights()
      case LATENT_OP_WEIGH_ROWS: step.weighRows()
      default: preconditionFailure("unknown operation \(operation.kind.rawValue)")
      }
    }
  }
}

/// The specification behind the networks: floats in memory, double precision in between.
public struct ReferenceBackend: Backend {
  /// "reference".
  public let name = "reference"
  private let interpreter = ReferenceInterpreter<Float>()

  /// A backend; it holds nothing.
  public init() {}

  /// Executes the operations one after another, in double, on buffers of floats.
  public func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run) {
    interpreter.execute(operations, on: buffers, run: run)
  }
}

/// One operation at work. What it computes stands in the extensions, one file a theme.
struct ReferenceStep<Scalar: BinaryFloatingPoint & Sendable> {
  let operation: PlanOperation
  let buffers: [Buffer]
  let run: Run

  /// Rows that the operation works on: the batch's, each as often as it has draws of z.
  var rows: Int { Int(run.rows) * samples }
  var samples: Int { max(1, Int(operation.samples)) }
  var inner: Int { Int(operation.inner) }
  var columns: Int { Int(operation.columns) }
  var dimensions: Int { Int(operation.dimensions) }

  /// Operands as views; one of an operand that does not exist must not be subscripted.
  func matrix(_ operand: Operand) -> MatrixView<Scalar> {
    MatrixView(base: pointer(operand), stride: Int(operand.stride))
  }
  func vector(_ operand: Operand) -> VectorView<Scalar> { VectorView(base: pointer(operand)) }
  func panels(_ operand: Operand, rows: Int) -> PanelsView<Scalar> {
    PanelsView(base: pointer(operand), rows: rows)
  }

  func pointer<Element>(
    _ operand: Operand, as type: Element.Type = Scalar.self
  ) -> UnsafeMutablePointer<Element>! {
    guard operand.exists else { return nil }
    return buffers[Int(operand.buffer)].data.assumingMemoryBound(to: Element.self)
      + Int(operand.offset)
  }

  /// The data set's row behind a row of the batch; the same one where no index is given.
  func dataRow(_ row: Int) -> Int {
    operation.row_index.exists
      ? Int(pointer(operation.row_index, as: UInt32.self)[row]) : row
  }

  /// The random numbers of one row of the batch.
  func random(_ purpose: latent_purpose, row: Int, sample: UInt32 = 0) -> CounterRandom {
    CounterRandom(
      seed: run.seed, purpose: purpose, sample: sample, row: UInt32(dataRow(row)), epoch: run.epoch)
  }
}
