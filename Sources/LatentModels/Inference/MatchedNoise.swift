import LatentKernels

/// Standard normal draws [samples x dimensions] whose sample mean is 0 and whose sample covariance is
/// the identity (moment matching, Barraquand 1995): averages over them are exact for quadratics, and
/// so is the bound of a Gaussian model with a linear decoder. Every draw comes with its negative.
///
/// With fewer than 2 draws a dimension the covariance cannot be matched; the mean is. With few more the draws are no
/// longer normal (with 2 they lie on a sphere), and averages of what is not quadratic are biased: reported bounds
/// want 16.
struct MatchedNoise {
  let samples, dimensions: Int
  /// Row after row.
  let values: [Double]

  /// - Parameters:
  ///   - row: keys the draws, with the seed and the epoch; by itself of no row of the data, for noise that all of
  ///     them meet.
  ///   - least: draws a dimension from which the covariance is matched, too.
  init(
    samples: Int, dimensions: Int, seed: UInt64, row: UInt32 = .max, epoch: UInt32,
    matchingFrom least: Int = 2
  ) {
    let pairs = max(1, (samples + 1) / 2)
    self.samples = 2 * pairs
    self.dimensions = dimensions
    let kernels = InstructionSet.reproducible.kernels
    var half = [Double](repeating: 0, count: pairs * dimensions)
    var draw = [Float](repeating: 0, count: dimensions)
    for pair in 0..<pairs {
      kernels.random_normal(
        dimensions, seed, LATENT_PURPOSE_EPSILON, UInt32(pair), row, epoch, &draw)
      for l in 0..<dimensions { half[pair * dimensions + l] = Double(draw[l]) }
    }
    if self.samples >= least * dimensions { Self.whiten(&half, pairs, dimensions) }
    values = (0..<pairs).flatMap { pair -> [Double] in
      let row = half[pair * dimensions..<(pair + 1) * dimensions]
      return row + row.map { -$0 }
    }
  }

  /// E -> E R⁻¹ with Eᵀ E / pairs = Rᵀ R.
  private static func whiten(_ e: inout [Double], _ pairs: Int, _ size: Int) {
    var r = [Double](repeating: 0, count: size * size)
    for i in 0..<size {
      for j in i..<size {
        var sum = 0.0
        for pair in 0..<pairs { sum += e[pair * size + i] * e[pair * size + j] }
        sum /= Double(pairs)
        for k in 0..<i { sum -= r[k * size + i] * r[k * size + j] }
        r[i * size + j] = i == j ? max(sum, 1e-12).squareRoot() : sum / r[i * size + i]
      }
    }
    for pair in 0..<pairs {
      for j in 0..<size {
        var value = e[pair * size + j]
        for k in 0..<j { value -= e[pair * size + k] * r[k * size + j] }
        e[pair * size + j] = value / r[j * size + j]
      }
    }
  }
}
