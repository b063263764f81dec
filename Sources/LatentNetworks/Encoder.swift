import LatentKernels

/// q(z|x) of a batch: independent normals, [rows x L] each.
public struct DiagonalGaussian: Sendable, Equatable {
  /// μ.
  public var mean: Matrix<Float>
  /// log σ², within ±``LogVariance/bound``.
  public var logVariance: Matrix<Float>

  /// Both [rows x L].
  public init(mean: Matrix<Float>, logVariance: Matrix<Float>) {
    self.mean = mean
    self.logVariance = logVariance
  }
}

/// x -> q(z|x) = N(μ(x), diag σ²(x)), batched forward and backward.
public final class Encoder {
  /// The network underneath, (mean | raw log-variance)[rows x 2 L], for callers with memory of their
  /// own.
  public let network: BatchedNetwork
  /// Dimensions of z.
  public let latentDimensions: Int
  // (mean | raw log-variance) of the last forward pass, and their gradients [capacity x 2 L].
  private let heads, headGradients: Storage<Float>
  // [capacity x L]: raw log-variances on their way through the bound.
  private let bounded: Storage<Float>
  private var rows = 0
  /// Whether it gives one code a row, without a variance: its heads are the codes alone.
  private var isPoint: Bool { network.outputs == latentDimensions }

  /// What is learned, and its gradients.
  public var parameters: Parameters { network.parameters }

  /// The encoder of a model.
  ///
  /// - Throws: ``SettingError`` when the capacity is below 1, or the batches take more memory than the
  ///   machine has.
  public init(_ networks: VariationalNetworks, capacity: Int, backend: any Backend) throws {
    latentDimensions = networks.architecture.latentDimensions
    try Self.checkMemory(capacity, latentDimensions)
    network = try BatchedNetwork(
      networks.encoder, parameters: networks.parameters, capacity: capacity, backend: backend)
    (heads, headGradients, bounded) = Self.memory(capacity, latentDimensions)
  }

  /// An encoder of its own, Glorot-initialized, that can give the gradient of its input.
  ///
  /// - Throws: ``SettingError`` for sizes out of range, a capacity below 1, or more of either than memory
  ///   holds.
  public init(
    inputs: Int, hidden: [Int], latentDimensions: Int, activation: Activation = .relu,
    capacity: Int, backend: any Backend, seed: UInt64 = 0
  ) throws {
    try Architecture(dimensions: inputs, hidden: hidden, latentDimensions: latentDimensions)
      .validate()
    try Self.checkMemory(capacity, latentDimensions)
    var layout = ParameterLayout()
    let stack = try VariationalNetworks.encoder(
      inputs: inputs, hidden: hidden, latentDimensions: latentDimensions, activation: activation,
      inputNeedsGradient: true, layout: &layout)
    let parameters = Parameters(layout)
    parameters.initialize(seed: seed)
    self.latentDimensions = latentDimensions
    network = try BatchedNetwork(
      stack, parameters: parameters, capacity: capacity, backend: backend)
    (heads, headGradients, bounded) = Self.memory(capacity, latentDimensions)
  }

  /// What ``memory(_:_:)`` takes, beside all that the network checks.
  private static func checkMemory(_ capacity: Int, _ latentDimensions: Int) throws {
    try expectMemory(
      for: 20 * Double(capacity) * Double(latentDimensions),
      "An encoder of \(capacity) rows and \(latentDimensions) latent dimensions",
      "choose smaller batches")
  }

  private static func memory(_ capacity: Int, _ latentDimensions: Int) -> (
    Storage<Float>, Storage<Float>, Storage<Float>
  ) {
    let count = capacity * latentDimensions
    return (Storage(count: 2 * count), Storage(count: 2 * count), Storage(count: count))
  }

  /// The posterior of each row of x[rows x inputs], read in place: mean[rows x L] and
  /// logVariance[rows x L], within ±``LogVariance/bound``, written to the caller's memory; a point's
  /// log-variance is −∞.
  ///
  /// - Throws: ``ShapeError`` when the counts are not whole rows of the encoder's widths, or the batch
  ///   is larger than the capacity; ``OverlapError`` when means or log-variances lie on each other, or
  ///   on the input, which the way back needs.
  public func forward(
    _ x: UnsafeBufferPointer<Float>, mean: UnsafeMutableBufferPointer<Float>,
    logVariance: UnsafeMutableBufferPointer<Float>
  ) throws {
    let (rows, latents) = (x.count / network.inputs, latentDimensions)
    guard
      rows > network.capacity
        || (mean.count == rows * latents && logVariance.count == rows * latents)
    else {
      throw ShapeError(
        "The posterior of \(rows) rows takes \(rows) x \(latents) values each, found room for "
          + "\(mean.count) means and \(logVariance.count) log-variances.")
    }
    let (means, variances) = (MatrixExtent(mean), MatrixExtent(logVariance))
    guard !means.overlaps(variances), !means.overlaps(MatrixExtent(x)),
      !variances.overlaps(MatrixExtent(x))
    else {
      throw OverlapError(
        "The posterior's means and log-variances overlap each other or the input; each needs memory "
          + "of its own.")
    }
    try network.forward(
      x,
      into: UnsafeMutableBufferPointer(
        start: heads.pointer, count: min(rows, network.capacity) * network.outputs))
    self.rows = rows
    for row in 0..<rows {
      let head = heads.pointer + row * network.outputs
      for l in 0..<latents {
        mean[row * latents + l] = head[l]
        logVariance[row * latents + l] = isPoint ? -.infinity : head[latents + l]
      }
    }
    if !isPoint { LogVariance.bound(logVariance) }
  }

  /// From d loss / d mean and d loss / d log-variance [rows x L] of the last `forward`, and its input:
  /// the gradients of all parameters, into `parameters.gradients`, and, where asked for,
  /// d loss / d input[rows x inputs].
  ///
  /// - Throws: ``ShapeError`` when the rows are not those of the last `forward`, or the input's
  ///   gradient is asked of an encoder that was built without it; ``OverlapError`` when that gradient
  ///   lies on the input.
  public func backward(
    input x: UnsafeBufferPointer<Float>, meanGradient: UnsafeBufferPointer<Float>,
    logVarianceGradient: UnsafeBufferPointer<Float>,
    inputGradient: UnsafeMutableBufferPointer<Float>? = nil
  ) throws {
    let latents = latentDimensions
    guard meanGradient.count == rows * latents, logVarianceGradient.count == rows * latents else {
      throw ShapeError(
        "The encoder expects gradients of \(rows) x \(latents), found \(meanGradient.count) values of "
          + "the mean's and \(logVarianceGradient.count) of the log-variance's.")
    }
    guard !isPoint else {
      return try network.backward(
        input: x, outputGradient: meanGradient, inputGradient: inputGradient)
    }
    for row in 0..<rows {
      for l in 0..<latents {
        bounded.pointer[row * latents + l] = heads.pointer[row * 2 * latents + latents + l]
      }
    }
    LogVariance.slopes(UnsafeMutableBufferPointer(start: bounded.pointer, count: rows * latents))
    for row in 0..<rows {
      let gradient = headGradients.pointer + row * 2 * latents
      for l in 0..<latents {
        gradient[l] = meanGradient[row * latents + l]
        gradient[latents + l] =
          logVarianceGradient[row * latents + l] * bounded.pointer[row * latents + l]
      }
    }
    try network.backward(
      input: x,
      outputGradient: UnsafeBufferPointer(start: headGradients.pointer, count: rows * 2 * latents),
      inputGradient: inputGradient)
  }
}

extension LogVariance {
  /// raw -> B tanh(raw / B) in place.
  static func bound(_ values: UnsafeMutableBufferPointer<Float>) {
    relativeBound(values)
    for i in values.indices { values[i] *= bound }
  }

  /// raw -> the bound's slope there, 1 − tanh²(raw / B), in place.
  static func slopes(_ values: UnsafeMutableBufferPointer<Float>) {
    relativeBound(values)
    for i in values.indices { values[i] = 1 - values[i] * values[i] }
  }

  private static func relativeBound(_ values: UnsafeMutableBufferPointer<Float>) {
    for i in values.indices { values[i] /= bound }
    InstructionSet.reproducible.kernels.tanh(values.count, values.baseAddress, values.baseAddress)
  }

  /// raw -> B tanh(raw / B) in place.
  static func bound(_ values: inout [Float]) {
    values.withUnsafeMutableBufferPointer { bound($0) }
  }
}
