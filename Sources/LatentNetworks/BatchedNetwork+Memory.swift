import LatentKernels

// The passes on matrices and spans.
extension BatchedNetwork {
  /// The output [rows x outputs] of a batch [rows x inputs].
  ///
  /// - Throws: ``ShapeError`` when the batch has another width, or more rows than the capacity.
  public func forward(_ batch: Matrix<Float>) throws -> Matrix<Float> {
    guard batch.columns == inputs else {
      throw ShapeError("The network expects \(inputs) columns, the batch has \(batch.columns).")
    }
    var output = Matrix<Float>(rows: batch.rows, columns: outputs)
    try batch.values.withUnsafeBufferPointer { x in
      try output.values.withUnsafeMutableBufferPointer { try forward(x, into: $0) }
    }
    return output
  }

  /// output[rows x outputs] = network(input[rows x inputs]), from span to span.
  ///
  /// - Throws: ``ShapeError`` when the counts are not whole rows of the network's widths, or the batch is
  ///   larger than the capacity.
  public func forward(_ x: Span<Float>, into y: inout MutableSpan<Float>) throws {
    try x.withUnsafeBufferPointer { x in
      try y.withUnsafeMutableBufferPointer { try forward(x, into: $0) }
    }
  }

  /// The gradients of all parameters, from the span of the last `forward` and that of its output's
  /// gradient.
  ///
  /// - Throws: ``ShapeError`` when the rows are not those of the last `forward`.
  public func backward(input x: Span<Float>, outputGradient dy: Span<Float>) throws {
    try x.withUnsafeBufferPointer { x in
      try dy.withUnsafeBufferPointer { try backward(input: x, outputGradient: $0) }
    }
  }

  /// As ``backward(input:outputGradient:)``, and the gradient of the input [rows x inputs].
  ///
  /// - Throws: ``ShapeError`` when the rows are not those of the last `forward`, or the network was built
  ///   without the gradient of its input.
  public func backward(
    input x: Span<Float>, outputGradient dy: Span<Float>, inputGradient dx: inout MutableSpan<Float>
  ) throws {
    try x.withUnsafeBufferPointer { x in
      try dy.withUnsafeBufferPointer { dy in
        try dx.withUnsafeMutableBufferPointer {
          try backward(input: x, outputGradient: dy, inputGradient: $0)
        }
      }
    }
  }

  /// The gradient of the batch of the last `forward`; those of the parameters go to
  /// `parameters.gradients`.
  ///
  /// - Throws: ``ShapeError`` when the batch or the gradient [rows x outputs] has another shape than
  ///   those of the last `forward`, or the network was built without the gradient of its input.
  public func backward(_ batch: Matrix<Float>, outputGradient: Matrix<Float>) throws -> Matrix<
    Float
  > {
    // Values of another shape may be just as many.
    guard batch.columns == inputs, outputGradient.columns == outputs,
      outputGradient.rows == batch.rows
    else {
      throw ShapeError(
        "The network expects a batch of n x \(inputs) and its output's gradient of n x \(outputs), "
          + "found \(batch.rows) x \(batch.columns) and \(outputGradient.rows) x "
          + "\(outputGradient.columns).")
    }
    var gradient = Matrix<Float>(rows: batch.rows, columns: inputs)
    try batch.values.withUnsafeBufferPointer { x in
      try outputGradient.values.withUnsafeBufferPointer { dy in
        try gradient.values.withUnsafeMutableBufferPointer {
          try backward(input: x, outputGradient: dy, inputGradient: $0)
        }
      }
    }
    return gradient
  }
}
