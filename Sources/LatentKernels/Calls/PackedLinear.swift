import CKernels

/// How a layer's weights lie in the caller's memory, row-major.
public enum WeightLayout: Sendable {
  /// [inputs x outputs]: y = x W.
  case inputsByOutputs
  /// [outputs x inputs], as PyTorch's `Linear.weight`: y = x Wᵀ.
  case outputsByInputs

  var code: latent_layout {
    switch self {
    case .inputsByOutputs: LATENT_LAYOUT_INNER_BY_COLUMNS
    case .outputsByInputs: LATENT_LAYOUT_COLUMNS_BY_INNER
    }
  }
}

/// y = activation(x W + b) in one pass, on weights that are packed once and used many times.
///
/// x and y are read and written where they lie, row-major; nothing is copied. Any number of threads
/// may call the same layer; calls that share a ``FusedBackend`` take turns.
public final class PackedLinear: @unchecked Sendable {
  // The storage is written by init only.
  private let weights, bias: Storage<Float>
  private let operation: [PlanOperation]
  /// Columns of x.
  public let inputs: Int
  /// Columns of y.
  public let outputs: Int
  /// What is applied to x W + b.
  public let activation: Activation

  /// Packs a layer.
  ///
  /// - Parameters:
  ///   - weights: `inputs * outputs` values as `layout` says.
  ///   - bias: `outputs` values; none if nil.
  /// - Throws: ``ShapeError`` when the counts do not fit the sizes; ``SettingError`` when they take more
  ///   memory than the machine has in panels of 16 outputs.
  public init(
    inputs: Int, outputs: Int, weights: [Float], layout: WeightLayout = .inputsByOutputs,
    bias: [Float]? = nil, activation: Activation = .identity
  ) throws {
    let (count, overflow) = inputs.multipliedReportingOverflow(by: outputs)
    guard 0...MatrixExtent.largest ~= inputs, 0...MatrixExtent.largest - 15 ~= outputs, !overflow,
      count == weights.count
    else {
      throw ShapeError(
        "A layer of \(inputs) inputs and \(outputs) outputs needs \(inputs) * \(outputs) weights, "
          + "found \(weights.count).")
    }
    guard bias == nil || bias!.count == outputs else {
      throw ShapeError(
        "A layer of \(outputs) outputs needs as many biases, found \(bias!.count).")
    }
    let panels = Panels.count(outputs)
    try expectMemory(
      for: 64 * Double(panels) * (Double(inputs) + 1),
      "A layer of \(inputs) inputs and \(outputs) outputs",
      "choose fewer")
    self.inputs = inputs
    self.outputs = outputs
    self.activation = activation
    self.weights = Storage(count: panels * 16 * inputs)
    self.bias = Storage(count: panels * 16)
    for (index, value) in (bias ?? []).enumerated() { self.bias.pointer[index] = value }
    InstructionSet.best.kernels.pack(
      layout.code, inputs, outputs, weights, layout == .inputsByOutputs ? outputs : inputs,
      self.weights.pointer, 0)
    var operation = PlanOperation()
    operation.kind = LATENT_OP_LINEAR_FORWARD
    operation.activation = activation.code
    // Threads own whole groups of panels where there are enough of them.
    operation.split_columns = outputs >= 96
    operation.inner = UInt32(inputs)
    operation.columns = UInt32(outputs)
    operation.weights = Operand(buffer: 1, stride: 0, offset: 0)
    operation.bias = Operand(buffer: 2, stride: 0, offset: 0)
    operation.input = Operand(buffer: 3, stride: UInt32(inputs), offset: 0)
    operation.output = Operand(buffer: 4, stride: UInt32(outputs), offset: 0)
    self.operation = [operation]
  }

  /// y[rows x outputs] = activation(x[rows x inputs] W + b).
  ///
  /// - Throws: ``ShapeError`` when widths or rows do not fit, ``OverlapError`` when y lies on x.
  public func forward(
    _ x: UnsafeMatrixPointer, into y: UnsafeMutableMatrixPointer, on backend: any Backend
  ) throws {
    guard x.columns == inputs, y.columns == outputs, x.rows == y.rows else {
      throw ShapeError(
        "The layer takes n x \(inputs) to n x \(outputs), found \(x.rows) x \(x.columns) to "
          + "\(y.rows) x \(y.columns).")
    }
    guard !x.extent.overlaps(y.extent) else {
      throw OverlapError("The layer's output overlaps its input; it needs memory of its own.")
    }
    guard x.rows > 0, outputs > 0 else { return }
    let buffers = [Buffer(), weights.buffer, bias.buffer, x.buffer, y.buffer]
    var run = Run()
    run.rows = UInt32(x.rows)
    if x.stride == inputs && y.stride == outputs {
      return backend.execute(operation, on: buffers, run: run)
    }
    var strided = operation[0]
    strided.input.stride = UInt32(x.stride)
    strided.output.stride = UInt32(y.stride)
    // Kernels take a stride of whole panels to mean that the lanes up to the next panel are theirs.
    guard y.stride % 16 == 0, outputs % 16 != 0 else {
      return backend.execute([strided], on: buffers, run: run)
    }
    forwardLastPanelAside(strided, y, on: backend, buffers: buffers, run: run)
  }

  /// The last, partial panel goes to memory of its own, and from there to y.
  private func forwardLastPanelAside(
    _ operation: PlanOperation, _ y: UnsafeMutableMatrixPointer, on backend: any Backend,
    buffers: [Buffer], run: Run
  ) {
    let whole = outputs / 16 * 16
    let aside = Storage<Float>(count: y.rows * 16)
    var (first, last) = (operation, operation)
    first.columns = UInt32(whole)
    last.columns = UInt32(outputs - whole)
    last.split_columns = false
    last.weights.offset = UInt64(whole * inputs)
    last.bias.offset = UInt64(whole)
    last.output = Operand(buffer: 5, stride: 16, offset: 0)
    backend.execute(whole > 0 ? [first, last] : [last], on: buffers + [aside.buffer], run: run)
    for row in 0..<y.rows {
      (y.baseAddress! + row * y.stride + whole).update(
        from: aside.pointer + row * 16, count: outputs - whole)
    }
  }
}

// Contiguous rows.
extension PackedLinear {
  /// y[rows x outputs] = activation(x[rows x inputs] W + b), both contiguous.
  ///
  /// - Throws: ``ShapeError`` when the counts are not `rows` such rows, ``OverlapError`` when y lies
  ///   on x.
  public func forward(
    rows: Int, _ x: UnsafeBufferPointer<Float>, into y: UnsafeMutableBufferPointer<Float>,
    on backend: any Backend
  ) throws {
    let input = try UnsafeMatrixPointer(x, rows: rows, columns: inputs)
    let output = try UnsafeMutableMatrixPointer(y, rows: rows, columns: outputs)
    guard x.count == rows * inputs, y.count == rows * outputs else {
      throw ShapeError(
        "\(rows) rows take \(rows) x \(inputs) values to \(rows) x \(outputs), found \(x.count) and "
          + "room for \(y.count).")
    }
    try forward(input, into: output, on: backend)
  }

  /// As the version on unsafe buffers, from and to spans.
  ///
  /// - Throws: ``ShapeError`` when the counts are not `rows` such rows.
  public func forward(
    rows: Int, _ x: Span<Float>, into y: inout MutableSpan<Float>, on backend: any Backend
  ) throws {
    try x.withUnsafeBufferPointer { x in
      try y.withUnsafeMutableBufferPointer {
        try forward(rows: rows, x, into: $0, on: backend)
      }
    }
  }

  /// activation(x[rows x inputs] W + b) [rows x outputs], row after row.
  ///
  /// - Throws: ``ShapeError`` when the count is not `rows` rows of inputs, or the output has more values
  ///   than the memory.
  public func forward(rows: Int, _ x: [Float], on backend: any Backend) throws -> [Float] {
    // Before there is room for so many: at most (2³¹)² values, no overflow of Int.
    guard 0...MatrixExtent.largest ~= rows, x.count == rows * inputs else {
      throw ShapeError("\(rows) rows take \(rows) x \(inputs) values, found \(x.count).")
    }
    guard rows * outputs <= physicalMemory / MemoryLayout<Float>.stride else {
      throw ShapeError(
        "An output of \(rows) x \(outputs) values does not fit in memory; take fewer rows at a time."
      )
    }
    var y = [Float](repeating: 0, count: rows * outputs)
    try x.withUnsafeBufferPointer { x in
      try y.withUnsafeMutableBufferPointer { try forward(rows: rows, x, into: $0, on: backend) }
    }
    return y
  }
}
