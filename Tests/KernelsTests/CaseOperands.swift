import LatentKernels

/// The operations and operands of a case, with random values that floats hold exactly.
struct CaseOperands {
  private(set) var operations: [PlanOperation]
  private(set) var tensors: [Tensor] = []
  private(set) var run: Run
  private var random: SplitMix
  private let shape: Case.Shape
  /// Rows of the batch with their draws of z.
  private let rows: Int

  init(_ example: Case, seed: UInt64 = 20_240_817) {
    random = SplitMix(state: seed)
    shape = example.shape
    var operation = PlanOperation()
    operation.kind = example.kind.raw
    operation.barrier = true
    operation.split_columns = shape.splitColumns
    operation.update = example.update
    operation.activation = example.activation
    operation.likelihood = example.likelihood
    operation.transform = example.transform
    operation.source_kind = example.source
    operation.layout = example.layout
    operation.objective = example.objective
    operation.missing = example.missing
    operation.inner = UInt32(shape.inner)
    operation.columns = UInt32(shape.columns)
    operation.dimensions = UInt32(shape.columns)
    operation.samples = UInt32(example.samples == 1 ? 0 : example.samples)
    rows = shape.rows * example.samples
    operations = [operation]
    run = Run(
      rows: UInt32(shape.rows), epoch: 3, sample: 2, step: 5, seed: 0xfeed_0123_4567_89ab,
      objective_scale: 1 / Float(shape.rows), beta: 0.7, free_bits: 0.35, decay1: 0.9,
      decay2: 0.99, rate: 0.125, epsilon: 1e-3)
    switch example.kind {
    case .loadRows: loadRows(example)
    case .linearForward: linearForward(example)
    case .likelihood: likelihood(example)
    case .logDensity: logDensity(example)
    case .reparameterize: reparameterize(example)
    case .klGate: klGate()
    case .reparameterizeBackward: reparameterizeBackward(example)
    case .linearBackwardInput: linearBackwardInput(example)
    case .linearBackwardWeights: linearBackwardWeights(example)
    case .adam: adam(example)
    case .varianceBackward: varianceBackward(example)
    case .drawWeights: drawWeights(example)
    case .weighRows: weighRows()
    }
  }

  // MARK: Kinds

  private mutating func loadRows(_ example: Case) {
    let bytes = example.source == LATENT_SOURCE_BYTES
    let values = (0..<dataRows * shape.columns).map { index in
      example.missing && index % 4 == 1
        ? .nan : bytes ? Double(random.next() % 256) : random.float(in: 0...1)
    }
    matrix(
      "source", \.source, dataRows, shape.columns, .input, values, element: bytes ? .byte : .scalar)
    rowIndex()
    matrix("output", \.output, shape.rows, shape.columns, .output)
  }

  private mutating func linearForward(_ example: Case) {
    matrix("input", \.input, rows, shape.inner, .input, in: -1...1)
    let size = 2 / Double(shape.inner).squareRoot()
    switch example.layout {
    case LATENT_LAYOUT_INNER_BY_COLUMNS:
      matrix("weights", \.weights, shape.inner, shape.columns, .input, in: -size...size)
    case LATENT_LAYOUT_COLUMNS_BY_INNER:
      matrix("weights", \.weights, shape.columns, shape.inner, .input, in: -size...size)
    default: weights(\.weights, shape.inner, shape.columns)
    }
    if example.layout == LATENT_LAYOUT_PANELS {
      vectorOfPanels("bias", \.bias, .input, in: -1...1)
    } else {
      add("bias", \.bias, .vector(shape.columns), .input, floats(shape.columns, in: -1...1))
    }
    matrix("output", \.output, rows, shape.columns, .output)
  }

  private mutating func likelihood(_ example: Case) {
    let paired = example.likelihood == LATENT_LIKELIHOOD_GAUSSIAN
    let columns = paired ? Panels.count(shape.columns) * 32 : shape.columns
    // Lanes that stand for no dimension have zero weights.
    let isReal = (0..<columns).map { column in
      !paired || column / 32 * 16 + column % 16 < shape.columns
    }
    operations[0].columns = UInt32(columns)
    matrix("input", \.input, rows, shape.inner, .input, in: -1...1)
    let size = 3 / Double(shape.inner).squareRoot()
    let weights = (0..<shape.inner * columns).map { index in
      isReal[index % columns] ? random.float(in: -size...size) : 0
    }
    add("weights", \.weights, .panels(rows: shape.inner, columns: columns), .input, weights)
    let bias = isReal.map { $0 ? random.float(in: -1...1) : 0 }
    add("bias", \.bias, .panels(rows: 1, columns: columns), .input, bias)
    target(example)
    variance(example, .input)
    if example.complete { matrix("gradient", \.gradient, rows, columns, .output) }
    add(
      "partial", \.partial,
      .scratch(rows: rows, stride: latent_partial_width(&operations[0])), .output)
    add("log density", \.log_density, .vector(rows), .output)
    operations.append(operations[0])
    operations[1].kind = LATENT_OP_LIKELIHOOD_ROWS
  }

  private mutating func logDensity(_ example: Case) {
    matrix("input", \.input, rows, shape.columns, .input, in: -2...2)
    target(example)
    variance(example, .input)
    let paired = example.likelihood == LATENT_LIKELIHOOD_GAUSSIAN
    if paired {
      matrix("log variance", \.log_variance, rows, shape.columns, .input, in: -2...2)
    }
    add("log density", \.log_density, .vector(rows), .output)
    guard example.complete else { return }
    matrix("gradient", \.gradient, rows, shape.columns, .output)
    if paired { matrix("output", \.output, rows, shape.columns, .output) }
  }

  private mutating func varianceBackward(_ example: Case) {
    // Where a value is missing, its likelihood left no gradient.
    let gradient = floats(rows * shape.columns, in: -1...1).enumerated().map { place, value in
      let (row, column) = place.quotientAndRemainder(dividingBy: shape.columns)
      let index = row / example.samples * shape.columns + column
      return example.missing && index % 4 == 1 ? 0 : value
    }
    matrix("gradient", \.gradient, rows, shape.columns, .input, gradient)
    variance(example, example.update ? .updated : .input)
    if example.missing { target(example) }
    if example.objective != LATENT_OBJECTIVE_ELBO {
      // Some draws that count for nothing.
      let weights = (0..<rows).map { $0 % 5 == 3 ? 0 : random.float(in: 0.1...2) }
      add("draw weight", \.draw_weight, .vector(rows), .input, weights)
    }
    let count = example.likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED ? 1 : shape.columns
    if example.update {
      let m = floats(count, in: -1...1)
      add("first moment", \.bias_first_moment, .vector(count), .updated, m)
      let v = floats(count, in: 0.1...2)
      add("second moment", \.bias_second_moment, .vector(count), .updated, v)
    } else {
      add("bias gradient", \.bias_gradient, .vector(count), .output)
    }
  }

  private mutating func reparameterize(_ example: Case) {
    let latent = shape.columns
    matrix("input", \.input, shape.rows, 2 * latent, .input, in: -2...2)
    rowIndex()
    matrix("output", \.output, rows, latent, .output)
    matrix("epsilon", \.epsilon, rows, latent, .output)
    matrix("log variance", \.log_variance, shape.rows, latent, .output)
    if example.complete { add("log density", \.log_density, .vector(rows), .output) }
    add("kl", \.kl, .vector(shape.rows), .output)
  }

  private mutating func klGate() {
    matrix("input", \.input, shape.rows, 2 * shape.columns, .input, in: -1...1)
    matrix("log variance", \.log_variance, shape.rows, shape.columns, .input, in: -1.5...1.5)
    add("gate", \.gate, .vector(shape.columns), .output)
  }

  private mutating func reparameterizeBackward(_ example: Case) {
    let latent = shape.columns
    if example.objective != LATENT_OBJECTIVE_SCORE {
      matrix("gradient", \.gradient, rows, latent, .input, in: -1...1)
    }
    if example.objective != LATENT_OBJECTIVE_ELBO && example.complete {
      add("draw weight", \.draw_weight, .vector(rows), .input, floats(rows, in: 0...2))
    }
    matrix("input", \.input, shape.rows, 2 * latent, .input, in: -2...2)
    matrix("epsilon", \.epsilon, rows, latent, .input, in: -2...2)
    matrix("log variance", \.log_variance, shape.rows, latent, .input, in: -8...8)
    if example.complete && example.objective == LATENT_OBJECTIVE_ELBO {
      let gate = (0..<latent).map { _ in Double(random.next() % 2) }
      add("gate", \.gate, .vector(latent), .input, gate)
    }
    matrix("output", \.output, shape.rows, 2 * latent, .output)
  }

  private mutating func drawWeights(_ example: Case) {
    add("log density", \.log_density, .vector(rows), .input, floats(rows, in: -9 ... -2))
    add("log ratio", \.input, .vector(rows), .input, floats(rows, in: -3...1))
    add("bound", \.output, .vector(shape.rows), .output)
    if example.complete { add("draw weight", \.draw_weight, .vector(rows), .output) }
  }

  private mutating func weighRows() {
    matrix("gradient", \.gradient, rows, shape.columns, .updated, in: -1...1)
    add("draw weight", \.draw_weight, .vector(rows), .input, floats(rows, in: 0...2))
  }

  private mutating func linearBackwardInput(_ example: Case) {
    matrix("gradient", \.gradient, rows, shape.columns, .input, in: -1...1)
    weights(\.weights_transposed, shape.columns, shape.inner)
    // What the activation can have given.
    let range: ClosedRange<Double> =
      switch example.activation {
      case LATENT_ACTIVATION_SIGMOID: 0...1
      case LATENT_ACTIVATION_SOFTPLUS: 0...3
      default: -1...1
      }
    let input = floats(rows * shape.inner, in: range).map {
      example.activation == LATENT_ACTIVATION_RELU ? max($0, 0) : $0
    }
    matrix("input", \.input, rows, shape.inner, .input, input)
    matrix("output", \.output, rows, shape.inner, .output)
  }

  private mutating func linearBackwardWeights(_ example: Case) {
    matrix("input", \.input, rows, shape.inner, .input, in: -1...1)
    matrix("gradient", \.gradient, rows, shape.columns, .input, in: -1...1)
    if example.update {
      parameters(transposed: example.complete)
    } else {
      add("weights gradient", \.weights_gradient, weightPanels, .output)
      vectorOfPanels("bias gradient", \.bias_gradient, .output)
    }
  }

  private mutating func adam(_ example: Case) {
    let gradient = floats(shape.inner * shape.columns, in: -1...1)
    add("weights gradient", \.weights_gradient, weightPanels, .input, gradient)
    vectorOfPanels("bias gradient", \.bias_gradient, .input, in: -1...1)
    parameters(transposed: example.complete)
  }

  // MARK: Operands

  private let dataRows = 29

  private var weightPanels: Tensor.Layout { .panels(rows: shape.inner, columns: shape.columns) }

  /// What Adam updates.
  private mutating func parameters(transposed: Bool) {
    let count = shape.inner * shape.columns
    add("weights", \.weights, weightPanels, .updated, floats(count, in: -1...1))
    add("weights m", \.weights_first_moment, weightPanels, .updated, floats(count, in: -1...1))
    add("weights v", \.weights_second_moment, weightPanels, .updated, floats(count, in: 0.1...2))
    vectorOfPanels("bias", \.bias, .updated, in: -1...1)
    vectorOfPanels("bias m", \.bias_first_moment, .updated, in: -1...1)
    vectorOfPanels("bias v", \.bias_second_moment, .updated, in: 0.1...2)
    if transposed {
      add(
        "weights transposed", \.weights_transposed,
        .panels(rows: shape.columns, columns: shape.inner), .output)
    }
  }

  private mutating func target(_ example: Case) {
    let values = floats(shape.rows * shape.columns, in: 0...1).enumerated().map {
      example.missing && $0.offset % 4 == 1 ? .nan : $0.element
    }
    matrix("target", \.target, shape.rows, shape.columns, .input, values)
  }

  private mutating func variance(_ example: Case, _ role: Tensor.Role) {
    let count: Int
    switch example.likelihood {
    case LATENT_LIKELIHOOD_GAUSSIAN_SHARED: count = 1
    case LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL: count = shape.columns
    default: return
    }
    add("variance", \.variance, .vector(count), role, floats(count, in: -3...1))
  }

  private mutating func rowIndex() {
    let rows = (0..<shape.rows).map { _ in Double(random.next() % UInt64(dataRows)) }
    add("row index", \.row_index, .vector(shape.rows), .input, rows, element: .index)
  }

  private mutating func weights(
    _ path: WritableKeyPath<PlanOperation, Operand>, _ rows: Int, _ columns: Int
  ) {
    let size = 2 / Double(rows).squareRoot()
    let values = floats(rows * columns, in: -size...size)
    add("weights", path, .panels(rows: rows, columns: columns), .input, values)
  }

  /// A value for each column of the layer, in whole panels.
  private mutating func vectorOfPanels(
    _ name: String, _ path: WritableKeyPath<PlanOperation, Operand>, _ role: Tensor.Role,
    in range: ClosedRange<Double>? = nil
  ) {
    let values = range.map { floats(shape.columns, in: $0) } ?? []
    add(name, path, .panels(rows: 1, columns: shape.columns), role, values)
  }

  private mutating func matrix(
    _ name: String, _ path: WritableKeyPath<PlanOperation, Operand>, _ rows: Int, _ columns: Int,
    _ role: Tensor.Role, in range: ClosedRange<Double>
  ) {
    matrix(name, path, rows, columns, role, floats(rows * columns, in: range))
  }

  private mutating func matrix(
    _ name: String, _ path: WritableKeyPath<PlanOperation, Operand>, _ rows: Int, _ columns: Int,
    _ role: Tensor.Role, _ values: [Double] = [], element: Tensor.Element = .scalar
  ) {
    let stride =
      switch shape.stride {
      case .exact: columns
      case .odd: columns + shape.gap
      case .wholePanels: Panels.count(columns) * 16
      }
    add(
      name, path, .matrix(rows: rows, columns: columns, stride: stride), role, values,
      element: element)
  }

  private mutating func add(
    _ name: String, _ path: WritableKeyPath<PlanOperation, Operand>, _ layout: Tensor.Layout,
    _ role: Tensor.Role, _ values: [Double] = [], element: Tensor.Element = .scalar
  ) {
    tensors.append(Tensor(path, layout, role, values, name: name, element: element))
  }

  private mutating func floats(_ count: Int, in range: ClosedRange<Double>) -> [Double] {
    (0..<count).map { _ in random.float(in: range) }
  }
}

/// Random numbers for tests, the same each time.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// A double that a float holds.
  mutating func float(in range: ClosedRange<Double>) -> Double {
    let unit = Double(next() >> 11) * 0x1p-53
    return Double(Float(range.lowerBound + (range.upperBound - range.lowerBound) * unit))
  }
}
