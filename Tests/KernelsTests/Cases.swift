import LatentKernels

/// One operation (a likelihood: with the one that sums its rows) on one shape.
struct Case: Sendable, CustomStringConvertible {
  var kind: OperationKind
  var activation = LATENT_ACTIVATION_IDENTITY
  var likelihood = LATENT_LIKELIHOOD_BERNOULLI
  var transform = LATENT_TRANSFORM_NONE
  var source = LATENT_SOURCE_FLOATS
  var layout = LATENT_LAYOUT_PANELS
  var objective = LATENT_OBJECTIVE_ELBO
  var shape: Shape
  /// Into Adam instead of a written gradient.
  var update = false
  /// Whether what the operation may do without is there: gate, gradient, weights_transposed.
  var complete = true
  /// Whether some values of the data are not there.
  var missing = false
  /// Draws of z a row.
  var samples = 1

  struct Shape: Sendable {
    var rows, inner, columns: Int
    /// How much memory a row takes, and whether threads own columns.
    var stride: Stride
    var splitColumns: Bool
    /// What an odd stride has besides the columns.
    var gap = 3
  }
  enum Stride: CaseIterable { case exact, odd, wholePanels }

  var description: String {
    let words: [(Bool, String)] = [
      (true, kind.rawValue),
      (activation != LATENT_ACTIVATION_IDENTITY, "activation \(activation.rawValue)"),
      (kind == .likelihood || kind == .logDensity, "likelihood \(likelihood.rawValue)"),
      (kind == .varianceBackward, "likelihood \(likelihood.rawValue)"),
      (kind == .loadRows, "transform \(transform.rawValue)"),
      (source == LATENT_SOURCE_BYTES, "bytes"),
      (layout != LATENT_LAYOUT_PANELS, "layout \(layout.rawValue)"),
      (objective != LATENT_OBJECTIVE_ELBO, "objective \(objective.rawValue)"),
      (true, "\(shape.rows) rows, \(shape.inner) x \(shape.columns)"),
      (true, "stride \(shape.stride)"),
      (shape.splitColumns, "split columns"), (update, "update"), (complete, "complete"),
      (missing, "missing"), (samples > 1, "\(samples) samples"),
    ]
    return words.filter(\.0).map(\.1).joined(separator: ", ")
  }
}

/// The operations that have cases; those of a likelihood come together.
enum OperationKind: String, CaseIterable, Sendable {
  case loadRows, linearForward, likelihood, reparameterize, klGate, reparameterizeBackward,
    linearBackwardInput, linearBackwardWeights, adam, varianceBackward, logDensity, drawWeights,
    weighRows

  var raw: latent_op_kind {
    switch self {
    case .loadRows: LATENT_OP_LOAD_ROWS
    case .linearForward: LATENT_OP_LINEAR_FORWARD
    case .likelihood: LATENT_OP_LIKELIHOOD_FORWARD
    case .reparameterize: LATENT_OP_REPARAMETERIZE
    case .klGate: LATENT_OP_KL_GATE
    case .reparameterizeBackward: LATENT_OP_REPARAMETERIZE_BACKWARD
    case .linearBackwardInput: LATENT_OP_LINEAR_BACKWARD_INPUT
    case .linearBackwardWeights: LATENT_OP_LINEAR_BACKWARD_WEIGHTS
    case .adam: LATENT_OP_ADAM
    case .varianceBackward: LATENT_OP_VARIANCE_BACKWARD
    case .logDensity: LATENT_OP_LOG_DENSITY
    case .drawWeights: LATENT_OP_DRAW_WEIGHTS
    case .weighRows: LATENT_OP_WEIGH_ROWS
    }
  }
}

/// Every kind with every choice it has, each on shapes around the edges of tiles and panels.
let cases: [Case] = {
  let sizes = [1, 2, 5, 15, 16, 17, 33, 47, 48, 49]
  let rows = [1, 7, 8, 9, 13]
  var shapes = (0..<20).map { i in
    Case.Shape(
      rows: rows[(i + i / 10) % 5], inner: sizes[(3 * i + i / 10 * 4 + 1) % 10],
      columns: sizes[i % 10], stride: Case.Stride.allCases[i % 3], splitColumns: i % 2 == 1)
  }
  shapes.append(.init(rows: 53, inner: 31, columns: 83, stride: .exact, splitColumns: true))
  shapes.append(.init(rows: 101, inner: 7, columns: 3, stride: .exact, splitColumns: false))

  var cases: [Case] = []
  for (i, shape) in shapes.enumerated() {
    for transform in [
      LATENT_TRANSFORM_NONE, LATENT_TRANSFORM_THRESHOLD, LATENT_TRANSFORM_BINARIZE,
      LATENT_TRANSFORM_DEQUANTIZE,
    ] {
      cases.append(
        Case(
          kind: .loadRows, transform: transform, source: LATENT_SOURCE_BYTES, shape: shape
        ))
      if transform != LATENT_TRANSFORM_DEQUANTIZE {
        cases.append(Case(kind: .loadRows, transform: transform, shape: shape))
      }
    }
    for raw in 0..<UInt32(LATENT_ACTIVATION_COUNT) {
      let activation = latent_activation(rawValue: raw)
      for layout in 0..<UInt32(LATENT_LAYOUT_COUNT) {
        cases.append(
          Case(
            kind: .linearForward, activation: activation,
            layout: latent_layout(rawValue: layout), shape: shape))
      }
      cases.append(
        Case(kind: .linearBackwardInput, activation: activation, shape: shape))
    }
    for raw in 0..<UInt32(LATENT_LIKELIHOOD_COUNT) {
      let likelihood = latent_likelihood(rawValue: raw)
      cases.append(
        Case(
          kind: .likelihood, likelihood: likelihood, shape: shape,
          complete: i % 3 != 0))
      cases.append(
        Case(kind: .logDensity, likelihood: likelihood, shape: shape, complete: i % 3 != 0))
    }
    for likelihood in [LATENT_LIKELIHOOD_GAUSSIAN_SHARED, LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL] {
      for update in [false, true] {
        cases.append(
          Case(
            kind: .varianceBackward, likelihood: likelihood, shape: shape, update: update)
        )
      }
    }
    cases.append(Case(kind: .klGate, shape: shape))
    cases.append(Case(kind: .linearBackwardWeights, shape: shape))
    for complete in [false, true] {
      cases.append(Case(kind: .reparameterize, shape: shape, complete: complete))
      cases.append(
        Case(kind: .reparameterizeBackward, shape: shape, complete: complete))
      cases.append(Case(kind: .adam, shape: shape, complete: complete))
      cases.append(
        Case(
          kind: .linearBackwardWeights, shape: shape, update: true, complete: complete))
    }
  }
  // Objectives, with as many draws of z a row as make whole vectors and parts of one.
  for (i, shape) in shapes.enumerated() {
    for raw in 1..<UInt32(LATENT_OBJECTIVE_COUNT) {
      let samples = [1, 2, 5, 16, 19][(i + Int(raw)) % 5]
      for kind in [OperationKind.drawWeights, .reparameterizeBackward] {
        cases.append(
          Case(
            kind: kind, objective: latent_objective(rawValue: raw), shape: shape,
            complete: i % 3 != 0, samples: samples))
      }
    }
    let likelihood =
      i % 2 == 0 ? LATENT_LIKELIHOOD_GAUSSIAN_SHARED : LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL
    cases.append(
      Case(
        kind: .varianceBackward, likelihood: likelihood, objective: LATENT_OBJECTIVE_IWAE,
        shape: shape, update: i % 3 == 0, samples: 2))
    cases.append(Case(kind: .weighRows, shape: shape, samples: 1 + i % 3))
  }
  // The same with values missing.
  let gapped: [OperationKind] = [.loadRows, .likelihood, .logDensity, .varianceBackward]
  for (i, example) in cases.enumerated() where gapped.contains(example.kind) && i % 3 != 0 {
    guard example.source != LATENT_SOURCE_BYTES else { continue }
    var example = example
    example.missing = true
    cases.append(example)
  }
  // Rows with several draws of z each.
  let drawing: [OperationKind] = [
    .linearForward, .likelihood, .logDensity, .reparameterize, .reparameterizeBackward,
    .linearBackwardInput, .linearBackwardWeights, .varianceBackward,
  ]
  let repeated = cases.enumerated().filter {
    drawing.contains($1.kind) && $1.objective == LATENT_OBJECTIVE_ELBO && $1.samples == 1
      && $0 % 5 == 0
  }
  for (i, example) in repeated {
    var example = example
    example.samples = 2 + i / 5 % 3
    cases.append(example)
  }
  return cases
}()
