import CKernels

/// What an operation computes and moves at least.
public struct OperationCost: Sendable, Codable, Equatable {
  /// Two for each multiply-add of the products; padding and everything elementwise left out.
  public var flops = 0.0
  /// Every operand read once and written once, whatever the caches keep.
  public var bytes = 0.0

  /// FLOP and bytes; nothing of either by default.
  public init(flops: Double = 0, bytes: Double = 0) {
    self.flops = flops
    self.bytes = bytes
  }

  /// FLOP a byte.
  public var intensity: Double { bytes > 0 ? flops / bytes : 0 }

  /// The cost of both.
  public static func + (a: Self, b: Self) -> Self {
    Self(flops: a.flops + b.flops, bytes: a.bytes + b.bytes)
  }
}

extension [PlanOperation] {
  /// The cost of each operation for a batch; nil where it depends on the data, and for kinds that
  /// this list does not know. A product counts as dense, whether or not it gathers rows instead.
  public func costs(rows: Int) -> [OperationCost?] {
    // A Gaussian's paired layer is padded to whole panels: its true width stands in the likelihood.
    var paired: [UInt64: Int] = [:]
    for operation in self
    where operation.kind == LATENT_OP_LIKELIHOOD_FORWARD
      && operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN
    {
      paired[operation.weights.offset] = 2 * Int(operation.dimensions)
    }
    return map { operation in
      operation.cost(rows: rows, columns: paired[operation.weights.offset])
    }
  }
}

extension PlanOperation {
  fileprivate func cost(rows: Int, columns width: Int?) -> OperationCost? {
    // Draws of a row are rows of their own to most operations; what they share is read once.
    let batch = Double(rows)
    let r = batch * Double(max(1, samples))
    let k = Double(inner)
    let n = Double(width ?? Int(columns))
    let d = Double(dimensions)
    let variances: Double =
      switch likelihood {
      case LATENT_LIKELIHOOD_GAUSSIAN_SHARED: 1
      case LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL: d
      default: 0
      }
    func product(_ floats: Double) -> OperationCost {
      OperationCost(flops: 2 * r * k * n, bytes: 4 * floats)
    }
    func pass(_ floats: Double) -> OperationCost { OperationCost(bytes: 4 * floats) }
    // Weights and both moments, in and out.
    let adam = 6 * (k * n + n) + (weights_transposed.exists ? k * n : 0)
    switch kind {
    case LATENT_OP_LOAD_ROWS:
      return pass(
        r * n * (source_kind == LATENT_SOURCE_BYTES ? 1.25 : 2) + (epsilon.exists ? r * d : 0))
    case LATENT_OP_LINEAR_FORWARD: return product(r * k + k * n + n + r * n)
    case LATENT_OP_LIKELIHOOD_FORWARD:
      return product(
        r * k + k * n + n + batch * d + variances + r * partialWidth + (gradient.exists ? r * n : 0)
      )
    case LATENT_OP_LIKELIHOOD_ROWS: return pass(r * partialWidth + r)
    case LATENT_OP_REPARAMETERIZE:
      return pass(3 * batch * d + batch + 2 * r * d + (log_density.exists ? r : 0))
    case LATENT_OP_KL_GATE: return pass(2 * r * d + d)
    case LATENT_OP_REPARAMETERIZE_BACKWARD: return pass(4 * batch * d + 2 * r * d)
    case LATENT_OP_LIST_ONES where !split_columns: return pass(r * n)
    case LATENT_OP_LINEAR_BACKWARD_INPUT:
      return product(r * n + k * n + r * k * (activation == LATENT_ACTIVATION_IDENTITY ? 1 : 2))
    case LATENT_OP_LINEAR_BACKWARD_WEIGHTS:
      return product(r * k + r * n + (update ? adam : k * n + n))
    case LATENT_OP_ADAM: return pass(k * n + n + adam)
    case LATENT_OP_VARIANCE_BACKWARD: return pass(r * d + variances * (update ? 6 : 1))
    case LATENT_OP_LOG_DENSITY:
      let pairs: Double = likelihood == LATENT_LIKELIHOOD_GAUSSIAN ? 2 : 1
      return pass(r * d * (1 + pairs * (gradient.exists ? 2 : 1)) + r + variances)
    case LATENT_OP_DRAW_WEIGHTS: return pass(2 * r + batch + (draw_weight.exists ? r : 0))
    case LATENT_OP_WEIGH_ROWS: return pass(2 * r * n + r)
    default: return nil
    }
  }

  private var partialWidth: Double {
    withUnsafePointer(to: self) { Double(latent_partial_width($0)) }
  }
}
