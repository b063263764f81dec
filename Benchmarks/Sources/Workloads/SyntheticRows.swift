import Foundation
import LatentKernels
import LatentNetworks

/// Rows that look like binarized MNIST to a network: as dense, most of it in the middle.
///
/// 8,192 rows unless told otherwise, as the peers have them: 25 MB, more than a second-level cache.
package enum SyntheticRows {
  package static func rows(_ count: Int = 8192, for likelihood: Likelihood) throws -> Rows {
    let kernels = InstructionSet.best.kernels
    var values = [Float](repeating: 0, count: count * 784)
    var bits = [UInt32](repeating: 0, count: 784)
    for row in 0..<count {
      kernels.random_bits(784, 1, LATENT_PURPOSE_BINARIZATION, 0, UInt32(row), 0, &bits)
      for pixel in 0..<784 {
        let uniform = Float(bits[pixel] >> 8) * 0x1p-24
        // Grey levels for a Gaussian: noise around the same picture, so that no pixel is constant.
        values[row * 784 + pixel] =
          likelihood == .bernoulli
          ? (uniform < probabilities[pixel] ? 1 : 0) : probabilities[pixel] + 0.3 * (uniform - 0.5)
      }
    }
    return try Rows(count: count, columns: 784, storage: .floats(values))
  }

  /// How likely a pixel is to be one: 0.13 on average.
  private static let probabilities: [Float] = {
    let bump = (0..<784).map { pixel in
      let (y, x) = (Double(pixel / 28) - 13.5, Double(pixel % 28) - 13.5)
      return exp(-(x * x + y * y) / 72)
    }
    let mean = bump.reduce(0, +) / 784
    return bump.map { Float(min(max(0.13 * $0 / mean, 0.005), 1)) }
  }()

  /// Standard normals, the same ones for the same `row`.
  package static func fillNormal(
    _ target: UnsafeMutablePointer<Float>, count: Int, row: Int, scale: Float = 1
  ) {
    InstructionSet.best.kernels.random_normal(
      count, 1, LATENT_PURPOSE_OBSERVATION, 0, UInt32(row), 0, target)
    for index in 0..<count { target[index] *= scale }
  }
}
