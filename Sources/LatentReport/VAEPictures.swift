import LatentIO
import LatentKernels
import LatentModels

/// The pictures of a fitted autoencoder on images, variational or deterministic.
public struct VAEPictures {
  let model: VAE
  let backend: any Backend
  let shape: ImageShape

  /// Nil when the model's rows are not images.
  public init?(_ model: VAE, backend: any Backend) {
    guard let shape = model.configuration.imageShape else { return nil }
    self.model = model
    self.backend = backend
    self.shape = shape
  }

  /// The first rows over what decoder and encoder make of them.
  ///
  /// - Throws: ``ShapeError`` when the rows do not fit the model.
  public func reconstructions(of data: Dataset, count: Int = 20) throws -> GreyImage {
    let rows = data.selecting(Array(0..<min(count, data.rows.count)))
    let posterior = try model.transform(model.batches(of: rows), backend: backend)
    let outputs = try model.inverseTransform(posterior.mean, backend: backend)
    return try ImageGrid().reconstructions(
      inputs: rows.rows.matrix(of: Float.self), outputs: outputs, shape: shape)
  }

  /// E[x|z] for draws from the prior; of a deterministic autoencoder from the distribution of its codes.
  ///
  /// - Throws: ``SettingError`` for a count that memory does not hold.
  public func samples(count: Int = 100, seed: UInt64 = 0) throws -> GreyImage {
    try ImageGrid().image(of: model.sample(count, backend: backend, seed: seed), shape: shape)
  }

  /// E[x|z] over a square of a two-dimensional latent space, `side` by `side` quantiles of the prior
  /// (Kingma and Welling 2014, figure 4), or of where an autoencoder's codes lie; nil for other latent spaces.
  ///
  /// - Throws: ``SettingError`` for a side whose pictures memory does not hold.
  public func manifold(side: Int = 15) throws -> GreyImage? {
    guard model.architecture.latentDimensions == 2 else { return nil }
    let quantiles = (0..<side).map {
      CounterRandom.normalQuantile((Double($0) + 0.5) / Double(side))
    }
    var latents = Matrix<Float>(rows: side * side, columns: 2)
    for row in 0..<side {
      for column in 0..<side {
        latents[row * side + column, 0] = Float(quantiles[column])
        latents[row * side + column, 1] = Float(quantiles[side - 1 - row])
      }
    }
    return try ImageGrid(columns: side)
      .image(
        of: model.inverseTransform(model.latents(at: latents), backend: backend), shape: shape)
  }

  /// What the autoencoder's latent space gives, left, beside another model's.
  ///
  /// - Throws: ``ShapeError`` when the other model is of other images.
  public func samples(beside other: VAE, count: Int = 64, seed: UInt64 = 0) throws -> GreyImage {
    guard other.configuration.imageShape == shape else {
      throw ShapeError(
        "The models are of different images: \(shape.height) x \(shape.width) and "
          + (other.configuration.imageShape.map { "\($0.height) x \($0.width)." } ?? "none."))
    }
    let mine = try model.sample(count, backend: backend, seed: seed)
    let its = try other.sample(count, backend: backend, seed: seed)
    return try ImageGrid().image(of: mine, shape: shape).beside(
      ImageGrid().image(of: its, shape: shape))
  }
}

extension GreyImage {
  /// Both pictures, with a white line between them.
  func beside(_ other: GreyImage, gap: Int = 12) -> GreyImage {
    var result = GreyImage(
      height: max(height, other.height), width: width + gap + other.width, repeating: 255)
    for (picture, left) in [(self, 0), (other, width + gap)] {
      for y in 0..<picture.height {
        for x in 0..<picture.width { result[y, left + x] = picture[y, x] }
      }
    }
    return result
  }
}
