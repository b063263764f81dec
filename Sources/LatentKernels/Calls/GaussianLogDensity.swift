import CKernels

extension Backend {
  /// log N(x | μ, diag σ²) of each row in nats, complete with ½ log 2π, and where asked for the
  /// gradient of their weighted sum.
  ///
  /// All matrices are [rows x columns]; outputs share no memory with anything.
  ///
  /// - Parameters:
  ///   - logVariance: log σ², as it is: nothing bounds it.
  ///   - logDensity: [rows].
  ///   - meanGradient: receives weight · ∂ log N / ∂μ = weight (x − μ) / σ².
  ///   - logVarianceGradient: receives weight · ∂ log N / ∂ log σ²; needs `meanGradient` beside it.
  ///   - weight: of the gradients; −1 / rows for a mean negative log-density.
  /// - Throws: ``ShapeError`` when sizes differ, ``OverlapError`` when an output lies on another
  ///   matrix.
  public func gaussianLogDensity(
    of x: UnsafeMatrixPointer, mean: UnsafeMatrixPointer, logVariance: UnsafeMatrixPointer,
    into logDensity: UnsafeMutableBufferPointer<Float>,
    meanGradient: UnsafeMutableMatrixPointer? = nil,
    logVarianceGradient: UnsafeMutableMatrixPointer? = nil, weight: Float = 1
  ) throws {
    try checkShapes(
      of: x,
      [("mean", mean), ("log-variance", logVariance)]
        + [
          ("gradient of the mean", meanGradient),
          ("gradient of the log-variance", logVarianceGradient),
        ].compactMap { name, view in view.map { (name, UnsafeMatrixPointer($0)) } },
      densities: logDensity.count)
    guard logVarianceGradient == nil || meanGradient != nil else {
      throw ShapeError("The gradient of the log-variance needs room for that of the mean too.")
    }
    try checkOverlaps(
      inputs: [("x", x.extent), ("mean", mean.extent), ("log-variance", logVariance.extent)],
      outputs: [
        ("log-density", MatrixExtent(logDensity)),
        ("gradient of the mean", meanGradient?.extent),
        ("gradient of the log-variance", logVarianceGradient?.extent),
      ])
    guard x.rows > 0 else { return }
    guard x.columns > 0 else { return logDensity.update(repeating: 0) }
    var operation = PlanOperation()
    operation.kind = LATENT_OP_LOG_DENSITY
    operation.likelihood = LATENT_LIKELIHOOD_GAUSSIAN
    operation.dimensions = UInt32(x.columns)
    operation.target = Operand(buffer: 1, stride: UInt32(x.stride), offset: 0)
    operation.input = Operand(buffer: 2, stride: UInt32(mean.stride), offset: 0)
    operation.log_variance = Operand(buffer: 3, stride: UInt32(logVariance.stride), offset: 0)
    operation.log_density = Operand(buffer: 4, stride: 0, offset: 0)
    var buffers = [
      Buffer(), x.buffer, mean.buffer, logVariance.buffer,
      Buffer(data: logDensity.baseAddress, count: UInt64(logDensity.count)),
    ]
    if let meanGradient {
      operation.gradient = Operand(buffer: 5, stride: UInt32(meanGradient.stride), offset: 0)
      buffers.append(meanGradient.buffer)
    }
    if let logVarianceGradient {
      operation.output = Operand(buffer: 6, stride: UInt32(logVarianceGradient.stride), offset: 0)
      buffers.append(logVarianceGradient.buffer)
    }
    var run = Run()
    run.rows = UInt32(x.rows)
    run.objective_scale = -weight  // the operation's gradients are those of -log p
    execute([operation], on: buffers, run: run)
  }

  private func checkShapes(
    of x: UnsafeMatrixPointer, _ others: [(String, UnsafeMatrixPointer)], densities: Int
  ) throws(ShapeError) {
    for (name, other) in others where other.rows != x.rows || other.columns != x.columns {
      throw ShapeError(
        "The \(name) must be \(x.rows) x \(x.columns) as x, found \(other.rows) x \(other.columns)."
      )
    }
    guard densities == x.rows else {
      throw ShapeError("\(x.rows) rows have as many log-densities, found room for \(densities).")
    }
  }

  private func checkOverlaps(
    inputs: [(String, MatrixExtent)], outputs: [(String, MatrixExtent?)]
  ) throws(OverlapError) {
    var earlier = inputs
    for case (let name, let extent?) in outputs {
      for (other, taken) in earlier where extent.overlaps(taken) {
        throw OverlapError("The \(name) overlaps the \(other); it needs memory of its own.")
      }
      earlier.append((name, extent))
    }
  }
}

/// Log-densities of rows and the gradients of their weighted sum, row after row.
public struct GaussianLogDensity: Sendable, Equatable {
  /// log N(x | μ, diag σ²) [rows], nats.
  public var values: [Float]
  /// With respect to μ [rows x columns].
  public var meanGradient: [Float]
  /// With respect to log σ² [rows x columns].
  public var logVarianceGradient: [Float]
}

extension Backend {
  /// log N(x | μ, diag σ²) of rows of `columns` values in nats, with gradients times `weight`.
  ///
  /// - Throws: ``ShapeError`` when the counts differ or are not whole rows.
  public func gaussianLogDensity(
    of x: [Float], mean: [Float], logVariance: [Float], columns: Int, weight: Float = 1
  ) throws -> GaussianLogDensity {
    let rows = columns > 0 ? x.count / columns : 0
    guard columns > 0, rows * columns == x.count, mean.count == x.count,
      logVariance.count == x.count
    else {
      throw ShapeError(
        "x, mean and log-variance must be rows of \(columns) values alike, found \(x.count), "
          + "\(mean.count) and \(logVariance.count) values.")
    }
    var result = GaussianLogDensity(
      values: [Float](repeating: 0, count: rows),
      meanGradient: [Float](repeating: 0, count: x.count),
      logVarianceGradient: [Float](repeating: 0, count: x.count))
    func view(_ buffer: UnsafeBufferPointer<Float>) throws -> UnsafeMatrixPointer {
      try UnsafeMatrixPointer(buffer, rows: rows, columns: columns)
    }
    try x.withUnsafeBufferPointer { x in
      try mean.withUnsafeBufferPointer { mean in
        try logVariance.withUnsafeBufferPointer { logVariance in
          try result.values.withUnsafeMutableBufferPointer { values in
            try result.meanGradient.withUnsafeMutableBufferPointer { dMean in
              try result.logVarianceGradient.withUnsafeMutableBufferPointer { dLogVariance in
                try gaussianLogDensity(
                  of: view(x), mean: view(mean), logVariance: view(logVariance), into: values,
                  meanGradient: UnsafeMutableMatrixPointer(dMean, rows: rows, columns: columns),
                  logVarianceGradient: UnsafeMutableMatrixPointer(
                    dLogVariance, rows: rows, columns: columns), weight: weight)
              }
            }
          }
        }
      }
    }
    return result
  }

  /// As the version on unsafe matrices, from and to contiguous spans of whole rows.
  ///
  /// - Throws: ``ShapeError`` when the counts differ or are not `logDensity.count` rows of `columns`.
  public func gaussianLogDensity(
    of x: Span<Float>, mean: Span<Float>, logVariance: Span<Float>, columns: Int,
    into logDensity: inout MutableSpan<Float>, meanGradient: inout MutableSpan<Float>,
    logVarianceGradient: inout MutableSpan<Float>, weight: Float = 1
  ) throws {
    let rows = logDensity.count
    let (expected, overflow) = rows.multipliedReportingOverflow(by: columns)
    let counts = [
      x.count, mean.count, logVariance.count, meanGradient.count, logVarianceGradient.count,
    ]
    guard columns >= 0, !overflow, counts.allSatisfy({ $0 == expected }) else {
      throw ShapeError(
        "x, mean, log-variance and their gradients must have \(rows) x \(columns) values, found "
          + counts.map(String.init).joined(separator: ", ") + ".")
    }
    try x.withUnsafeBufferPointer { x in
      try mean.withUnsafeBufferPointer { mean in
        try logVariance.withUnsafeBufferPointer { logVariance in
          try logDensity.withUnsafeMutableBufferPointer { values in
            try meanGradient.withUnsafeMutableBufferPointer { dMean in
              try logVarianceGradient.withUnsafeMutableBufferPointer { dLogVariance in
                try gaussianLogDensity(
                  of: UnsafeMatrixPointer(x, rows: rows, columns: columns),
                  mean: UnsafeMatrixPointer(mean, rows: rows, columns: columns),
                  logVariance: UnsafeMatrixPointer(logVariance, rows: rows, columns: columns),
                  into: values,
                  meanGradient: UnsafeMutableMatrixPointer(dMean, rows: rows, columns: columns),
                  logVarianceGradient: UnsafeMutableMatrixPointer(
                    dLogVariance, rows: rows, columns: columns), weight: weight)
              }
            }
          }
        }
      }
    }
  }
}
