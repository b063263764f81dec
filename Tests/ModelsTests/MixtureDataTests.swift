#if OpenBLAS
  import Foundation
  import LatentIO
  import LatentKernels
  import LatentModels
  import Testing

  /// Weights, missing values, files, samples and the choice of K.
  @Suite struct MixtureDataTests {
    static let kinds: [CovarianceKind] = [
      .full, .tied, .diagonal, .spherical, .factorAnalytic(factors: 1),
    ]

    private func largest(_ a: GaussianMixture, _ b: GaussianMixture) -> Double {
      var found = 0.0
      for k in 0..<a.components {
        let pairs = zip(
          a.covariances.matrix(k, columns: a.columns).values,
          b.covariances.matrix(k, columns: b.columns).values)
        for (x, y) in pairs { found = max(found, abs(x - y)) }
      }
      for (x, y) in zip(a.means.values + a.weights, b.means.values + b.weights) {
        found = max(found, abs(x - y))
      }
      return found
    }

    /// Clusters along a column of large variance, beside columns that vary together: by deviations these draw
    /// k-means, by the data's own units those, and spheres measure in these alone.
    @Test func startsInOtherUnits() throws {
      let normals = factorRows(400, columns: 8, factors: 1).matrix()
      var matrix = Matrix<Double>(rows: 400, columns: 8)
      for row in 0..<400 {
        for column in 1..<8 { matrix[row, column] = normals[row, 0] + 0.3 * normals[row, column] }
        matrix[row, 0] = (row % 2 == 0 ? 20 : -20) + normals[row, 1]
      }
      func fit(_ kind: CovarianceKind, restarts: Int) throws -> Double {
        try GaussianMixture.fit(
          Rows(matrix), MixtureConfiguration(components: 2, covariance: kind, restarts: restarts)
        ).report.meanLogLikelihood
      }
      #expect(try fit(.tied, restarts: 2) > fit(.tied, restarts: 1) + 0.5)
      let truth = try GaussianMixture(
        weights: [0.5, 0.5],
        means: Matrix(
          rows: 2, columns: 8,
          values: [20.0] + Array(repeating: 0, count: 7) + [-20.0] + Array(repeating: 0, count: 7)),
        covariances: .spherical([1, 1]))
      let (found, _) = try GaussianMixture.fit(
        Rows(matrix),
        MixtureConfiguration(
          components: 2, covariance: .spherical, initialization: .given(truth)))
      #expect(try fit(.spherical, restarts: 1) > found.score(Rows(matrix)) - 1e-4)
    }

    /// What a user should know is said once, with what to do.
    @Test func warningsNameColumnsAndComponents() throws {
      var matrix: Matrix<Double> = try Dataset.named("iris").rows.matrix()
      func warnings(_ components: Int) throws -> [String] {
        try GaussianMixture.fit(
          Rows(matrix), MixtureConfiguration(components: components, seed: 1)
        ).report.warnings
      }
      for row in 0..<matrix.rows { matrix[row, 3] = 7 }
      #expect(try warnings(2).filter { $0.contains("Column 4 is constant") }.count == 1)
      #expect(try !warnings(2).contains { $0.contains("on the covariance floor,") })
      for row in 0..<matrix.rows { matrix[row, 3] = matrix[row, 0] + 2 * matrix[row, 1] }
      let found = try warnings(2).filter { $0.contains("on the covariance floor") }
      #expect(found.count == 1 && found[0].contains("components 1, 2"), "\(found)")
      #expect(found.first?.contains("lower --covariance-floor") == true)
    }

    /// Drawn values have the mean and the covariance that Bayes' rule gives them.
    @Test(arguments: kinds) func imputationDraws(kind: CovarianceKind) throws {
      let rows = try Dataset.named("iris").rows
      let (model, _) = try GaussianMixture.fit(
        rows, MixtureConfiguration(components: 2, covariance: kind))
      // Between the clusters in what is observed, so that both components count; and nothing observed.
      let gaps = Rows(
        try Matrix(
          rows: 2, columns: 4,
          values: [5.5, .nan, 2.7, .nan, .nan, .nan, .nan, .nan] as [Double]))
      let count = 4000
      let draws = try model.imputationDraws(gaps, count: count, seed: 3)
      let exact = try model.imputation(gaps)
      for (row, column) in [(0, 1), (0, 3), (1, 0), (1, 2)] {
        let values = draws.map { $0[row, column] }
        let mean = values.reduce(0, +) / Double(count)
        let deviation =
          (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)).squareRoot()
        let expected = exact.standardErrors[row, column]
        #expect(abs(mean - exact.values[row, column]) < 4.5 * expected / Double(count).squareRoot())
        #expect(abs(deviation / expected - 1) < 0.06)
      }
      // Together: x₁ + x₃ given the others has the variance of a direction, not of two columns apart.
      let sums = draws.map { $0[1, 2] - $0[1, 3] }
      let mean = sums.reduce(0, +) / Double(count)
      let variance = sums.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
      let covariance = try model.sample(20_000, seed: 5).rows
      let differences = (0..<20_000).map { covariance[$0, 2] - covariance[$0, 3] }
      let center = differences.reduce(0, +) / 20_000
      let wanted = differences.reduce(0) { $0 + ($1 - center) * ($1 - center) } / 20_000
      #expect(abs(variance / wanted - 1) < 0.12)
      #expect(draws.allSatisfy { $0[0, 0] == 5.5 && $0[0, 2] == 2.7 })
      // A row's draws are its own.
      let alone = try model.imputationDraws(gaps.selecting([0]), count: 3, seed: 3)
      for draw in 0..<3 { #expect(alone[draw].row(0) == draws[draw].row(0)) }
      #expect(throws: ShapeError.self) {
        try model.imputationDraws(Rows(Matrix<Double>(rows: 1, columns: 3)), count: 1, seed: 0)
      }
      #expect(throws: SettingError.self) {
        try model.imputationDraws(gaps, count: -1, seed: 0)
      }
      // A row is told by its number among all.
      for (value, words) in [
        (1e200, "Row 7 lies so far"), (.infinity, "Row 7, column 2 is infinite"),
      ] {
        var matrix = Matrix<Double>(rows: 9, columns: 4, repeating: 3)
        (matrix[6, 1], matrix[6, 0]) = (value, .nan)
        let error = #expect(throws: DataError.self) {
          try model.imputationDraws(Rows(matrix), count: 1, seed: 0)
        }
        #expect(error?.description.contains(words) == true)
      }
    }

    /// Rounding leaves less than no variance of what nearly follows from the other column.
    @Test func imputationOfSingularCovariances() throws {
      let covariance = try Matrix(rows: 2, columns: 2, values: [0.16, 0.6, 0.6, 2.25])
      let model = try GaussianMixture(
        weights: [1], means: Matrix(rows: 1, columns: 2), covariances: .full([covariance]))
      let found = try model.imputation(Rows(Matrix(rows: 1, columns: 2, values: [1, Double.nan])))
      #expect(abs(found.values[0, 1] - 3.75) < 1e-12)
      #expect(abs(found.standardErrors[0, 1]) < 1e-7)
    }

    @Test(arguments: [0, -1, Double.nan]) func uniquenessesArePositive(_ uniqueness: Double) throws
    {
      let covariance = FactorCovariance(
        loadings: Matrix(rows: 1, columns: 1, repeating: 2), uniquenesses: [uniqueness])
      let error = #expect(throws: SettingError.self) {
        try GaussianMixture(
          weights: [1], means: Matrix(rows: 1, columns: 1),
          covariances: .factorAnalytic([covariance]))
      }
      #expect(error?.description.contains("must have positive") == true)
    }

    /// Densities in the data's units are those of the standardized columns, less the logarithm of their scales.
    @Test(arguments: kinds) func inDataUnits(kind: CovarianceKind) throws {
      let rows = try Dataset.named("iris").rows
      let standard = Standardization(rows)
      let (model, _) = try GaussianMixture.fit(
        try standard.apply(rows), MixtureConfiguration(components: 2, covariance: kind))
      let inUnits = try model.inDataUnits(standard)
      let before = try model.scoreSamples(standard.apply(rows))
      for (a, b) in zip(before, try inUnits.scoreSamples(rows)) {
        #expect(abs(a - standard.logScale - b) < 1e-9 * max(1, abs(b)))
      }
      #expect(throws: ShapeError.self) {
        try model.inDataUnits(try Standardization(mean: [0], scale: [1]))
      }
    }

    /// Variances that floats have no room for are refused, not computed with.
    @Test func floatsHaveNoRoom() throws {
      let iris: Matrix<Double> = try Dataset.named("iris").rows.matrix()
      for scale in [1e-23, 1e-17, 1e17, 1e25] {
        var matrix = iris
        for row in 0..<matrix.rows { matrix[row, 1] *= scale }
        func fit(_ precision: MixturePrecision) throws -> Double {
          try GaussianMixture.fit(
            Rows(matrix), MixtureConfiguration(components: 1, precision: precision)
          ).report.meanLogLikelihood
        }
        #expect(try fit(.double).isFinite)
        #expect {
          try fit(.float)
        } throws: {
          "\($0)".contains("column 2") && "\($0)".contains("double precision")
        }
      }
    }

    /// Integer weights equal repeated rows; weights of one change no bit.
    @Test(arguments: kinds) func weights(kind: CovarianceKind) throws {
      let rows = try Dataset.named("iris").rows
      let (start, _) = try GaussianMixture.fit(
        rows, MixtureConfiguration(components: 3, covariance: kind, maximumIterations: 1))
      let configuration = MixtureConfiguration(
        components: 3, covariance: kind, tolerance: 0, maximumIterations: 20,
        initialization: .given(start))
      let weights = (0..<rows.count).map { $0 % 4 }
      let repeated = rows.selecting(
        weights.enumerated().flatMap { [Int](repeating: $0, count: $1) })
      let (weighted, _) = try GaussianMixture.fit(
        rows, configuration, sampleWeights: weights.map { Double($0) })
      let (copied, _) = try GaussianMixture.fit(repeated, configuration)
      #expect(largest(weighted, copied) < 1e-9)
      let plain = try GaussianMixture.fit(rows, configuration)
      let ones = try GaussianMixture.fit(
        rows, configuration, sampleWeights: [Double](repeating: 1, count: rows.count))
      #expect(plain.model == ones.model && plain.report == ones.report)
    }

    /// A known mixture of 3 components in 8 columns.
    static func known() throws -> GaussianMixture {
      let random = CounterRandom(seed: 21, purpose: LATENT_PURPOSE_INITIALIZATION)
      let size = 8
      let covariances = (0..<3).map { k in
        var result = Matrix<Double>(rows: size, columns: size)
        for i in 0..<size {
          for j in 0..<size {
            var sum = i == j ? 0.25 : 0.0
            for f in 0..<size {
              sum +=
                random.normal((k * size + i) * size + f) * random.normal((k * size + j) * size + f)
                / 8
            }
            result[i, j] = sum
          }
        }
        return result
      }
      let means = (0..<3 * size).map { 2 * random.normal(1000 + $0) }
      return try GaussianMixture(
        weights: [0.5, 0.3, 0.2], means: Matrix(rows: 3, columns: size, values: means),
        covariances: .full(covariances))
    }

    /// With 30 % of the values gone, held-out rows lose less than 0.03 nats.
    @Test func missingValues() throws {
      let known = try Self.known()
      let complete = try known.sample(10_000, seed: 1).rows
      let heldOut = Rows(try known.sample(2000, seed: 2).rows)
      var gaps = complete
      let random = CounterRandom(seed: 3, purpose: LATENT_PURPOSE_SHUFFLE)
      for i in gaps.values.indices where random.uniform(i) < 0.3 { gaps.values[i] = .nan }
      let configuration = MixtureConfiguration(components: 3, tolerance: 1e-4, seed: 1)
      let (whole, _) = try GaussianMixture.fit(Rows(complete), configuration)
      let (partial, report) = try GaussianMixture.fit(Rows(gaps), configuration)
      let loss = try whole.score(heldOut) - partial.score(heldOut)
      #expect(abs(loss) < 0.03, "\(loss)")
      for (before, after) in zip(report.lowerBounds[0], report.lowerBounds[0].dropFirst()) {
        #expect(after >= before - 1e-9 * abs(before))
      }
    }

    /// Standard errors of one missing value: within and between two components, by hand.
    @Test func imputesStandardErrors() throws {
      let covariances = try [[1, 0.5, 0.5, 2], [2, -1, -1, 3]].map {
        try Matrix<Double>(rows: 2, columns: 2, values: $0)
      }
      let model = try GaussianMixture(
        weights: [0.3, 0.7], means: Matrix(rows: 2, columns: 2, values: [0, 1, 2, -1]),
        covariances: .full(covariances))
      let rows = Rows(try Matrix<Double>(rows: 2, columns: 2, values: [1, .nan, .nan, .nan]))
      let found = try model.imputation(rows)
      #expect(found.values == (try model.impute(rows)))
      // p(k | x) with x = 1 from N(0, 1) and N(2, 2).
      let one = 0.3 * exp(-0.5)
      let two = 0.7 * exp(-0.25) / 2.0.squareRoot()
      let share = one / (one + two)
      let (means, variances) = ([1 + 0.5, -1 + 0.5], [2 - 0.25, 3 - 0.5])
      let mean = share * means[0] + (1 - share) * means[1]
      let second =
        share * (variances[0] + means[0] * means[0])
        + (1 - share) * (variances[1] + means[1] * means[1])
      #expect(abs(found.values[0, 1] - mean) < 1e-12)
      #expect(abs(found.standardErrors[0, 1] - (second - mean * mean).squareRoot()) < 1e-12)
      #expect(found.standardErrors[0, 0] == 0)
      // Nothing known: the mixture's own deviation, 0.3 (1 + 0) + 0.7 (2 + 4) - 1.4².
      #expect(abs(found.standardErrors[1, 0] - (0.3 + 4.2 - 1.96).squareRoot()) < 1e-12)
    }

    /// The conditional mean by the definition: two columns known, one not, all by hand.
    @Test func imputesConditionalMeans() throws {
      let covariance = try Matrix(
        rows: 3, columns: 3, values: [2, 0.5, 0.8, 0.5, 1, -0.3, 0.8, -0.3, 1.5])
      let means = try Matrix(rows: 2, columns: 3, values: [0, 1, 2, 3, -1, 0])
      let model = try GaussianMixture(
        weights: [0.4, 0.6], means: means, covariances: .full([covariance, covariance]))
      let x = [1.0, 0.5]
      // Inverse of [[2, 0.5], [0.5, 1]], determinant 1.75.
      let slope = [(0.8 * 1 + 0.3 * 0.5) / 1.75, (-0.3 * 2 - 0.8 * 0.5) / 1.75]
      var (total, sum, density) = (0.0, 0.0, 0.0)
      for k in 0..<2 {
        let e = [x[0] - means[k, 0], x[1] - means[k, 1]]
        let distance = (e[0] * e[0] - e[0] * e[1] + 2 * e[1] * e[1]) / 1.75
        let p = model.weights[k] * exp(-distance / 2)
        density += p / (2 * Double.pi * 1.75.squareRoot())
        total += p
        sum += p * (means[k, 2] + slope[0] * e[0] + slope[1] * e[1])
      }
      let row = Rows(try Matrix(rows: 2, columns: 3, values: [x[0], x[1], .nan, .nan, .nan, .nan]))
      let filled = try model.impute(row)
      #expect(filled[0, 0] == x[0] && filled[0, 1] == x[1])
      #expect(abs(filled[0, 2] - sum / total) < 1e-12)
      // A row of which nothing is known has the mixture's mean, density 1 and the prior.
      #expect(abs(filled[1, 0] - 1.8) < 1e-12)
      let scores = try model.scoreSamples(row)
      #expect(abs(scores[0] - log(density)) < 1e-12 && scores[1] == 0)
      let shares = try model.predictProbabilities(row)
      #expect(shares.row(1) == [0.4, 0.6])
    }

    /// Data from 3 factor analysers is best told by 3 factor analysers.
    @Test func factorAnalysersWin() throws {
      let random = CounterRandom(seed: 5, purpose: LATENT_PURPOSE_INITIALIZATION)
      let size = 20
      let truth = (0..<3).map { k in
        var loadings = Matrix<Double>(rows: size, columns: 2)
        for i in loadings.values.indices { loadings.values[i] = random.normal(k * 100 + i) }
        return FactorCovariance(
          loadings: loadings, uniquenesses: (0..<size).map { 0.3 + random.uniform(500 + k + $0) })
      }
      let means = (0..<3 * size).map { 1.5 * random.normal(1000 + $0) }
      let known = try GaussianMixture(
        weights: [0.4, 0.3, 0.3], means: Matrix(rows: 3, columns: size, values: means),
        covariances: .factorAnalytic(truth))
      let training = Rows(try known.sample(600, seed: 1).rows)
      let heldOut = Rows(try known.sample(600, seed: 2).rows)
      func score(_ kind: CovarianceKind) throws -> Double {
        let (model, _) = try GaussianMixture.fit(
          training,
          MixtureConfiguration(components: 3, covariance: kind, tolerance: 1e-5, seed: 1))
        return try model.score(heldOut)
      }
      let factors = try score(.factorAnalytic(factors: 2))
      let (full, diagonal) = try (score(.full), score(.diagonal))
      #expect(factors > full && factors > diagonal, "\(factors) \(full) \(diagonal)")
    }

    @Test(arguments: kinds) func filesKeepTheModel(kind: CovarianceKind) throws {
      let (model, _) = try GaussianMixture.fit(
        Dataset.named("iris").rows,
        MixtureConfiguration(components: 3, covariance: kind, maximumIterations: 3))
      let path = NSTemporaryDirectory() + "mixture-\(UUID().uuidString).safetensors"
      defer { try? FileManager.default.removeItem(atPath: path) }
      try model.save(to: path)
      #expect(try GaussianMixture.load(path) == model)
      var file = try model.tensorFile()
      file.tensors["means"] = nil
      #expect(throws: FileError.self) { try GaussianMixture(file, name: "broken") }
      file = try model.tensorFile()
      file.metadata["latent.version"] = "99"
      #expect(throws: FileError.self) { try GaussianMixture(file, name: "broken") }
    }

    /// Samples come back as the model says, and predict finds where they came from.
    @Test func samplesAndPredicts() throws {
      let model = try Self.known()
      let (rows, labels) = try model.sample(4000, seed: 8)
      let few = try model.sample(10, seed: 8).rows
      #expect(few.values == Array(rows.values.prefix(80)))
      let some = try model.sample(rows: [2000, 7], seed: 8)
      #expect(some.rows.row(0) == rows.row(2000) && some.rows.row(1).elementsEqual(rows.row(7)))
      #expect(some.labels == [labels[2000], labels[7]])
      #expect(throws: SettingError.self) { try model.sample(rows: [3, -1]) }
      for (k, weight) in model.weights.enumerated() {
        let share = Double(labels.count { $0 == k }) / 4000
        #expect(abs(share - weight) < 0.03)
      }
      let predicted = try model.predict(Rows(rows))
      let right = zip(predicted, labels).count { $0 == $1 }
      #expect(right > 3900)
      let shares = try model.predictProbabilities(Rows(rows))
      for row in 0..<100 {
        #expect(abs(shares.row(row).reduce(0, +) - 1) < 1e-12)
        #expect(shares.row(row).firstIndex(of: shares.row(row).max()!)! % 3 == predicted[row])
      }
    }

    @Test func choosesThreeOfThree() throws {
      let rows = Rows(try Self.known().sample(1500, seed: 4).rows)
      let selection = try GaussianMixture.select(
        components: 1...4, rows, MixtureConfiguration(components: 1, tolerance: 1e-4, restarts: 6),
        folds: 2)
      for criterion in MixtureSelection.Criterion.allCases {
        let best = try #require(selection.best(by: criterion))
        #expect(selection.candidates[best].components == 3, "\(criterion)")
      }
      let three = selection.candidates[2]
      let bic = try selection.models[2].bic(rows)
      #expect(abs(three.bic - bic) < 1e-6)
      #expect(three.icl >= three.bic)
    }
  }
#endif
