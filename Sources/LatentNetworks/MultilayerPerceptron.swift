import LatentKernels

/// A stack of linear layers: what encoder and decoder are made of. A description only; a
/// ``StepBuilder`` turns it into operations.
public struct MultilayerPerceptron: Sendable {
  /// First to last.
  public let layers: [LinearLayer]
  /// Columns of the input.
  public var inputs: Int { layers[0].inputs }
  /// The last layer, linear, whose columns are the output.
  public var outputLayer: LinearLayer { layers[layers.count - 1] }
  /// All layers but the last.
  public var hidden: ArraySlice<LinearLayer> { layers.dropLast() }

  /// Adds the layers to a layout.
  ///
  /// - Parameters:
  ///   - prefix: hidden layers are named "prefix.layers.0", "prefix.layers.1" and so on.
  ///   - output: names of the output's column ranges; `outputColumns` packed columns in all.
  /// - Throws: as ``ParameterLayout/addLayer(inputs:columns:activation:slices:inputNeedsGradient:)``.
  public init(
    prefix: String, inputs: Int, hidden: [Int], activation: Activation, outputColumns: Int,
    output: [ColumnSlice], inputNeedsGradient: Bool, layout: inout ParameterLayout
  ) throws {
    var layers: [LinearLayer] = []
    var width = inputs
    for (index, columns) in hidden.enumerated() {
      layers.append(
        try layout.addLayer(
          inputs: width, columns: columns, activation: activation,
          slices: [ColumnSlice(name: "\(prefix).layers.\(index)", count: columns)],
          inputNeedsGradient: index > 0 || inputNeedsGradient))
      width = columns
    }
    layers.append(
      try layout.addLayer(
        inputs: width, columns: outputColumns, activation: .identity, slices: output,
        inputNeedsGradient: !hidden.isEmpty || inputNeedsGradient))
    self.layers = layers
  }
}

extension StepBuilder {
  /// The hidden layers' outputs, the network's input first.
  ///
  /// - Parameter ones: whether `listOnes(of:columns:)` has listed the input's ones.
  public mutating func forwardHidden(
    _ network: MultilayerPerceptron, input: Operand, ones: Bool = false
  ) -> [Operand] {
    var activations = [input]
    for (index, layer) in network.hidden.enumerated() {
      activations.append(
        forward(layer, input: activations[index], ones: index == 0 && ones))
      if index == 0, ones { listOnes(of: input, columns: network.inputs, byColumn: true) }
    }
    return activations
  }

  /// From the gradient of the output to the gradients of every layer's output before its activation,
  /// last layer last, and of the input if wanted.
  public mutating func backwardInputs(
    _ network: MultilayerPerceptron, activations: [Operand], gradient: Operand, inputGradient: Bool,
    into output: Operand? = nil
  ) -> (layers: [Operand], input: Operand?) {
    var gradients = [gradient]
    for index in network.layers.indices.dropFirst().reversed() {
      gradients.insert(
        backwardInput(
          network.layers[index], gradient: gradients[0], input: activations[index],
          activation: network.layers[index - 1].activation), at: 0)
    }
    guard inputGradient else { return (gradients, nil) }
    return (
      gradients,
      backwardInput(
        network.layers[0], gradient: gradients[0], input: Operand(), activation: .identity,
        output: output)
    )
  }

  /// Gradients of all weights, written out or taken into Adam.
  public mutating func backwardWeights(
    _ network: MultilayerPerceptron, activations: [Operand], ones: Bool = false,
    gradients: [Operand], update: Bool
  ) {
    for index in network.layers.indices.reversed() {
      backwardWeights(
        network.layers[index], input: activations[index], ones: index == 0 && ones,
        gradient: gradients[index], update: update)
    }
  }
}
