import LatentIO
import LatentKernels
import LatentNetworks

/// Everything that describes a variational autoencoder apart from its parameters.
public struct VAEConfiguration: Codable, Sendable, Equatable {
  /// Sizes and kinds of both networks.
  public var architecture: Architecture
  /// What happens to a value on its way into a batch.
  public var transform: Transform
  /// Of the training data, undone when the model samples; nil where the data is taken as it is.
  public var standardization: Standardization?
  /// Height and width of images, for pictures.
  public var imageHeight: Int?
  /// Pixels of an image's row.
  public var imageWidth: Int?
  /// What a table's columns are called.
  public var columnNames: [String]?
  /// Where q(z) of a row comes from; nil: from the encoder.
  public var inference: Inference?
  /// Of a deterministic autoencoder: the normal distribution of its codes, to sample from.
  public var codes: CodeDistribution?
  /// Whether rows may lack values (NaN), and the bound is over what was observed.
  public var missing: Bool?
  /// Of semi-amortized inference: steps from the encoder's posterior.
  public var innerSteps: Int?

  /// A model's description.
  public init(
    architecture: Architecture, transform: Transform = .none,
    standardization: Standardization? = nil, imageShape: ImageShape? = nil,
    columnNames: [String]? = nil
  ) {
    self.architecture = architecture
    self.transform = transform
    self.standardization = standardization
    imageHeight = imageShape?.height
    imageWidth = imageShape?.width
    self.columnNames = columnNames
  }

  /// Height and width of images, where rows are images.
  public var imageShape: ImageShape? {
    guard let imageHeight, let imageWidth else { return nil }
    return ImageShape(height: imageHeight, width: imageWidth)
  }
}

extension VAEConfiguration {
  /// Files come here too: nothing they claim may be believed.
  func validate() throws {
    try architecture.validate()
    let dimensions = architecture.dimensions
    try expectMemory(
      for: architecture.parameterBytes, "A model of \(architecture.description)",
      "choose smaller layers")
    if let imageHeight, let imageWidth {
      let (pixels, overflow) = imageHeight.multipliedReportingOverflow(by: imageWidth)
      guard imageHeight > 0, imageWidth > 0, !overflow, pixels == dimensions else {
        throw ShapeError(
          "Images of \(imageHeight) x \(imageWidth) do not fit a model of \(dimensions) columns.")
      }
    }
    for count in [standardization?.mean.count, standardization?.scale.count, columnNames?.count]
    where count ?? dimensions != dimensions {
      throw ShapeError(
        "A model of \(dimensions) columns has names, means or scales of \(count!) columns.")
    }
    if let standard = standardization,
      let column = standard.scale.indices.first(where: {
        !(standard.scale[$0] > 0 && standard.scale[$0].isFinite && standard.mean[$0].isFinite)
      })
    {
      throw SettingError(
        "Scales of columns must be positive, means and scales finite; column \(column + 1) has "
          + "\(standard.mean[column]) and \(standard.scale[column]): look for extreme values in it, or leave "
          + "it out.")
    }
    guard architecture.posterior != .point || inference ?? .amortized == .amortized else {
      throw SettingError(
        "A deterministic autoencoder has one code a row, which its encoder gives: expected amortized inference, "
          + "found \(inference!.rawValue).")
    }
    guard
      standardization == nil || (!architecture.likelihood.needsUnitInterval && transform == .none)
    else {
      throw SettingError(
        "Standardized columns leave [0, 1], where the \(architecture.likelihood.rawValue) likelihood and "
          + "the transform \(transform.rawValue) live: drop the standardization, or choose a gaussian "
          + "likelihood and no transform.")
    }
    let latent = architecture.latentDimensions
    if let codes, codes.mean.count != latent || codes.factor.count != latent * latent {
      throw ShapeError(
        "A model of \(latent) latent dimensions has codes of \(codes.mean.count), and "
          + "\(codes.factor.count) numbers for their covariance.")
    }
  }

  /// - Parameter first: the number of the first row, for messages.
  /// - Throws: ``DataError`` naming the first value outside [0, 1], where the likelihood or the transform asks
  ///   for values within. (A Bernoulli takes grey levels, too, though its density of them is none.)
  public func validateRange(of data: Dataset, first: Int = 0) throws {
    guard architecture.likelihood.needsUnitInterval || transform != .none else { return }
    if case .bytes = data.rows.storage { return }
    for row in 0..<data.rows.count {
      for column in 0..<data.rows.columns {
        let value = data.rows.value(row, column)
        guard !(0...1 ~= value), !value.isNaN else { continue }
        let cause =
          switch transform {
          case .none: "the \(architecture.likelihood.rawValue) likelihood"
          case .dequantize: "--dequantize"
          case .threshold, .sample: "--binarize"
          }
        throw DataError(
          "\(data.name): row \(first + row + 1), column \(column + 1) is \(value), but \(cause) "
            + "needs values in [0, 1]; rescale the data, or use --likelihood gaussian.")
      }
    }
  }
}

extension Architecture {
  /// How many numbers are learned, padding and learned variances left out; sizes may be absurd.
  var parameterCount: Double { sum { (Double($0) + 1) * Double($1) } }

  /// About what they take in memory: values, gradients and two moments in panels of 16 columns, and a
  /// transposed copy, 4 bytes each.
  var parameterBytes: Double {
    func padded(_ width: Int) -> Double { Double(max(1, (width + 15) / 16) * 16) }
    return sum { 16 * (Double($0) + 1) * padded($1) + 4 * padded($0) * Double($1) }
  }

  /// Over the layers of both networks.
  private func sum(_ term: (_ inputs: Int, _ outputs: Int) -> Double) -> Double {
    let encoder = [dimensions] + hidden + [(posterior == .point ? 1 : 2) * latentDimensions]
    let decoder =
      [latentDimensions] + hidden.reversed() + [dimensions * (likelihood == .gaussian ? 2 : 1)]
    return [encoder, decoder].reduce(0) { total, widths in
      zip(widths, widths.dropFirst()).reduce(total) { $0 + term($1.0, $1.1) }
    }
  }
}
