#if OpenBLAS
  import Foundation
  import LatentIO
  import LatentKernels
  import LatentModels
  import Testing

  /// Data that break mixtures elsewhere, each handled as MixtureConfiguration says.
  @Suite struct MixtureRobustnessTests {
    static let kinds: [CovarianceKind] = [.full, .tied, .diagonal, .spherical]

    private func rows(_ values: [[Double]]) throws -> Rows {
      Rows(try Matrix(rows: values.count, columns: values[0].count, values: values.flatMap { $0 }))
    }
    private func noise(_ count: Int, _ columns: Int, seed: UInt64 = 1) -> [[Double]] {
      let random = CounterRandom(seed: seed, purpose: LATENT_PURPOSE_OBSERVATION)
      return (0..<count).map { i in (0..<columns).map { random.normal(i * columns + $0) } }
    }
    private func isFinite(_ model: GaussianMixture) -> Bool {
      (0..<model.components).allSatisfy {
        model.covariances.matrix($0, columns: model.columns).values.allSatisfy(\.isFinite)
      } && (model.means.values + model.weights).allSatisfy(\.isFinite)
    }

    /// Folds that do not allow a fit leave its held-out likelihood out, and no more.
    @Test func foldsTooSmallForAFit() throws {
      let selection = try GaussianMixture.select(
        components: [1, 2, 10], rows(noise(12, 2)), MixtureConfiguration(components: 1), folds: 5)
      #expect(selection.candidates.map { $0.heldOut == nil } == [false, false, true])
      #expect(selection.candidates[2].warnings.last!.contains("as many distinct rows"))
      #expect(selection.best(by: .heldOut) != nil && selection.best(by: .bic) != nil)
      // What no fit takes is told before any is made.
      #expect(throws: ShapeError.self) {
        try GaussianMixture.select(
          components: [1, 2], rows(noise(12, 2)), MixtureConfiguration(components: 1),
          sampleWeights: [1, 2])
      }
      #expect(throws: DataError.self) {
        try GaussianMixture.select(
          components: [1, 2], rows(noise(12, 2)), MixtureConfiguration(components: 1),
          sampleWeights: [Double](repeating: 0, count: 12))
      }
      #expect(throws: SettingError.self) {
        try GaussianMixture.select(
          components: [1, 13], rows(noise(12, 2)), MixtureConfiguration(components: 1))
      }
    }

    /// Two clusters twelve deviations apart, in small units: a constant column does not merge them.
    @Test func sphericalClustersBesideAConstant() throws {
      let points = noise(200, 1).enumerated().map { [1e-5 * ($1[0] + ($0 % 2 == 0 ? 12 : 0)), 3] }
      let selection = try GaussianMixture.select(
        components: 1...2, rows(points), MixtureConfiguration(components: 1, covariance: .spherical)
      )
      #expect(selection.best(by: .bic) == 1)
    }

    /// Half of the rows are one point: its component stops at the floor, and says so.
    @Test(arguments: kinds, [MixturePrecision.double, .float])
    func collapseOntoAPoint(kind: CovarianceKind, precision: MixturePrecision) throws {
      let point = [[Double]](repeating: [5, 5], count: 50)
      let data = try rows(noise(50, 2) + point)
      let (model, report) = try GaussianMixture.fit(
        data,
        MixtureConfiguration(components: 2, covariance: kind, seed: 2, precision: precision))
      #expect(isFinite(model) && report.logLikelihood.isFinite)
      guard kind != .tied else { return }
      #expect(report.warnings.contains { $0.contains("covariance floor") }, "\(report.warnings)")
      guard kind != .spherical || precision == .double else { return }
      #expect(throws: SingularCovarianceError.self) {
        try GaussianMixture.fit(
          data,
          MixtureConfiguration(
            components: 2, covariance: kind, covarianceFloor: 0, seed: 2, precision: .double))
      }
    }

    @Test(arguments: kinds) func constantColumn(kind: CovarianceKind) throws {
      let data = try rows(noise(80, 2).map { $0 + [7] })
      let (model, report) = try GaussianMixture.fit(
        data, MixtureConfiguration(components: 2, covariance: kind))
      #expect(isFinite(model) && report.logLikelihood.isFinite)
      #expect(abs(model.means[0, 2] - 7) < 1e-9 && abs(model.means[1, 2] - 7) < 1e-9)
    }

    @Test func fewerDistinctRowsThanComponents() throws {
      let data = try rows([[1, 2], [1, 2], [3, 4], [3, 4], [3, 4]])
      #expect(
        throws: SettingError("3 components need as many distinct rows, found 2.")
      ) {
        try GaussianMixture.fit(data, MixtureConfiguration(components: 3))
      }
      let (model, _) = try GaussianMixture.fit(data, MixtureConfiguration(components: 2))
      #expect(abs(model.weights.max()! - 0.6) < 1e-9)
    }

    @Test(arguments: kinds) func oneRowAndOneColumn(kind: CovarianceKind) throws {
      let single = try rows([[3, -2] as [Double]])
      let (model, report) = try GaussianMixture.fit(
        single, MixtureConfiguration(components: 1, covariance: kind))
      #expect(model.means.values == [3, -2] && report.logLikelihood.isFinite)
      let column = try rows((0..<40).map { row -> [Double] in [Double(row % 2 * 400 + row) / 40] })
      let (two, _) = try GaussianMixture.fit(
        column, MixtureConfiguration(components: 2, covariance: kind))
      #expect(two.means.values.sorted()[0] < 1 && two.means.values.sorted()[1] > 10)
    }

    /// Columns in units a trillion apart, far from zero, give the fit of the same data in like units.
    @Test(arguments: kinds.dropLast()) func scales(kind: CovarianceKind) throws {
      let plain = noise(200, 2).enumerated().map { i, x in [x[0] + Double(i % 2) * 6, x[1]] }
      let scaled = plain.map { [$0[0] * 1e6 + 1e9, $0[1] * 1e-6] }
      let configuration = MixtureConfiguration(components: 2, covariance: kind, seed: 4)
      let (_, first) = try GaussianMixture.fit(rows(plain), configuration)
      let (_, second) = try GaussianMixture.fit(rows(scaled), configuration)
      // The units' logarithms cancel.
      #expect(abs(first.logLikelihood - second.logLikelihood) < 1e-6 * abs(first.logLikelihood))
    }

    /// A component that starts where no row is stays empty, keeps its parameters and is reported.
    /// Where squares overflow there is no density, and so nothing to tell of the row but that.
    @Test(arguments: kinds, [1e155, -1e200, 1.7e308])
    func rowsFarOff(kind: CovarianceKind, value: Double) throws {
      let (model, _) = try GaussianMixture.fit(
        rows(noise(100, 3)), MixtureConfiguration(components: 2, covariance: kind))
      let far = try rows([
        [0, 0.1, 0.2], [0, value, -value], [.nan, .nan, .nan], [value, .nan, 0],
      ])
      let scores = try model.scoreSamples(far)
      #expect(scores[0].isFinite && scores[1] == -.infinity && scores[3] == -.infinity)
      #expect(scores[2] == 0)
      let sentence = { (row: Int, column: Int) in
        DataError(
          "Row \(row) lies so far from all components that none has a density there: column \(column) is "
            + "\(value); check it, or drop the row.")
      }
      #expect(throws: sentence(2, 2)) { try model.predictProbabilities(far) }
      #expect(throws: sentence(4, 1)) { try model.impute(far) }
      #expect(try model.impute(far.selecting([0, 1, 2])).values.allSatisfy(\.isFinite))
    }

    @Test func emptyComponent() throws {
      let start = try GaussianMixture(
        weights: [0.5, 0.5], means: Matrix(rows: 2, columns: 1, values: [0, 1e6]),
        covariances: .spherical([1, 1]))
      let (model, report) = try GaussianMixture.fit(
        rows(noise(50, 1)),
        MixtureConfiguration(
          components: 2, covariance: .spherical, initialization: .given(start)))
      #expect(abs(model.means[1, 0] - 1e6) < 1e-3 && model.weights[1] == 0)
      #expect(report.warnings.contains { $0.contains("Component 2 is empty") })
      #expect(report.logLikelihood.isFinite)
    }

    @Test func badInput() throws {
      let data = try rows(noise(10, 2))
      let two = MixtureConfiguration(components: 2)
      #expect(throws: DataError.self) {
        try GaussianMixture.fit(rows([[1, .infinity], [2, 3]]), two)
      }
      #expect(
        throws: DataError("Column 2 has no value in any row (of positive weight); leave it out.")
      ) {
        try GaussianMixture.fit(rows([[1, .nan], [2, .nan]]), two)
      }
      for value in [1e155, 1e300, 1.7e308] {
        for gap in [0, Double.nan] {
          #expect(
            throws: DataError(
              "The values of column 2 are too large to square; rescale the column.")
          ) {
            try GaussianMixture.fit(
              rows([[1, value], [2, -value], [gap, value], [4, -value / 2]]), two)
          }
        }
      }
      #expect(throws: DataError.self) {
        try GaussianMixture.fit(data, two, sampleWeights: [Double](repeating: 0, count: 10))
      }
      #expect(throws: DataError.self) {
        try GaussianMixture.fit(data, two, sampleWeights: [Double](repeating: -1, count: 10))
      }
      #expect(throws: ShapeError.self) { try GaussianMixture.fit(data, two, sampleWeights: [1]) }
      #expect(throws: SettingError.self) {
        try GaussianMixture.fit(
          data, MixtureConfiguration(components: 2, covariance: .factorAnalytic(factors: 2)))
      }
      #expect(throws: SettingError.self) {
        try GaussianMixture(
          weights: [1], means: Matrix(rows: 1, columns: 2, values: [0, 0]),
          covariances: .tied(Matrix(rows: 2, columns: 2, values: [1, 0.5, 0.2, 1])))
      }
      let (model, _) = try GaussianMixture.fit(data, two)
      #expect(throws: ShapeError.self) { try model.score(rows([[1]])) }
    }

    /// Every iteration is told, with the bound that the report keeps.
    @Test func tellsIterations() throws {
      var bounds: [[Double]] = [[], []]
      let (_, report) = try GaussianMixture.fit(
        Dataset.named("iris").rows, MixtureConfiguration(components: 2, restarts: 2)
      ) {
        #expect($0.iteration == bounds[$0.restart].count && $0.model.components == 2)
        bounds[$0.restart].append($0.lowerBound)
      }
      #expect(bounds == report.lowerBounds)
    }

    /// Restarts of one seed differ.
    @Test func restartsDiffer() throws {
      let data = try Dataset.named("iris").rows
      let (_, report) = try GaussianMixture.fit(
        data,
        MixtureConfiguration(components: 6, restarts: 4, initialization: .randomPoints, seed: 9))
      #expect(Set(report.lowerBounds.map { $0[1] }).count == 4)
    }
  }
#endif
