import LatentIO
import LatentKernels
import LatentNetworks

/// The normal distribution with the mean and covariance of a deterministic autoencoder's codes. The
/// autoencoder has no prior: to draw from it at all, something must say where its codes lie.
public struct CodeDistribution: Codable, Sendable, Equatable {
  /// [L]
  public let mean: [Double]
  /// Lower triangle of the covariance's Cholesky factor, [L x L] row after row.
  public let factor: [Double]

  /// From codes [rows x L]; a constant dimension has no variance.
  public init(_ codes: Matrix<Float>) {
    let size = codes.columns
    let count = Double(max(1, codes.rows))
    var mean = [Double](repeating: 0, count: size)
    for row in 0..<codes.rows {
      for l in 0..<size { mean[l] += Double(codes[row, l]) / count }
    }
    var covariance = [Double](repeating: 0, count: size * size)
    for row in 0..<codes.rows {
      for i in 0..<size {
        let error = Double(codes[row, i]) - mean[i]
        for j in 0...i {
          covariance[i * size + j] += error * (Double(codes[row, j]) - mean[j]) / count
        }
      }
    }
    var factor = [Double](repeating: 0, count: size * size)
    for i in 0..<size {
      for j in 0...i {
        var sum = covariance[i * size + j]
        for k in 0..<j { sum -= factor[i * size + k] * factor[j * size + k] }
        if i == j {
          factor[i * size + i] = max(0, sum).squareRoot()
        } else if factor[j * size + j] > 0 {
          factor[i * size + j] = sum / factor[j * size + j]
        }
      }
    }
    self.mean = mean
    self.factor = factor
  }

  /// Standard normal draws [rows x L] to where codes lie.
  func place(_ draws: Matrix<Float>) -> Matrix<Float> {
    var result = draws
    let size = mean.count
    precondition(draws.columns == size, "coordinates have the model's latent dimensions")
    for row in 0..<draws.rows {
      for i in 0..<size {
        let sum = (0...i).reduce(mean[i]) {
          $0 + factor[i * size + $1] * Double(draws[row, $1])
        }
        result[row, i] = Float(sum)
      }
    }
    return result
  }
}

extension VAE {
  /// Whether the encoder gives points: a deterministic autoencoder.
  public var isDeterministic: Bool { architecture.posterior == .point }

  /// Learns where the codes of `data` lie, so that the autoencoder can be sampled.
  ///
  /// - Throws: ``ShapeError`` when the rows do not fit the model; ``SettingError`` for sizes beyond memory.
  public func fitCodes(to data: Dataset, backend: any Backend) throws {
    let codes = try transform(batches(of: data), backend: backend)
    configuration.codes = CodeDistribution(codes.mean)
  }

  /// Latents of standard normal coordinates, which must be [rows x L]: themselves, or where an
  /// autoencoder's codes lie.
  public func latents(at coordinates: Matrix<Float>) -> Matrix<Float> {
    configuration.codes?.place(coordinates) ?? coordinates
  }
}
