import Dispatch

/// Pure Swift on SIMD types: runs wherever Swift does, at the speed of the instruction set that the
/// compiler assumes. Operations fork and join their threads one by one.
public struct SIMDBackend: Backend {
  /// "simd".
  public let name = "simd"
  /// How many threads compute.
  public let threads: Int

  /// Computes on the caller's thread.
  public init() { threads = 1 }

  /// Computes on so many threads, the caller's among them.
  ///
  /// - Throws: ``SettingError`` unless they are 1...64.
  public init(threads: Int) throws {
    try checkThreads(threads)
    self.threads = threads
  }

  /// Executes the operations one after another, each split over the threads.
  public func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run) {
    for operation in operations {
      let step = SIMDStep(operation: operation, buffers: buffers, run: run)
      forEachPart(threads) { step.execute(part: $0, of: threads) }
    }
  }
}

/// One operation at work. What it computes stands in the extensions, one file a theme; those on
/// elements only serve the backends with a product of their own, too.
struct SIMDStep {
  let operation: PlanOperation
  let buffers: [Buffer]
  let run: Run

  /// Rows that the operation works on: the batch's, each as often as it has draws of z.
  var rows: Int { Int(run.rows) * samples }
  var samples: Int { max(1, Int(operation.samples)) }
  var inner: Int { Int(operation.inner) }
  var columns: Int { Int(operation.columns) }
  var dimensions: Int { Int(operation.dimensions) }
  var panels: Int { Panels.count(columns) }

  /// Executes a thread's part: of the rows, of the panels where rows are summed.
  func execute(part: Int, of parts: Int) {
    // Whole tiles, so that threads compute no row twice.
    let tiles = share((rows + tileRows - 1) / tileRows, part, parts)
    let rowShare = min(rows, tiles.lowerBound * tileRows)..<min(rows, tiles.upperBound * tileRows)
    let panelShare = share(panels, part, parts)
    switch operation.kind {
    case LATENT_OP_LINEAR_FORWARD: linearForward(rowShare)
    case LATENT_OP_LIKELIHOOD_FORWARD: likelihoodForward(rowShare)
    case LATENT_OP_LINEAR_BACKWARD_INPUT: linearBackwardInput(rowShare)
    case LATENT_OP_LINEAR_BACKWARD_WEIGHTS: linearBackwardWeights(panelShare)
    case LATENT_OP_ADAM: adam(panelShare)
    case LATENT_OP_LOAD_ROWS: loadRows(rowShare)
    case LATENT_OP_LIKELIHOOD_ROWS: likelihoodRows(rowShare)
    case LATENT_OP_LOG_DENSITY: logDensity(rowShare)
    case LATENT_OP_REPARAMETERIZE: reparameterize(rowShare)
    case LATENT_OP_REPARAMETERIZE_BACKWARD:
      reparameterizeBackward(share(rows / samples, part, parts))
    case LATENT_OP_DRAW_WEIGHTS: drawWeights(share(rows / samples, part, parts))
    case LATENT_OP_WEIGH_ROWS: weighRows(rowShare)
    case LATENT_OP_KL_GATE: if part == 0 { klGate() }
    case LATENT_OP_VARIANCE_BACKWARD: if part == 0 { varianceBackward() }
    case LATENT_OP_LIST_ONES: break  // only makes the dense products faster
    default: preconditionFailure("unknown operation \(operation.kind.rawValue)")
    }
  }

  // MARK: Operands

  func floats(_ operand: Operand) -> Floats! {
    guard operand.exists else { return nil }
    return buffers[Int(operand.buffer)].data.assumingMemoryBound(to: Float.self)
      + Int(operand.offset)
  }

  /// The beginning of a row of a matrix.
  func row(_ operand: Operand, _ row: Int) -> Floats {
    floats(operand) + row * Int(operand.stride)
  }

  /// The data set's row behind a row of the batch; the same one where no index is given.
  func dataRow(_ row: Int) -> Int {
    let index = operation.row_index
    guard index.exists else { return row }
    let base = buffers[Int(index.buffer)].data.assumingMemoryBound(to: UInt32.self)
    return Int(base[Int(index.offset) + row])
  }

  func random(_ purpose: latent_purpose, row: Int, sample: UInt32 = 0) -> LaneRandom {
    LaneRandom(
      seed: run.seed, purpose: purpose, sample: sample, row: UInt32(dataRow(row)), epoch: run.epoch)
  }
}

/// Calls `body` for each of `parts` at the same time. Parts write to memory of their own, which the
/// compiler cannot know.
func forEachPart(_ parts: Int, _ body: (Int) -> Void) {
  if parts == 1 { return body(0) }
  withoutActuallyEscaping(body) { body in
    nonisolated(unsafe) let body = body
    DispatchQueue.concurrentPerform(iterations: parts) { body($0) }
  }
}

/// The `part`-th of `parts` nearly equal ranges.
func share(_ count: Int, _ part: Int, _ parts: Int) -> Range<Int> {
  count * part / parts..<count * (part + 1) / parts
}

/// Calls `body` with the first column and the width of each panel of `columns` columns.
@inline(__always) func forEachPanel(
  _ columns: Int, _ body: (_ column: Int, _ width: Int) -> Void
) {
  var column = 0
  while column < columns {
    body(column, min(16, columns - column))
    column += 16
  }
}
