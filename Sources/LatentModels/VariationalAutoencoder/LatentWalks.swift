import LatentKernels
import LatentNetworks

// Ways through a latent space, as latents to decode.
extension VAE {
  /// Each latent dimension on its own from −`span` to `span` standard deviations of the prior (of an
  /// autoencoder's codes), the others at the middle: [L * steps x L], dimension after dimension.
  ///
  /// - Throws: ``SettingError`` for fewer than 2 steps.
  public func traversals(steps: Int = 11, span: Float = 2.5) throws -> Matrix<Float> {
    try Self.check(steps)
    let size = architecture.latentDimensions
    var walk = Matrix<Float>(rows: size * steps, columns: size)
    for dimension in 0..<size {
      for step in 0..<steps {
        walk[dimension * steps + step, dimension] =
          span * (2 * Float(step) / Float(steps - 1) - 1)
      }
    }
    return latents(at: walk)
  }

  /// A straight line between the latents of two rows, both ends included, [steps x L].
  ///
  /// - Throws: ``SettingError`` for fewer than 2 steps, or a row that is not there.
  public func interpolation(
    _ first: Int, _ second: Int, in batches: BatchSource, steps: Int = 11, backend: any Backend,
    seed: UInt64 = 0
  ) throws -> Matrix<Float> {
    try Self.check(steps)
    try batches.check(rows: [first, second])
    let means = try transform(batches, backend: backend, seed: seed).mean
    let (from, to) = (first - batches.held.lowerBound, second - batches.held.lowerBound)
    var walk = Matrix<Float>(rows: steps, columns: means.columns)
    for step in 0..<steps {
      let part = Float(step) / Float(steps - 1)
      for l in 0..<means.columns {
        walk[step, l] = (1 - part) * means[from, l] + part * means[to, l]
      }
    }
    return walk
  }

  private static func check(_ steps: Int) throws {
    guard 2...1000 ~= steps else {
      throw SettingError("The number of steps must be 2...1000, found \(steps).")
    }
  }
}
