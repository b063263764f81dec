import LatentKernels

/// q(z|x) of a batch: independent normals, [rows x L] each.
public struct DiagonalGaussian: Sendable, Equatable {
  public var mean: Matrix<Float>
  /// log σ², within ±``LogVariance/bound``.
  public var logVariance: Matrix<Float>

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
  public let latentDimensions: Int
  private var heads = Matrix<Float>(rows: 0, columns: 0)

  public var parameters: Parameters { network.parameters }

  /// The encoder of a model.
  public init(_ networks: VariationalNetworks, capacity: Int, backend: any Backend) throws {
    latentDimensions = networks.architecture.latentDimensions
    network = try BatchedNetwork(
      networks.encoder, parameters: networks.parameters, capacity: capacity, backend: backend)
  }

  /// An encoder of its own, Glorot-initialized, that can give the gradient of its input.
  public init(
    inputs: Int, hidden: [Int], latentDimensions: Int, activation: Activation = .relu,
    capacity: Int, backend: any Backend, seed: UInt64 = 0
  ) throws {
    try Architecture(dimensions: inputs, hidden: hidden, latentDimensions: latentDimensions)
      .validate()
    var layout = ParameterLayout()
    let stack = VariationalNetworks.encoder(
      inputs: inputs, hidden: hidden, latentDimensions: latentDimensions, activation: activation,
      inputNeedsGradient: true, layout: &layout)
    let parameters = Parameters(layout)
    parameters.initialize(seed: seed)
    self.latentDimensions = latentDimensions
    network = try BatchedNetwork(
      stack, parameters: parameters, capacity: capacity, backend: backend)
  }

  /// The posterior of each row of `batch` [rows x inputs]; a point's log-variance is −∞.
  ///
  /// - Throws: ``ShapeError`` when the batch has another width, or more rows than the capacity.
  public func forward(_ batch: Matrix<Float>) throws -> DiagonalGaussian {
    heads = try network.forward(batch)
    guard heads.columns > latentDimensions else {
      // A point: no variance at all.
      return DiagonalGaussian(
        mean: heads,
        logVariance: Matrix(rows: heads.rows, columns: latentDimensions, repeating: -.infinity))
    }
    let mean = heads.columns(0..<latentDimensions)
    var logVariance = heads.columns(latentDimensions..<2 * latentDimensions)
    LogVariance.bound(&logVariance.values)
    return DiagonalGaussian(mean: mean, logVariance: logVariance)
  }

  /// From d loss / d mean and d loss / d log-variance [rows x L] of the last `forward`, and its batch:
  /// the gradients of all parameters, into `parameters.gradients`, and d loss / d batch where the
  /// encoder was built to give it.
  @discardableResult
  public func backward(_ batch: Matrix<Float>, gradient: DiagonalGaussian) throws -> Matrix<Float>?
  {
    guard gradient.mean.rows == heads.rows, gradient.mean.columns == latentDimensions,
      gradient.logVariance.rows == heads.rows, gradient.logVariance.columns == latentDimensions
    else {
      throw ShapeError(
        "The encoder expects gradients of \(heads.rows) x \(latentDimensions), found "
          + "\(gradient.mean.rows) x \(gradient.mean.columns) and "
          + "\(gradient.logVariance.rows) x \(gradient.logVariance.columns).")
    }
    var raw = heads.columns(latentDimensions..<2 * latentDimensions).values
    let slopes = LogVariance.bound(&raw)
    var output = Matrix<Float>(rows: heads.rows, columns: 2 * latentDimensions)
    for row in 0..<heads.rows {
      for l in 0..<latentDimensions {
        output[row, l] = gradient.mean[row, l]
        output[row, latentDimensions + l] =
          gradient.logVariance[row, l] * slopes[row * latentDimensions + l]
      }
    }
    return try network.backward(batch, outputGradient: output)
  }
}

extension LogVariance {
  /// raw -> B tanh(raw / B) in place; returns the slopes, 1 − tanh².
  @discardableResult
  static func bound(_ values: inout [Float]) -> [Float] {
    for i in values.indices { values[i] /= bound }
    values.withUnsafeMutableBufferPointer {
      InstructionSet.best.kernels.tanh($0.count, $0.baseAddress, $0.baseAddress)
    }
    let slopes = values.map { 1 - $0 * $0 }
    for i in values.indices { values[i] *= bound }
    return slopes
  }
}
