#if OpenBLAS
  import LatentKernels

  extension GaussianMixture {
    /// Fills missing values (NaN) with their exact conditional means E[x_m | x_o] under the model:
    /// Σₖ p(k | x_o) (μ_m + Σ_mo Σ_oo⁻¹ (x_o - μ_o)). Observed values are returned as they are.
    ///
    /// - Returns: rows x D.
    /// - Throws: ``ShapeError`` when the columns do not fit, ``DataError`` for an infinite value or a row so
    ///   far off that no component has a density there.
    public func impute(_ rows: Rows, backend: FusedBackend? = nil) throws -> Matrix<Double> {
      try imputation(rows, backend: backend).values
    }

    /// Conditional means and standard errors of missing values: within and between components,
    /// Σₖ p(k | x_o) (Varₖ[x_m | x_o] + Eₖ[x_m | x_o]²) - E[x_m | x_o]².
    ///
    /// - Throws: ``ShapeError`` when the columns do not fit, ``DataError`` for an infinite value or a row so
    ///   far off that no component has a density there.
    public func imputation(_ rows: Rows, backend: FusedBackend? = nil) throws -> Imputation {
      let (sample, model) = try prepared(rows, .double, backend)
      var result: Matrix<Double> = rows.matrix()
      var errors = Matrix<Double>(rows: rows.count, columns: columns)
      for group in sample.groups where group.observed.count < columns {
        let indices = group.indices!
        let shares = try sample.evaluate(
          group, model, logDensity: false, responsibilities: true, labels: false
        ).responsibilities
        for (i, row) in indices.enumerated() {
          try check(shares[i * components..<(i + 1) * components], of: rows, row: row)
        }
        let completions = try (0..<components).map { k in
          try group.observed.isEmpty
            ? nil : Completion(covariances.matrix(k, columns: columns), observed: group.observed)
        }
        let known = Set(group.observed)
        for column in 0..<columns where !known.contains(column) {
          for (i, row) in indices.enumerated() {
            var sum = 0.0
            var variances = 0.0
            var centers: [Double] = []
            for k in 0..<components {
              var mean = means[k, column]
              if let map = completions[k]?.map {
                for (j, o) in group.observed.enumerated() {
                  mean += map[column, j] * (result[row, o] - means[k, o])
                }
              }
              sum += shares[i * components + k] * mean
              centers.append(mean)
              let own =
                completions[k]?.covariance[column, column]
                ?? covariances.variance(k, column)
              variances += shares[i * components + k] * own
            }
            result[row, column] = sum
            for k in 0..<components {
              variances += shares[i * components + k] * (centers[k] - sum) * (centers[k] - sum)
            }
            // Of a nearly singular covariance rounding may leave less than nothing.
            errors[row, column] = max(0, variances).squareRoot()
          }
        }
      }
      return Imputation(values: result, standardErrors: errors)
    }
  }
#endif
