#if OpenBLAS
  import LatentKernels

  /// The smallest variances allowed: a fraction of those of the data.
  struct CovarianceFloor {
    let fraction: Double
    /// The data's variances by column, a typical one where a column is constant.
    let variances: [Double]

    /// The covariance itself where it keeps the bound. Elsewhere its eigenvalues in units of the data's
    /// deviations are raised to it, which maximizes the likelihood under the bound.
    func apply(_ covariance: Matrix<Double>) -> Matrix<Double> {
      guard fraction > 0 else { return covariance }
      let size = variances.count
      let deviations = variances.map { $0.squareRoot() }
      var scaled = covariance
      for i in 0..<size { for j in 0..<size { scaled[i, j] /= deviations[i] * deviations[j] } }
      var excess = scaled
      for i in 0..<size { excess[i, i] -= fraction }
      if SymmetricMatrix.cholesky(excess) != nil { return covariance }
      guard let (values, vectors) = SymmetricMatrix.eigen(scaled) else { return covariance }
      var roots = vectors
      for e in 0..<size {
        let root = max(values[e], fraction).squareRoot()
        for i in 0..<size { roots[e, i] *= root * deviations[i] }
      }
      var result = FactorAlgebra.product(roots, roots, transposingFirst: true)
      for i in 0..<size { for j in 0..<i { result[j, i] = result[i, j] } }
      return result
    }

    /// Whether the bound holds component `k`'s covariance up.
    func binds(_ model: GaussianMixture, _ k: Int) -> Bool {
      guard fraction > 0 else { return false }
      let slightly = fraction * (1 + 1e-6)
      switch model.covariances {
      case .full, .tied:
        var scaled = model.covariances.matrix(k, columns: variances.count)
        for i in variances.indices {
          for j in variances.indices {
            scaled[i, j] /= variances[i].squareRoot() * variances[j].squareRoot()
          }
          scaled[i, i] -= slightly
        }
        return SymmetricMatrix.cholesky(scaled) == nil
      case .diagonal(let all):
        return variances.indices.contains { all[k, $0] <= slightly * variances[$0] }
      case .spherical(let all): return all[k] <= slightly * (variances.max() ?? 1)
      case .factorAnalytic(let all):
        return variances.indices.contains {
          all[k].uniquenesses[$0] <= slightly * variances[$0]
        }
      }
    }

    func apply(_ variance: Double, column: Int) -> Double {
      max(variance, fraction * variances[column])
    }

    /// For one variance shared by all columns: no column may be below its own bound.
    func applySpherical(_ variance: Double) -> Double {
      max(variance, fraction * (variances.max() ?? 1))
    }
  }
#endif
