#if OpenBLAS
  import LatentKernels

  extension GaussianMixture {
    /// The model of x, of which this is the model of the standardized x. One variance for all columns
    /// becomes one for each.
    ///
    /// - Throws: ``ShapeError`` when the columns do not fit, ``SettingError`` where the result has no room in doubles.
    public func inDataUnits(_ standard: Standardization) throws -> GaussianMixture {
      let scale = standard.scale
      guard scale.count == columns, standard.mean.count == columns else {
        throw ShapeError(
          "The mixture has \(columns) columns, the standardization has \(scale.count).")
      }
      func scaled(_ matrix: Matrix<Double>) -> Matrix<Double> {
        var result = matrix
        for i in 0..<columns { for j in 0..<columns { result[i, j] *= scale[i] * scale[j] } }
        return result
      }
      var (means, variances) = (means, Matrix<Double>(rows: components, columns: columns))
      for k in 0..<components {
        for d in 0..<columns {
          means[k, d] = standard.invert(means[k, d], column: d)
          switch covariances {
          case .diagonal(let all): variances[k, d] = all[k, d] * scale[d] * scale[d]
          case .spherical(let all): variances[k, d] = all[k] * scale[d] * scale[d]
          default: break
          }
        }
      }
      let covariances: MixtureCovariances =
        switch covariances {
        case .full(let all): .full(all.map(scaled))
        case .tied(let shared): .tied(scaled(shared))
        case .diagonal, .spherical: .diagonal(variances)
        case .factorAnalytic(let all):
          .factorAnalytic(
            all.map { covariance in
              var result = covariance
              for d in 0..<columns {
                result.uniquenesses[d] *= scale[d] * scale[d]
                for f in 0..<covariance.loadings.columns { result.loadings[d, f] *= scale[d] }
              }
              return result
            })
        }
      return try GaussianMixture(weights: weights, means: means, covariances: covariances)
    }
  }
#endif
