import LatentKernels

/// An operation with choices, shape, strides, values and threads made up.
struct RandomCase: Shrinkable, Sendable {
  var example: Case
  /// Of the values.
  var seed: UInt64
  var threads: Int

  init(_ kind: OperationKind, _ random: inout SplitMix) {
    func code<Value>(_ count: Int, _ make: (UInt32) -> Value) -> Value {
      make(UInt32(random.next() % UInt64(count)))
    }
    var shape = Case.Shape(
      rows: random.size(40), inner: random.size(120), columns: random.size(140),
      stride: random.choice(Case.Stride.allCases), splitColumns: random.flip())
    shape.gap = random.size(40)
    // The reference's plain loops take their time.
    while shape.rows * shape.inner * shape.columns > 40_000 {
      shape.inner = max(1, shape.inner / 2)
      shape.rows = max(1, shape.rows * 3 / 4)
    }
    var made = Case(kind: kind, shape: shape)
    made.activation = code(Int(LATENT_ACTIVATION_COUNT), latent_activation.init(rawValue:))
    made.likelihood = code(Int(LATENT_LIKELIHOOD_COUNT), latent_likelihood.init(rawValue:))
    made.transform = code(4, latent_transform.init(rawValue:))
    made.source = random.flip() ? LATENT_SOURCE_BYTES : LATENT_SOURCE_FLOATS
    made.layout = code(Int(LATENT_LAYOUT_COUNT), latent_layout.init(rawValue:))
    made.objective = code(Int(LATENT_OBJECTIVE_COUNT), latent_objective.init(rawValue:))
    made.update = random.flip()
    made.complete = random.flip()
    made.missing = random.flip()
    made.samples = random.choice([1, 1, 2, 3, 5, 16, 17])
    example = made.withSense
    seed = random.next()
    threads = Int(random.next() % 5) + 1
  }

  var description: String {
    "\(example), gap \(example.shape.gap), \(threads) threads, values of \(seed)"
  }

  var smaller: [RandomCase] {
    let shape = example.shape
    var all = replacing(\.example.shape.rows, with: shape.rows.shrunk())
    all += replacing(\.example.shape.inner, with: shape.inner.shrunk())
    all += replacing(\.example.shape.columns, with: shape.columns.shrunk())
    all += replacing(\.example.samples, with: example.samples.shrunk())
    all += replacing(\.threads, with: threads.shrunk())
    all += replacing(\.example.shape.splitColumns, with: [false])
    all += replacing(\.example.activation, with: [LATENT_ACTIVATION_IDENTITY])
    all += replacing(\.example.objective, with: [LATENT_OBJECTIVE_ELBO])
    all += replacing(\.example.transform, with: [LATENT_TRANSFORM_NONE])
    all += replacing(\.example.layout, with: [LATENT_LAYOUT_PANELS])
    all += replacing(\.example.missing, with: [false])
    all += replacing(\.example.update, with: [false])
    all += replacing(\.example.complete, with: [false])
    // One way of lying in memory leads to the next, and none back.
    switch shape.stride {
    case .exact: break
    case .odd:
      all += replacing(\.example.shape.stride, with: [.exact])
      all += replacing(\.example.shape.gap, with: shape.gap.shrunk())
    case .wholePanels: all += replacing(\.example.shape.stride, with: [.exact])
    }
    return all.filter { $0.example.hasSense }
  }
}

extension Case {
  /// Whether all of its choices go together.
  var hasSense: Bool {
    var copy = self
    copy = copy.withSense
    return copy.description == description && copy.samples == samples
  }

  /// The case with what its kind knows nothing of left out.
  var withSense: Case {
    var copy = self
    let activated: [OperationKind] = [.linearForward, .linearBackwardInput]
    if !activated.contains(kind) { copy.activation = LATENT_ACTIVATION_IDENTITY }
    if kind != .linearForward { copy.layout = LATENT_LAYOUT_PANELS }
    if kind != .loadRows {
      copy.source = LATENT_SOURCE_FLOATS
      copy.transform = LATENT_TRANSFORM_NONE
    }
    // Floats have no grey levels to dequantize, and bytes no values that are missing.
    if source == LATENT_SOURCE_FLOATS && copy.transform == LATENT_TRANSFORM_DEQUANTIZE {
      copy.transform = LATENT_TRANSFORM_BINARIZE
    }
    let gapped: [OperationKind] = [.loadRows, .likelihood, .logDensity, .varianceBackward]
    if !gapped.contains(kind) || copy.source == LATENT_SOURCE_BYTES { copy.missing = false }
    switch kind {
    case .likelihood, .logDensity: break
    case .varianceBackward:
      if likelihood != LATENT_LIKELIHOOD_GAUSSIAN_SHARED {
        copy.likelihood = LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL
      }
    default: copy.likelihood = LATENT_LIKELIHOOD_BERNOULLI
    }
    switch kind {
    case .drawWeights:
      if objective == LATENT_OBJECTIVE_ELBO { copy.objective = LATENT_OBJECTIVE_SAMPLED_ELBO }
    case .reparameterizeBackward, .varianceBackward: break
    default: copy.objective = LATENT_OBJECTIVE_ELBO
    }
    if ![.linearBackwardWeights, .varianceBackward].contains(kind) { copy.update = false }
    if [.loadRows, .klGate, .adam].contains(kind) { copy.samples = 1 }
    return copy
  }
}
