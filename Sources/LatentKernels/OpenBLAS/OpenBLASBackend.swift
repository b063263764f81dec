#if OpenBLAS
  import COpenBLAS
  import Foundation

  /// The honest baseline: OpenBLAS multiplies, separate passes do the rest.
  ///
  /// The library wants plain matrices, so each product first unpacks its panels (and the gradient of
  /// weights is packed again): one pass over memory a product. Nothing is kept between operations,
  /// since anyone may write to the buffers. Products on the panels themselves, 16 columns at a time,
  /// cost more: the library would pack the other factor again for each.
  public final class OpenBLASBackend: Backend {
    /// "openblas".
    public let name = "openblas"
    /// How many threads compute, the library's and those of the other passes.
    public let threads: Int
    /// Unpacked weights and unfused products, grown to the largest layer; one execution at a time.
    private nonisolated(unsafe) var memory: [Float] = []
    /// Thread sanitizer knows nothing of Swift's Mutex.
    private let lock = NSLock()

    /// Computes on the caller's thread.
    public init() { threads = 1 }

    /// Computes on so many threads, the caller's among them.
    ///
    /// - Throws: ``SettingError`` unless they are 1...64.
    public init(threads: Int) throws {
      try checkThreads(threads)
      self.threads = threads
    }

    /// Executes the operations one after another.
    public func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run) {
      lock.withLock {
        // The library's number of threads is the process's.
        openblas_set_num_threads(Int32(threads))
        for operation in operations {
          let step = SIMDStep(operation: operation, buffers: buffers, run: run)
          let needed = step.openBLASMemory
          if memory.count < needed { memory = [Float](repeating: 0, count: needed) }
          memory.withUnsafeMutableBufferPointer {
            step.executeWithOpenBLAS(threads: threads, memory: $0)
          }
        }
      }
    }
  }

  extension SIMDStep {
    /// A layer's width in whole panels: how far its unpacked rows are apart.
    private var wholeColumns: Int { panels * 16 }
    private var wholeInner: Int { Panels.count(inner) * 16 }

    /// Floats that `executeWithOpenBLAS` needs.
    fileprivate var openBLASMemory: Int {
      switch operation.kind {
      case LATENT_OP_LINEAR_FORWARD where operation.layout != LATENT_LAYOUT_PANELS: 0
      case LATENT_OP_LINEAR_FORWARD, LATENT_OP_LINEAR_BACKWARD_WEIGHTS: inner * wholeColumns
      case LATENT_OP_LINEAR_BACKWARD_INPUT: columns * wholeInner
      case LATENT_OP_LIKELIHOOD_FORWARD: (inner + rows) * wholeColumns
      default: 0
      }
    }

    fileprivate func executeWithOpenBLAS(threads: Int, memory: UnsafeMutableBufferPointer<Float>) {
      switch operation.kind {
      case LATENT_OP_LINEAR_FORWARD:
        var (weights, stride) = (floats(operation.weights)!, Int(operation.weights.stride))
        if operation.layout == LATENT_LAYOUT_PANELS {
          (weights, stride) = (memory.baseAddress!, wholeColumns)
          forEachPart(threads) { unpack(operation.weights, inner, columns, weights, $0, threads) }
        }
        let order =
          operation.layout == LATENT_LAYOUT_COLUMNS_BY_INNER ? CblasTrans : CblasNoTrans
        cblas_sgemm(
          CblasRowMajor, CblasNoTrans, order, blasint(rows), blasint(columns), blasint(inner), 1,
          row(operation.input, 0), blasint(operation.input.stride), weights, blasint(stride), 0,
          row(operation.output, 0), blasint(operation.output.stride))
        forEachPart(threads) { activateOutput(share(rows, $0, threads)) }

      case LATENT_OP_LIKELIHOOD_FORWARD:
        let weights = memory.baseAddress!
        let parameters = weights + inner * wholeColumns
        forEachPart(threads) { unpack(operation.weights, inner, columns, weights, $0, threads) }
        multiply(
          rows, wholeColumns, inner, row(operation.input, 0), Int(operation.input.stride), weights,
          wholeColumns, parameters, wholeColumns)
        forEachPart(threads) { part in
          for row in share(rows, part, threads) {
            likelihood(row, parameters + row * wholeColumns)
          }
        }

      case LATENT_OP_LINEAR_BACKWARD_INPUT:
        let transposed = memory.baseAddress!
        forEachPart(threads) {
          unpack(operation.weights_transposed, columns, inner, transposed, $0, threads)
        }
        multiply(
          rows, inner, columns, row(operation.gradient, 0), Int(operation.gradient.stride),
          transposed, wholeInner, row(operation.output, 0), Int(operation.output.stride))
        if operation.input.exists, operation.activation != LATENT_ACTIVATION_IDENTITY {
          forEachPart(threads) { multiplySlope(share(rows, $0, threads)) }
        }

      case LATENT_OP_LINEAR_BACKWARD_WEIGHTS:
        let gradient = memory.baseAddress!
        multiply(
          inner, columns, rows, row(operation.input, 0), Int(operation.input.stride),
          row(operation.gradient, 0), Int(operation.gradient.stride), gradient, wholeColumns,
          transposed: true)
        forEachPart(threads) { useGradient(gradient, share(panels, $0, threads)) }

      default:
        forEachPart(threads) { execute(part: $0, of: threads) }
      }
    }

    /// C [m x n] = A [m x k] B [k x n], row-major; A is stored [k x m] where it is transposed.
    private func multiply(
      _ m: Int, _ n: Int, _ k: Int, _ a: Floats, _ strideA: Int, _ b: Floats, _ strideB: Int,
      _ c: Floats, _ strideC: Int, transposed: Bool = false
    ) {
      cblas_sgemm(
        CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, blasint(m), blasint(n),
        blasint(k), 1, a, blasint(strideA), b, blasint(strideB), 0, c, blasint(strideC))
    }

    /// A thread's part of the panels of a matrix [rows x columns] as plain rows.
    private func unpack(
      _ operand: Operand, _ rows: Int, _ columns: Int, _ target: Floats, _ part: Int, _ parts: Int
    ) {
      let source: Floats = floats(operand)
      let width = Panels.count(columns) * 16
      for panel in share(Panels.count(columns), part, parts) {
        for row in 0..<rows {
          store(load(source + (panel * rows + row) * 16), target + row * width + panel * 16)
        }
      }
    }

    /// Panels of the gradient of weights, which lies in plain rows, and the bias's.
    private func useGradient(_ gradient: Floats, _ panels: Range<Int>) {
      for panel in panels {
        let width = min(16, columns - 16 * panel)
        for k in 0..<inner {
          weightGradient(k, panel, is: load(gradient + k * wholeColumns + 16 * panel, width))
        }
        var sums = Lanes()
        for row in 0..<rows {
          sums += load(self.row(operation.gradient, row) + 16 * panel, width)
        }
        biasGradient(panel, is: sums)
        if operation.update { transposeWeights(panel) }
      }
    }
  }
#endif
