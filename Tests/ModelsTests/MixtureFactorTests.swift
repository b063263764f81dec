#if OpenBLAS
  import LatentKernels
  import LatentModels
  import Testing

  /// Mixtures of factor analysers against factor analysis, and against other covariances.
  @Suite struct MixtureFactorTests {
    /// Three analysers with two factors each in 10 columns, far enough apart to be found.
    static func known() throws -> GaussianMixture {
      let random = CounterRandom(seed: 5, purpose: LATENT_PURPOSE_INITIALIZATION)
      let covariances = (0..<3).map { k in
        var loadings = Matrix<Double>(rows: 10, columns: 2)
        for i in loadings.values.indices { loadings.values[i] = 1.5 * random.normal(100 * k + i) }
        return FactorCovariance(
          loadings: loadings,
          uniquenesses: (0..<10).map { 0.2 + 0.5 * random.uniform(1000 + 10 * k + $0) })
      }
      return try GaussianMixture(
        weights: [0.4, 0.35, 0.25],
        means: Matrix(rows: 3, columns: 10, values: (0..<30).map { 2 * random.normal(2000 + $0) }),
        covariances: .factorAnalytic(covariances))
    }

    /// One component is factor analysis: the same likelihood and the same covariance.
    @Test func oneComponentIsFactorAnalysis() throws {
      let known = try Self.known()
      let one = try GaussianMixture(
        weights: [1], means: Matrix(rows: 1, columns: 10, values: Array(known.means.row(0))),
        covariances: .factorAnalytic(
          {
            guard case .factorAnalytic(let all) = known.covariances else { return [] }
            return [all[0]]
          }()))
      let rows = Rows(try one.sample(2000, seed: 2).rows)
      let factors = try FactorAnalysis.fit(
        rows, FactorConfiguration(factors: 2, tolerance: 1e-13, uniquenessFloor: 1e-6))
      let (mixture, report) = try GaussianMixture.fit(
        rows,
        MixtureConfiguration(
          components: 1, covariance: .factorAnalytic(factors: 2), tolerance: 1e-13,
          maximumIterations: 5000))
      #expect(report.converged == [true])
      let likelihood = report.meanLogLikelihood - factors.report.meanLogLikelihood
      #expect(abs(likelihood) < 1e-6, "\(likelihood)")
      guard case .factorAnalytic(let all) = mixture.covariances else {
        Issue.record("found \(mixture.covarianceKind)")
        return
      }
      for (found, expected) in zip(all[0].uniquenesses, factors.uniquenesses) {
        #expect(abs(found - expected) < 1e-6 * expected, "\(found) \(expected)")
      }
      let (found, expected) = (all[0].matrix, factors.covariance)
      for i in 0..<10 {
        for j in 0..<10 {
          let scale = (expected[i, i] * expected[j, j]).squareRoot()
          #expect(abs(found[i, j] - expected[i, j]) < 1e-6 * scale)
        }
      }
      for (found, expected) in zip(mixture.means.values, factors.mean) {
        #expect(abs(found - expected) < 1e-9)
      }
    }

    /// On its own data, with few rows for so many columns, it beats full and diagonal covariances.
    @Test func beatsOtherCovariancesOnItsOwnData() throws {
      let known = try Self.known()
      let rows = Rows(try known.sample(600, seed: 3).rows)
      let heldOut = Rows(try known.sample(3000, seed: 4).rows)
      func score(_ kind: CovarianceKind) throws -> Double {
        let (model, _) = try GaussianMixture.fit(
          rows,
          MixtureConfiguration(components: 3, covariance: kind, restarts: 3, seed: 1))
        return try model.score(heldOut)
      }
      let analysers = try score(.factorAnalytic(factors: 2))
      let (full, diagonal) = (try score(.full), try score(.diagonal))
      #expect(analysers > full + 0.05 && analysers > diagonal + 0.05)
      #expect(try known.score(heldOut) - analysers < 0.5)
    }
  }
#endif
