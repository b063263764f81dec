#if OpenBLAS
  import LatentKernels

  extension GaussianMixture {
    /// Multiple imputation (Rubin 1987): the rows, `count` times over, with missing values (NaN) drawn from
    /// their joint distribution given the observed ones: a component by its probability given these, then
    /// Matheron's rule, a draw of the whole row moved by the difference of the two conditional means.
    ///
    /// - Parameter seed: keys the draws; a row's do not depend on the rows beside it.
    /// - Throws: ``SettingError`` for a negative count, or more than memory holds; ``ShapeError`` when the columns
    ///   do not fit; ``DataError`` for an infinite value, or a row with gaps that lies too far off.
    public func imputationDraws(
      _ rows: Rows, count: Int, seed: UInt64, backend: FusedBackend? = nil
    ) throws -> [Matrix<Double>] {
      guard rows.columns == columns else {
        throw ShapeError("The model expects \(columns) columns, the rows have \(rows.columns).")
      }
      try checkCount(
        count, of: "draws", atLeast: 0, values: Double(rows.count) * Double(columns))
      let backend = try backend ?? FusedBackend()
      let gaps = (0..<rows.count).filter { row in
        (0..<columns).contains { rows.value(row, $0).isNaN }
      }
      // Errors tell a row's number among all.
      _ = try rows.findMissing()
      let shares = try responsibilities(rows.selecting(gaps), backend: backend)
      for (place, row) in gaps.enumerated() { try check(shares.row(place), of: rows, row: row) }
      var results = [Matrix<Double>](repeating: rows.matrix(), count: count)
      for draw in 0..<count {
        let chosen = gaps.enumerated().map { place, row in
          let random = CounterRandom(
            seed: seed, purpose: LATENT_PURPOSE_EPSILON, sample: UInt32(draw), row: UInt32(row))
          return categorical(shares.row(place), at: random.uniform(0))
        }
        for k in Set(chosen).sorted() {
          let members = zip(gaps, chosen).filter { $1 == k }.map(\.0)
          let single = try GaussianMixture(
            weights: [1], means: Matrix(rows: 1, columns: columns, values: Array(means.row(k))),
            covariances: .full([covariances.matrix(k, columns: columns)]))
          let known = rows.selecting(members)
          let key = seed &+ 0x9e37_79b9_7f4a_7c15 &* UInt64(1 + draw * components + k)
          let whole = try single.sample(rows: members, seed: key).rows
          var gappy = whole
          for i in gappy.values.indices
          where known.value(i / columns, i % columns).isNaN { gappy.values[i] = .nan }
          let mean = try single.impute(known, backend: backend)
          let drawnMean = try single.impute(Rows(gappy), backend: backend)
          for (i, row) in members.enumerated() {
            for column in 0..<columns where known.value(i, column).isNaN {
              results[draw][row, column] =
                whole[i, column] + mean[i, column] - drawnMean[i, column]
            }
          }
        }
      }
      return results
    }
  }
#endif
