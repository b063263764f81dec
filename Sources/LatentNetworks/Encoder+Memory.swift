import LatentKernels

// The passes on matrices and spans.
extension Encoder {
  /// The posterior of each row of `batch` [rows x inputs].
  ///
  /// - Throws: ``ShapeError`` when the batch has another width, or more rows than the capacity.
  public func forward(_ batch: Matrix<Float>) throws -> DiagonalGaussian {
    guard batch.columns == network.inputs else {
      throw ShapeError(
        "The encoder expects \(network.inputs) columns, the batch has \(batch.columns).")
    }
    var mean = Matrix<Float>(rows: batch.rows, columns: latentDimensions)
    var logVariance = mean
    try batch.values.withUnsafeBufferPointer { x in
      try mean.values.withUnsafeMutableBufferPointer { mean in
        try logVariance.values.withUnsafeMutableBufferPointer {
          try forward(x, mean: mean, logVariance: $0)
        }
      }
    }
    return DiagonalGaussian(mean: mean, logVariance: logVariance)
  }

  /// From d loss / d mean and d loss / d log-variance [rows x L] of the last `forward`, and its batch:
  /// the gradients of all parameters, into `parameters.gradients`, and d loss / d batch where the
  /// encoder was built to give it.
  ///
  /// - Throws: ``ShapeError`` when the gradients' shapes or the batch's rows are not those of the last
  ///   `forward`.
  @discardableResult
  public func backward(_ batch: Matrix<Float>, gradient: DiagonalGaussian) throws -> Matrix<Float>?
  {
    guard gradient.mean.columns == latentDimensions, batch.columns == network.inputs,
      gradient.logVariance.columns == latentDimensions
    else {
      throw ShapeError(
        "The encoder expects a batch of \(network.inputs) columns and gradients of "
          + "\(latentDimensions), found \(batch.columns), \(gradient.mean.columns) and "
          + "\(gradient.logVariance.columns).")
    }
    var result = Matrix<Float>(
      rows: network.givesInputGradient ? batch.rows : 0, columns: network.inputs)
    try batch.values.withUnsafeBufferPointer { x in
      try gradient.mean.values.withUnsafeBufferPointer { dMean in
        try gradient.logVariance.values.withUnsafeBufferPointer { dLogVariance in
          try result.values.withUnsafeMutableBufferPointer {
            try backward(
              input: x, meanGradient: dMean, logVarianceGradient: dLogVariance,
              inputGradient: network.givesInputGradient ? $0 : nil)
          }
        }
      }
    }
    return network.givesInputGradient ? result : nil
  }

  /// As the version on unsafe buffers, from span to spans.
  ///
  /// - Throws: ``ShapeError`` as that one.
  public func forward(
    _ x: Span<Float>, mean: inout MutableSpan<Float>, logVariance: inout MutableSpan<Float>
  ) throws {
    try x.withUnsafeBufferPointer { x in
      try mean.withUnsafeMutableBufferPointer { mean in
        try logVariance.withUnsafeMutableBufferPointer {
          try forward(x, mean: mean, logVariance: $0)
        }
      }
    }
  }

  /// The gradients of all parameters, from spans of the last `forward`'s input and of the gradients of
  /// mean and log-variance.
  ///
  /// - Throws: ``ShapeError`` when the rows are not those of the last `forward`.
  public func backward(
    input x: Span<Float>, meanGradient: Span<Float>, logVarianceGradient: Span<Float>
  ) throws {
    try x.withUnsafeBufferPointer { x in
      try meanGradient.withUnsafeBufferPointer { dMean in
        try logVarianceGradient.withUnsafeBufferPointer {
          try backward(input: x, meanGradient: dMean, logVarianceGradient: $0)
        }
      }
    }
  }

  /// As ``backward(input:meanGradient:logVarianceGradient:)``, and d loss / d input [rows x inputs].
  ///
  /// - Throws: ``ShapeError`` when the rows are not those of the last `forward`, or the encoder was built
  ///   without the gradient of its input.
  public func backward(
    input x: Span<Float>, meanGradient: Span<Float>, logVarianceGradient: Span<Float>,
    inputGradient: inout MutableSpan<Float>
  ) throws {
    try x.withUnsafeBufferPointer { x in
      try meanGradient.withUnsafeBufferPointer { dMean in
        try logVarianceGradient.withUnsafeBufferPointer { dLogVariance in
          try inputGradient.withUnsafeMutableBufferPointer {
            try backward(
              input: x, meanGradient: dMean, logVarianceGradient: dLogVariance, inputGradient: $0)
          }
        }
      }
    }
  }
}
