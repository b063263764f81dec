import LatentKernels

/// A network with its batched forward and backward pass on a backend: the part that another trainer
/// calls in place of its own.
///
/// `forward` keeps the activations of its batch; `backward` uses them. Inputs are read where they
/// lie, row-major and contiguous; nothing is copied. One call at a time.
public final class BatchedNetwork {
  /// The layers.
  public let network: MultilayerPerceptron
  /// What the layers compute with, and where gradients go.
  public let parameters: Parameters
  /// What computes.
  public let backend: any Backend
  /// Rows of the largest batch.
  public let capacity: Int
  private var forwardPlan, backwardPlan: Plan
  private var backwardPlanWithInput: Plan?
  private let workspace: Storage<Float>
  private let input, output, outputGradient, inputGradient: UInt32
  private var rows = 0

  /// Columns of a row that `forward` reads.
  public var inputs: Int { network.inputs }
  /// Columns of a row that `forward` writes.
  public var outputs: Int { network.outputLayer.columns }

  /// A network with room for batches of up to `capacity` rows.
  ///
  /// - Throws: ``SettingError`` when the capacity is below 1, or the batches take more memory than the
  ///   machine has; ``ShapeError`` when the parameters are of another layout than the network's.
  public init(
    _ network: MultilayerPerceptron, parameters: Parameters, capacity: Int, backend: any Backend
  ) throws {
    guard 1...MatrixExtent.largest ~= capacity else {
      throw SettingError(
        "A network needs room for 1...\(MatrixExtent.largest) rows a batch, found \(capacity).")
    }
    // Of each layer its output and the gradient of it; the last one's are the caller's.
    let widths = network.layers.reduce(0.0) { $0 + Double(Panels.count($1.columns) * 16) }
    try expectMemory(
      for: 4 * 2 * widths * Double(capacity), "A batch of \(capacity) rows",
      "choose a smaller capacity")
    // A layer of another layout would be read, and its gradients written, past the storage.
    for layer in network.layers where !parameters.layers.contains(where: layer.lies(as:)) {
      throw ShapeError(
        "These parameters have no layer like \(layer.name), \(layer.inputs) x \(layer.columns), in its "
          + "place; give those of the layout that the network was added to.")
    }
    self.network = network
    self.parameters = parameters
    self.backend = backend
    self.capacity = capacity
    var builder = StepBuilder(parameters: parameters, capacity: capacity)
    let x = builder.external(columns: network.inputs)
    let y = builder.external(columns: network.outputLayer.columns)
    let dy = builder.external(columns: network.outputLayer.columns)
    let dx = builder.external(columns: network.inputs)
    let hidden = builder.forwardHidden(network, input: x)
    _ = builder.forward(network.outputLayer, input: hidden[hidden.count - 1], output: y)
    let forwardCount = builder.plan.operations.count
    func backwardPlan(inputGradient: Bool, sharing: Storage<Float>?) -> (Plan, Storage<Float>) {
      var builder = builder
      let inner = builder.backwardInputs(
        network, activations: hidden, gradient: dy, inputGradient: inputGradient, into: dx)
      builder.backwardWeights(network, activations: hidden, gradients: inner.layers, update: false)
      return builder.finish(sharing: sharing)
    }
    let (plan, workspace) = backwardPlan(inputGradient: false, sharing: nil)
    self.workspace = workspace
    forwardPlan = plan.selecting(0..<forwardCount)
    self.backwardPlan = plan.selecting(forwardCount..<plan.operations.count)
    if network.layers[0].transposed != nil {
      let (whole, _) = backwardPlan(inputGradient: true, sharing: workspace)
      backwardPlanWithInput = whole.selecting(forwardCount..<whole.operations.count)
    } else {
      backwardPlanWithInput = nil
    }
    (input, output, outputGradient, inputGradient) = (x.buffer, y.buffer, dy.buffer, dx.buffer)
  }

  /// Whether the network was built to give the gradient of its input.
  public var givesInputGradient: Bool { backwardPlanWithInput != nil }

  /// output[rows x outputs] = network(input[rows x inputs])
  ///
  /// - Throws: ``ShapeError`` when the counts are not whole rows of the network's widths, or the batch
  ///   is larger than ``capacity``; ``OverlapError`` when the output lies on the input.
  public func forward(
    _ x: UnsafeBufferPointer<Float>, into y: UnsafeMutableBufferPointer<Float>
  ) throws {
    let rows = try wholeRows(x.count, of: inputs, "input")
    guard y.count == rows * outputs else {
      throw ShapeError(
        "The output of \(rows) rows takes \(rows) x \(outputs) values, found room for \(y.count).")
    }
    guard !MatrixExtent(x).overlaps(MatrixExtent(y)) else {
      throw OverlapError("The network's output overlaps its input; it needs memory of its own.")
    }
    self.rows = rows
    forwardPlan.bind(input, to: x.baseAddress, count: x.count)
    forwardPlan.bind(output, to: UnsafePointer(y.baseAddress), count: y.count)
    forwardPlan.execute(on: backend, run: run)
  }

  /// From d loss / d output[rows x outputs] of the last `forward` and that pass's input: the gradients
  /// of all parameters, into `parameters.gradients`, and, where asked for,
  /// d loss / d input[rows x inputs].
  ///
  /// - Throws: ``ShapeError`` when the rows are not those of the last `forward`, or the input's
  ///   gradient is asked of a network that was built without it; ``OverlapError`` when that gradient
  ///   lies on the input or on the output's gradient.
  public func backward(
    input x: UnsafeBufferPointer<Float>, outputGradient dy: UnsafeBufferPointer<Float>,
    inputGradient dx: UnsafeMutableBufferPointer<Float>? = nil
  ) throws {
    guard try wholeRows(dy.count, of: outputs, "output gradient") == rows,
      try wholeRows(x.count, of: inputs, "input") == rows
    else {
      throw ShapeError(
        "The last forward pass had \(rows) rows; backward found \(x.count / inputs) of the input "
          + "and \(dy.count / outputs) of the output's gradient.")
    }
    if rows == 0 { clearGradients() }
    guard let dx else {
      backwardPlan.bind(input, to: x.baseAddress, count: x.count)
      backwardPlan.bind(outputGradient, to: dy.baseAddress, count: dy.count)
      backwardPlan.execute(on: backend, run: run)
      return
    }
    guard backwardPlanWithInput != nil else {
      throw ShapeError(
        "This network was built without the gradient of its input; build it with inputNeedsGradient."
      )
    }
    guard dx.count == rows * inputs else {
      throw ShapeError(
        "The gradient of \(rows) rows takes \(rows) x \(inputs) values, found room for \(dx.count)."
      )
    }
    guard !MatrixExtent(dx).overlaps(MatrixExtent(x)), !MatrixExtent(dx).overlaps(MatrixExtent(dy))
    else {
      throw OverlapError(
        "The gradient of the input overlaps the input or the output's gradient; it needs memory of "
          + "its own.")
    }
    backwardPlanWithInput!.bind(input, to: x.baseAddress, count: x.count)
    backwardPlanWithInput!.bind(outputGradient, to: dy.baseAddress, count: dy.count)
    backwardPlanWithInput!.bind(inputGradient, to: UnsafePointer(dx.baseAddress), count: dx.count)
    backwardPlanWithInput!.execute(on: backend, run: run)
  }

  /// An empty batch runs no operation, and its gradients are zero.
  private func clearGradients() {
    for layer in network.layers {
      (parameters.gradients.pointer + layer.weights).update(repeating: 0, count: layer.weightCount)
      (parameters.gradients.pointer + layer.bias).update(repeating: 0, count: layer.biasCount)
    }
  }

  private var run: Run {
    var run = Run()
    run.rows = UInt32(rows)
    run.objective_scale = 1
    return run
  }

  private func wholeRows(_ count: Int, of columns: Int, _ what: String) throws -> Int {
    let (rows, rest) = count.quotientAndRemainder(dividingBy: columns)
    guard rest == 0 else {
      throw ShapeError(
        "The network expects \(columns) columns of \(what); \(count) values are not whole rows.")
    }
    guard rows <= capacity else {
      throw ShapeError("The network was built for \(capacity) rows a batch, the batch has \(rows).")
    }
    return rows
  }
}
