#if OpenBLAS
  import LatentKernels

  /// A mixture as the kernels read it: whitening factors and log constants, for rows less an origin.
  struct MixtureDensity {
    let kind: latent_density
    /// K x D: means less the origin.
    let centers: [Double]
    /// K x D x D or D x D inverse Cholesky factors, or K x D reciprocal deviations.
    let whiteners: [Double]
    /// log πₖ + log |det Wₖ| - D/2 log 2π.
    let constants: [Double]

    /// Unit spheres after whitening, with log density 0 at their centers.
    init(spheres centers: [Double], count: Int, whiteners: [Double]) {
      kind = LATENT_DENSITY_DIAGONAL
      self.centers = centers
      self.whiteners = whiteners
      constants = [Double](repeating: 0, count: count)
    }

    /// `model` has its means less the origin already; for passes in float they are rounded.
    ///
    /// - Throws: ``SingularCovarianceError``.
    init(
      _ model: GaussianMixture, precision: MixturePrecision, instructionSet: InstructionSet
    ) throws {
      let (components, columns) = (model.components, model.columns)
      var whiteners: [Double] = []
      // Diagonals of W, whose logarithms make the determinants.
      var diagonals = [Double](repeating: 1, count: components * columns)
      func whiten(_ covariance: Matrix<Double>, _ name: String) throws -> Matrix<Double> {
        guard let factor = SymmetricMatrix.cholesky(covariance) else {
          throw SingularCovarianceError(name)
        }
        return SymmetricMatrix.inverse(lower: factor)
      }
      switch model.covariances {
      case .full, .factorAnalytic:
        kind = LATENT_DENSITY_FULL
        whiteners.reserveCapacity(components * columns * columns)
        for k in 0..<components {
          let w = try whiten(model.covariances.matrix(k, columns: columns), "component \(k + 1)")
          for d in 0..<columns { diagonals[k * columns + d] = w[d, d] }
          whiteners += w.values
        }
      case .tied(let shared):
        kind = LATENT_DENSITY_TIED
        let w = try whiten(shared, "all components")
        for i in diagonals.indices { diagonals[i] = w[i % columns, i % columns] }
        whiteners = w.values
      case .diagonal, .spherical:
        kind = LATENT_DENSITY_DIAGONAL
        for k in 0..<components {
          for d in 0..<columns {
            let variance = model.covariances.variance(k, d)
            guard variance > 0, variance.isFinite else {
              throw SingularCovarianceError("component \(k + 1)")
            }
            diagonals[k * columns + d] = 1 / variance.squareRoot()
          }
        }
        whiteners = diagonals
      }
      let logDiagonals = instructionSet.logarithms(diagonals)
      let logWeights = instructionSet.logarithms(model.weights)
      centers =
        precision == .double ? model.means.values : model.means.values.map { Double(Float($0)) }
      self.whiteners = whiteners
      constants = (0..<components).map { k in
        var sum = 0.0
        for d in 0..<columns { sum += logDiagonals[k * columns + d] }
        return logWeights[k] + (sum - Double(columns) * halfLogOfTwoPi)
      }
    }
  }

  /// A covariance that is not positive definite.
  public struct SingularCovarianceError: LatentError, Equatable {
    /// One sentence that names the component and what to do.
    public let description: String

    init(_ name: String) {
      description =
        "The covariance of \(name) is not positive definite: a column may be constant, or a "
        + "component have collapsed onto a point; use a covariance floor above 0."
    }
  }

  extension InstructionSet {
    /// Natural logarithms by the kernels, so that no library decides bits.
    func logarithms(_ values: [Double]) -> [Double] {
      var result = values
      result.withUnsafeMutableBufferPointer {
        kernels.log_double($0.count, $0.baseAddress, $0.baseAddress)
      }
      return result
    }
  }
#endif
