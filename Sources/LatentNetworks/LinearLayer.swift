import LatentKernels

/// A range of a layer's columns that has a name of its own: (mean | log-variance) heads are one
/// product with two such ranges.
public struct ColumnSlice: Sendable, Equatable {
  /// The prefix of its tensors' names: "encoder.mean" has "encoder.mean.weight" and ".bias".
  public let name: String
  /// How many columns it has.
  public let count: Int
  /// The packed column of its first column.
  public let start: Int
  /// In a paired Gaussian layer panels alternate, 16 means and their 16 log-variances.
  public let paired: Bool

  /// `count` columns from packed column `start`.
  public init(name: String, count: Int, start: Int = 0, paired: Bool = false) {
    self.name = name
    self.count = count
    self.start = start
    self.paired = paired
  }

  /// Where the slice's column lies among the layer's packed columns.
  public func packed(_ column: Int) -> Int {
    paired ? start + column / 16 * 32 + column % 16 : start + column
  }

  /// Whether it has columns, and all of them lie among so many packed ones.
  func fits(_ columns: Int) -> Bool {
    1...columns ~= count && 0..<columns ~= start && packed(count - 1) < columns
  }
}

/// y = f(x W + b): sizes, activation, and where the parameters lie in their storage.
public struct LinearLayer: Sendable {
  /// Columns of x.
  public let inputs: Int
  /// Packed columns: for a paired Gaussian layer more than it has outputs.
  public let columns: Int
  /// f.
  public let activation: Activation
  /// Its named ranges of columns.
  public let slices: [ColumnSlice]
  /// Offsets into the parameters' storage (and into gradients and moments, which are laid out alike).
  let weights: Int
  let bias: Int
  /// Offset of the transposed copy, for layers whose input needs a gradient.
  let transposed: Int?

  /// "encoder.layers.0", or the names of its column ranges joined.
  public var name: String {
    slices.dropFirst().reduce(slices[0].name) { joined, slice in
      joined + "|" + (slice.name.split(separator: ".").last ?? "")
    }
  }

  /// Whether both have the same sizes at the same places of their storage.
  func lies(as other: LinearLayer) -> Bool {
    (inputs, columns, weights, bias) == (other.inputs, other.columns, other.weights, other.bias)
      && transposed == other.transposed
  }

  var weightCount: Int { Panels.count(columns) * inputs * 16 }
  var biasCount: Int { Panels.count(columns) * 16 }

  /// Multiply-adds a row of one product with this layer's weights, padding left out.
  public var multiplyAdds: Int { inputs * slices.reduce(0) { $0 + $1.count } }
}

// Operations of the layer. Forward and backward stand side by side.
extension StepBuilder {
  /// output[rows x columns] = f(input W + b)
  ///
  /// - Parameter ones: use what `listOnes(of:columns:)` made of the input.
  public mutating func forward(
    _ layer: LinearLayer, input: Operand, ones: Bool = false, output: Operand? = nil
  ) -> Operand {
    var operation = operation(LATENT_OP_LINEAR_FORWARD, layer, input: input)
    operation.split_columns = splitsColumns(layer.columns)
    operation.activation = layer.activation.code
    operation.ones = ones
    operation.output = output ?? matrix(columns: layer.columns)
    append(
      operation, reads: operation.split_columns || ones ? .allRows : .ownRows,
      phase: "\(layer.name) forward")
    return operation.output
  }

  /// output dX[rows x inputs] = (gradient Wᵀ) f'(X), where `activation` f made the input X.
  public mutating func backwardInput(
    _ layer: LinearLayer, gradient: Operand, input: Operand, activation: Activation,
    output: Operand? = nil
  ) -> Operand {
    var operation = operation(LATENT_OP_LINEAR_BACKWARD_INPUT, layer, input: input)
    operation.split_columns = splitsColumns(layer.inputs)
    operation.activation = activation.code
    operation.gradient = gradient
    operation.output = output ?? matrix(columns: layer.inputs)
    append(
      operation, reads: operation.split_columns ? .allRows : .ownRows,
      phase: "\(layer.name) input gradient")
    return operation.output
  }

  /// dW = Xᵀ dY and db, written to the gradients, or taken into Adam at once.
  public mutating func backwardWeights(
    _ layer: LinearLayer, input: Operand, ones: Bool = false, gradient: Operand, update: Bool
  ) {
    var operation = operation(LATENT_OP_LINEAR_BACKWARD_WEIGHTS, layer, input: input)
    operation.split_columns = splitsColumns(layer.columns)
    operation.update = update
    operation.ones = ones
    operation.gradient = gradient
    addGradients(layer, to: &operation, moments: update)
    append(
      operation, reads: .activations,
      phase: "\(layer.name) weight gradient" + (update ? " and Adam" : ""))
  }

  /// Adam from the written gradient.
  public mutating func adam(_ layer: LinearLayer) {
    var operation = operation(LATENT_OP_ADAM, layer, input: Operand())
    addGradients(layer, to: &operation, moments: true)
    append(operation, reads: .gradients, phase: "\(layer.name) Adam")
  }

  /// Adam on a vector of parameters, from the written gradient.
  public mutating func adam(_ vector: Parameters.VectorSlot) {
    var operation = PlanOperation()
    operation.kind = LATENT_OP_ADAM
    operation.columns = UInt32(vector.count)
    // A layer without inputs: all it has are biases.
    operation.weights = Operand(parameters, vector.offset)
    operation.bias = operation.weights
    operation.weights_gradient = Operand(gradients, vector.offset)
    operation.bias_gradient = operation.weights_gradient
    operation.weights_first_moment = Operand(firstMoments, vector.offset)
    operation.bias_first_moment = operation.weights_first_moment
    operation.weights_second_moment = Operand(secondMoments, vector.offset)
    operation.bias_second_moment = operation.weights_second_moment
    append(operation, reads: .gradients, phase: "\(vector.name) Adam")
  }

  func addGradients(_ layer: LinearLayer, to operation: inout PlanOperation, moments: Bool) {
    operation.weights_gradient = Operand(gradients, layer.weights)
    operation.bias_gradient = Operand(gradients, layer.bias)
    guard moments else { return }
    operation.weights_first_moment = Operand(firstMoments, layer.weights)
    operation.weights_second_moment = Operand(secondMoments, layer.weights)
    operation.bias_first_moment = Operand(firstMoments, layer.bias)
    operation.bias_second_moment = Operand(secondMoments, layer.bias)
  }

  /// An operation with the layer's sizes and where its parameters lie.
  public func operation(_ kind: latent_op_kind, _ layer: LinearLayer, input: Operand)
    -> PlanOperation
  {
    var operation = PlanOperation()
    operation.kind = kind
    operation.inner = UInt32(layer.inputs)
    operation.columns = UInt32(layer.columns)
    operation.input = input
    operation.weights = Operand(parameters, layer.weights)
    operation.bias = Operand(parameters, layer.bias)
    if let offset = layer.transposed {
      operation.weights_transposed = Operand(transposed, offset)
    }
    return operation
  }

  /// Threads own whole groups of weight panels where a layer has enough of them.
  func splitsColumns(_ columns: Int) -> Bool { columns >= 96 }
}
