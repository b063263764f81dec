import LatentKernels

/// p(x|z) of a batch, as the decoder gives it.
public struct Reconstruction: Sendable {
  /// What the output means.
  public let likelihood: Likelihood
  /// E[x|z] [rows x D].
  public let mean: Matrix<Float>
  /// log σ² of a Gaussian likelihood [rows x D], bounded.
  public let logVariance: Matrix<Float>?
  /// Natural parameters of a Bernoulli or continuous Bernoulli [rows x D].
  public let logits: Matrix<Float>?

  /// Parameters of p(x|z), those that its likelihood has.
  public init(
    likelihood: Likelihood, mean: Matrix<Float>, logVariance: Matrix<Float>? = nil,
    logits: Matrix<Float>? = nil
  ) {
    self.likelihood = likelihood
    self.mean = mean
    self.logVariance = logVariance
    self.logits = logits
  }
}

/// z -> the parameters of p(x|z), batched forward and backward.
public final class Decoder {
  /// The network underneath: logits, means, or for the Gaussian with both from the network panels of
  /// 16 means and their 16 raw log-variances in turn.
  public let network: BatchedNetwork
  /// What the output means.
  public let likelihood: Likelihood
  /// Columns of the data.
  public let dimensions: Int
  private let variance: Parameters.VectorSlot?

  /// What is learned, and its gradients.
  public var parameters: Parameters { network.parameters }

  /// The decoder of a model.
  ///
  /// - Throws: ``SettingError`` when the capacity is below 1, or the batches take more memory than the
  ///   machine has.
  public init(_ networks: VariationalNetworks, capacity: Int, backend: any Backend) throws {
    likelihood = networks.architecture.likelihood
    dimensions = networks.architecture.dimensions
    variance = networks.variance
    network = try BatchedNetwork(
      networks.decoder, parameters: networks.parameters, capacity: capacity, backend: backend)
  }

  /// A decoder of its own, Glorot-initialized.
  ///
  /// - Throws: ``SettingError`` for sizes out of range, a capacity below 1, or more of either than memory
  ///   holds.
  public init(
    latentDimensions: Int, hidden: [Int], dimensions: Int, activation: Activation = .relu,
    likelihood: Likelihood = .bernoulli, capacity: Int, backend: any Backend, seed: UInt64 = 0
  ) throws {
    try Architecture(dimensions: dimensions, hidden: hidden, latentDimensions: latentDimensions)
      .validate()
    var layout = ParameterLayout()
    let stack = try VariationalNetworks.decoder(
      latentDimensions: latentDimensions, hidden: hidden, dimensions: dimensions,
      activation: activation, likelihood: likelihood, layout: &layout)
    let variances = likelihood.varianceCount(dimensions: dimensions)
    variance =
      variances > 0 ? try layout.addVector(name: "decoder.rawLogVariance", count: variances) : nil
    let parameters = Parameters(layout)
    parameters.initialize(seed: seed)
    self.likelihood = likelihood
    self.dimensions = dimensions
    network = try BatchedNetwork(
      stack, parameters: parameters, capacity: capacity, backend: backend)
  }

  /// The raw output for latents [rows x L]: what ``backward(_:outputGradient:)`` takes the gradient
  /// of.
  ///
  /// - Throws: ``ShapeError`` when the latents have another width, or more rows than the capacity.
  public func forward(_ latents: Matrix<Float>) throws -> Matrix<Float> {
    try network.forward(latents)
  }

  /// From d loss / d raw output of the last `forward`, and its latents: the gradients of all layers'
  /// parameters, into `parameters.gradients`, and d loss / d latents. A log-variance that is shared or one
  /// for each column is no layer's: `parameters` has it as a slot of its own, and its gradient is the caller's.
  ///
  /// - Throws: ``ShapeError`` when the latents or the gradient [rows x ``BatchedNetwork/outputs``] have
  ///   another shape than those of the last `forward`.
  public func backward(_ latents: Matrix<Float>, outputGradient: Matrix<Float>) throws -> Matrix<
    Float
  > {
    try network.backward(latents, outputGradient: outputGradient)
  }

  /// The raw output [rows x ``BatchedNetwork/outputs``] of latents [rows x L], in the caller's memory.
  ///
  /// - Throws: ``ShapeError`` when the counts are not whole rows of the decoder's widths, or the batch
  ///   is larger than the capacity; ``OverlapError`` when the output lies on the latents.
  public func forward(
    _ latents: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
  ) throws {
    try network.forward(latents, into: output)
  }

  /// From d loss / d raw output of the last `forward`, and its latents, in the caller's memory: the
  /// gradients of all layers' parameters, and, where asked for, d loss / d latents [rows x L].
  ///
  /// - Throws: ``ShapeError`` when the rows are not those of the last `forward`; ``OverlapError`` when the
  ///   latents' gradient lies on the latents or on the output's gradient.
  public func backward(
    latents: UnsafeBufferPointer<Float>, outputGradient: UnsafeBufferPointer<Float>,
    latentsGradient: UnsafeMutableBufferPointer<Float>? = nil
  ) throws {
    try network.backward(
      input: latents, outputGradient: outputGradient, inputGradient: latentsGradient)
  }

  /// As the version on unsafe buffers, from span to span.
  ///
  /// - Throws: ``ShapeError`` as that one.
  public func forward(_ latents: Span<Float>, into output: inout MutableSpan<Float>) throws {
    try network.forward(latents, into: &output)
  }

  /// As the version on unsafe buffers, from and to spans.
  ///
  /// - Throws: ``ShapeError`` as that one.
  public func backward(
    latents: Span<Float>, outputGradient: Span<Float>, latentsGradient: inout MutableSpan<Float>
  ) throws {
    try network.backward(
      input: latents, outputGradient: outputGradient, inputGradient: &latentsGradient)
  }

  /// Mean and log-variance of p(x|z) for latents [rows x L].
  ///
  /// - Throws: ``ShapeError`` when the latents have another width, or more rows than the capacity.
  public func decode(_ latents: Matrix<Float>) throws -> Reconstruction {
    let output = try forward(latents)
    switch likelihood {
    case .bernoulli:
      var mean = output
      mean.values.withUnsafeMutableBufferPointer {
        InstructionSet.reproducible.kernels.sigmoid($0.count, $0.baseAddress, $0.baseAddress)
      }
      return Reconstruction(likelihood: likelihood, mean: mean, logits: output)
    case .continuousBernoulli:
      var mean = output
      for i in mean.values.indices { mean.values[i] = continuousBernoulliMean(output.values[i]) }
      return Reconstruction(likelihood: likelihood, mean: mean, logits: output)
    case .gaussian:
      var mean = Matrix<Float>(rows: output.rows, columns: dimensions)
      var logVariance = mean
      for row in 0..<output.rows {
        for d in 0..<dimensions {
          let column = d / 16 * 32 + d % 16
          mean[row, d] = output[row, column]
          logVariance[row, d] = output[row, column + 16]
        }
      }
      LogVariance.bound(&logVariance.values)
      return Reconstruction(likelihood: likelihood, mean: mean, logVariance: logVariance)
    case .gaussianUnit, .gaussianShared, .gaussianDiagonal:
      var logVariance = Matrix<Float>(rows: output.rows, columns: dimensions)
      if let variance {
        var raw = (0..<variance.count).map { parameters.values.pointer[variance.offset + $0] }
        LogVariance.bound(&raw)
        for row in 0..<output.rows {
          for d in 0..<dimensions { logVariance[row, d] = raw.count == 1 ? raw[0] : raw[d] }
        }
      }
      return Reconstruction(likelihood: likelihood, mean: output, logVariance: logVariance)
    }
  }
}

/// E[x] of a continuous Bernoulli with natural parameter l: 1 / (1 − e⁻ˡ) − 1 / l.
private func continuousBernoulliMean(_ parameter: Float) -> Float {
  let l = Double(parameter)
  if abs(l) < 0.1 { return Float(0.5 + l / 12 - l * l * l / 720) }
  var e = [Float(-abs(l))]
  e.withUnsafeMutableBufferPointer {
    InstructionSet.reproducible.kernels.exp(1, $0.baseAddress, $0.baseAddress)
  }
  let upper = 1 / (1 - Double(e[0])) - 1 / abs(l)
  return Float(l > 0 ? upper : 1 - upper)
}
