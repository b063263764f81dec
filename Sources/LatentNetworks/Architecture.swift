import LatentKernels

/// What an encoder says about z.
public enum PosteriorFamily: String, CaseIterable, Codable, Sendable {
  /// q(z|x) = N(μ(x), diag σ²(x)).
  case diagonalGaussian
  /// One point, the code: a deterministic autoencoder.
  case point
}

/// Sizes and kinds of a variational autoencoder's two networks.
public struct Architecture: Codable, Sendable, Equatable {
  /// Columns of the data.
  public var dimensions: Int
  /// Widths of the encoder's hidden layers; the decoder mirrors them.
  public var hidden: [Int]
  /// Dimensions of z.
  public var latentDimensions: Int
  /// Of the hidden layers.
  public var activation: Activation
  /// What the decoder's output means.
  public var likelihood: Likelihood
  /// What the encoder says about z.
  public var posterior: PosteriorFamily

  /// Sizes and kinds with their defaults.
  public init(
    dimensions: Int, hidden: [Int] = [200, 200], latentDimensions: Int = 2,
    activation: Activation = .relu, likelihood: Likelihood = .bernoulli,
    posterior: PosteriorFamily = .diagonalGaussian
  ) {
    self.dimensions = dimensions
    self.hidden = hidden
    self.latentDimensions = latentDimensions
    self.activation = activation
    self.likelihood = likelihood
    self.posterior = posterior
  }

  /// Files from before there was another family name none.
  ///
  /// - Throws: `DecodingError`.
  public init(from decoder: any Swift.Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      dimensions: values.decode(Int.self, forKey: .dimensions),
      hidden: values.decode([Int].self, forKey: .hidden),
      latentDimensions: values.decode(Int.self, forKey: .latentDimensions),
      activation: values.decode(Activation.self, forKey: .activation),
      likelihood: values.decode(Likelihood.self, forKey: .likelihood),
      posterior: values.decodeIfPresent(PosteriorFamily.self, forKey: .posterior)
        ?? .diagonalGaussian)
  }

  /// The largest width that is accepted: sizes beyond it are typing errors.
  static let widest = 1 << 20

  /// The most hidden layers that are accepted.
  static let deepest = 256

  /// - Throws: ``SettingError`` naming the first size that is not positive.
  public func validate() throws {
    guard hidden.count <= Self.deepest else {
      throw SettingError(
        "The number of hidden layers must be at most \(Self.deepest), found \(hidden.count).")
    }
    let sizes =
      [("data columns", dimensions), ("latent dimensions", latentDimensions)]
      + hidden.map { ("a hidden layer", $0) }
    for (name, size) in sizes where size < 1 || size > Self.widest {
      throw SettingError("The size of \(name) must be 1...\(Self.widest), found \(size).")
    }
  }

  /// For example "784-200-200-50".
  public var description: String {
    ([dimensions] + hidden + [latentDimensions]).map(String.init).joined(separator: "-")
  }
}

/// Encoder and decoder as layers on one set of parameters.
public struct VariationalNetworks: Sendable {
  /// Sizes and kinds.
  public let architecture: Architecture
  /// x to (mean, raw log-variance), and z to the parameters of p(x|z).
  public let encoder, decoder: MultilayerPerceptron
  /// The learned raw log-variances of a shared or diagonal Gaussian likelihood.
  public let variance: Parameters.VectorSlot?
  /// Of both networks.
  public let parameters: Parameters

  /// - Throws: ``SettingError`` for sizes out of range, or more than memory holds.
  public init(_ architecture: Architecture) throws {
    try architecture.validate()
    self.architecture = architecture
    var layout = ParameterLayout()
    encoder = try Self.encoder(
      inputs: architecture.dimensions, hidden: architecture.hidden,
      latentDimensions: architecture.latentDimensions, activation: architecture.activation,
      posterior: architecture.posterior, inputNeedsGradient: false, layout: &layout)
    decoder = try Self.decoder(
      latentDimensions: architecture.latentDimensions, hidden: architecture.hidden.reversed(),
      dimensions: architecture.dimensions, activation: architecture.activation,
      likelihood: architecture.likelihood, layout: &layout)
    let variances = architecture.likelihood.varianceCount(dimensions: architecture.dimensions)
    variance =
      variances > 0 ? try layout.addVector(name: "decoder.rawLogVariance", count: variances) : nil
    parameters = Parameters(layout)
  }

  /// x -> (mean | raw log-variance)[rows x 2 L], or the code [rows x L] of a point.
  static func encoder(
    inputs: Int, hidden: [Int], latentDimensions: Int, activation: Activation,
    posterior: PosteriorFamily = .diagonalGaussian, inputNeedsGradient: Bool,
    layout: inout ParameterLayout
  ) throws -> MultilayerPerceptron {
    guard posterior == .diagonalGaussian else {
      return try MultilayerPerceptron(
        prefix: "encoder", inputs: inputs, hidden: hidden, activation: activation,
        outputColumns: latentDimensions,
        output: [ColumnSlice(name: "encoder.code", count: latentDimensions)],
        inputNeedsGradient: inputNeedsGradient, layout: &layout)
    }
    return try MultilayerPerceptron(
      prefix: "encoder", inputs: inputs, hidden: hidden, activation: activation,
      outputColumns: 2 * latentDimensions,
      output: [
        ColumnSlice(name: "encoder.mean", count: latentDimensions),
        ColumnSlice(
          name: "encoder.rawLogVariance", count: latentDimensions, start: latentDimensions),
      ], inputNeedsGradient: inputNeedsGradient, layout: &layout)
  }

  /// z -> the parameters of p(x|z)
  static func decoder(
    latentDimensions: Int, hidden: [Int], dimensions: Int, activation: Activation,
    likelihood: Likelihood, layout: inout ParameterLayout
  ) throws -> MultilayerPerceptron {
    let output: [ColumnSlice] =
      switch likelihood {
      case .gaussian:
        [
          ColumnSlice(name: "decoder.mean", count: dimensions, paired: true),
          ColumnSlice(name: "decoder.rawLogVariance", count: dimensions, start: 16, paired: true),
        ]
      case .gaussianUnit, .gaussianShared, .gaussianDiagonal:
        [ColumnSlice(name: "decoder.mean", count: dimensions)]
      case .bernoulli, .continuousBernoulli: [ColumnSlice(name: "decoder.logit", count: dimensions)]
      }
    return try MultilayerPerceptron(
      prefix: "decoder", inputs: latentDimensions, hidden: hidden, activation: activation,
      outputColumns: likelihood.packedColumns(dimensions: dimensions), output: output,
      inputNeedsGradient: true, layout: &layout)
  }
}
