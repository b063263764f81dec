#if OpenBLAS
  import LatentKernels

  extension GaussianMixture {
    /// Fills missing values (NaN) with their exact conditional means E[x_m | x_o] under the model:
    /// Σₖ p(k | x_o) (μ_m + Σ_mo Σ_oo⁻¹ (x_o - μ_o)). Observed values are returned as they are.
    ///
    /// - Returns: rows x D.
    /// - Throws: ``ShapeError`` when the columns do not fit, ``DataError`` for an infinite value.
    public func impute(_ rows: Rows, backend: FusedBackend? = nil) throws -> Matrix<Double> {
      let (sample, model) = try prepared(rows, .double, backend)
      var result: Matrix<Double> = rows.matrix()
      for group in sample.groups where group.observed.count < columns {
        let indices = group.indices!
        let shares = try sample.evaluate(
          group, model, logDensity: false, responsibilities: true, labels: false
        ).responsibilities
        let maps = try (0..<components).map { k in
          try group.observed.isEmpty
            ? nil
            : Completion(covariances.matrix(k, columns: columns), observed: group.observed).map
        }
        let known = Set(group.observed)
        for column in 0..<columns where !known.contains(column) {
          for (i, row) in indices.enumerated() {
            var sum = 0.0
            for k in 0..<components {
              var mean = means[k, column]
              if let map = maps[k] {
                for (j, o) in group.observed.enumerated() {
                  mean += map[column, j] * (result[row, o] - means[k, o])
                }
              }
              sum += shares[i * components + k] * mean
            }
            result[row, column] = sum
          }
        }
      }
      return result
    }
  }
#endif
