import Foundation
import LatentKernels
import LatentModels
import Testing

@Suite struct FactorAnalysisTests {
  /// Uniquenesses and tests as `factanal(factors, covmat = ability.cov)` in R prints them.
  @Test(arguments: FactorConfiguration.Method.allCases)
  func abilityAgreesWithR(method: FactorConfiguration.Method) throws {
    var configuration = FactorConfiguration(
      factors: 1, method: method, tolerance: 1e-11, maximumIterations: 20_000,
      correlationScale: true)
    func fit() throws -> FactorAnalysis {
      try FactorAnalysis.fit(
        covariance: Ability.covariance, observations: Ability.observations, configuration)
    }
    let one = try fit()
    #expect(one.report.converged)
    #expect(largestDifference(one.uniquenesses, [0.535, 0.853, 0.748, 0.910, 0.232, 0.280]) < 1e-3)
    let first = try #require(one.report.test)
    #expect(abs(first.statistic - 75.18) < 0.02)
    #expect(first.degreesOfFreedom == 9)
    #expect(abs(first.pValue / 1.46e-12 - 1) < 0.01)

    configuration.factors = 2
    configuration.rotation = .varimax
    let two = try fit()
    #expect(two.report.converged)
    #expect(largestDifference(two.uniquenesses, [0.455, 0.589, 0.218, 0.769, 0.052, 0.334]) < 1e-3)
    let second = try #require(two.report.test)
    #expect(abs(second.statistic - 6.11) < 0.02)
    #expect(second.degreesOfFreedom == 4)
    #expect(abs(second.pValue - 0.191) < 5e-4)
    // R's loadings after varimax, which it leaves 0.003 short of the criterion's maximum.
    let expected = [
      0.499, 0.543, 0.156, 0.622, 0.206, 0.860, 0.109, 0.468, 0.956, 0.182, 0.785, 0.225,
    ]
    #expect(largestDifference(two.loadings.values, expected) < 4e-3)
  }

  @Test func expectationMaximizationAgreesWithNewton() throws {
    let rows = factorRows(400, columns: 9, factors: 2)
    let newton = try FactorAnalysis.fit(rows, FactorConfiguration(factors: 2, tolerance: 1e-14))
    let em = try FactorAnalysis.fit(
      rows,
      FactorConfiguration(
        factors: 2, method: .expectationMaximization, tolerance: 1e-14, maximumIterations: 20_000))
    #expect(newton.report.converged && em.report.converged)
    #expect(abs(newton.report.meanLogLikelihood - em.report.meanLogLikelihood) < 1e-9)
    #expect(largestDifference(newton.uniquenesses, em.uniquenesses) < 1e-4)
    #expect(largestDifference(newton.loadings.values, em.loadings.values) < 1e-4)
    for model in [newton, em] {
      let history = model.report.history
      for (before, after) in zip(history, history.dropFirst()) {
        #expect(after >= before - 1e-9 * abs(before))
      }
      // The report's likelihood is that of the rows.
      let total = try model.scoreSamples(rows).reduce(0, +)
      #expect(abs(total - model.report.logLikelihood) < 1e-8 * abs(total))
    }
  }

  /// Large covariances take the subspace iteration: the same optimum as small steps of EM improve on.
  @Test func manyColumnsConverge() throws {
    let rows = factorRows(600, columns: 150, factors: 3)
    let model = try FactorAnalysis.fit(rows, FactorConfiguration(factors: 3))
    let em = try FactorAnalysis.fit(
      rows, FactorConfiguration(factors: 3, method: .expectationMaximization, tolerance: 1e-7))
    #expect(model.report.converged)
    #expect(model.report.meanLogLikelihood >= em.report.meanLogLikelihood - 1e-9)
    #expect(model.report.meanLogLikelihood - em.report.meanLogLikelihood < 1e-3)
  }

  @Test func scaleChangesUnitsOnly() throws {
    let rows = factorRows(300, columns: 7, factors: 2)
    var configuration = FactorConfiguration(factors: 2)
    let plain = try FactorAnalysis.fit(rows, configuration)
    configuration.correlationScale = true
    let scaled = try FactorAnalysis.fit(rows, configuration)
    #expect(largestDifference(plain.covariance.values, scaled.covariance.values) < 1e-12)
    #expect(largestDifference(plain.dataLoadings.values, scaled.dataLoadings.values) < 1e-12)
    #expect(try abs(plain.score(rows) - scaled.score(rows)) < 1e-12)
    for i in 0..<7 {
      let communality = scaled.loadings.row(i).reduce(0) { $0 + $1 * $1 }
      #expect(abs(communality + scaled.uniquenesses[i] - 1) < 1e-4)
    }
  }

  @Test(arguments: [false, true])
  func rotationKeepsTheDistribution(correlationScale: Bool) throws {
    let rows = factorRows(300, columns: 8, factors: 3)
    var configuration = FactorConfiguration(factors: 3, correlationScale: correlationScale)
    let plain = try FactorAnalysis.fit(rows, configuration)
    configuration.rotation = .varimax
    let rotated = try FactorAnalysis.fit(rows, configuration)
    #expect(largestDifference(plain.covariance.values, rotated.covariance.values) < 1e-12)
    #expect(plain.loadings != rotated.loadings)
    let later = plain.rotatedByVarimax()
    #expect(later.configuration == rotated.configuration)
    #expect(largestDifference(later.loadings.values, rotated.loadings.values) < 1e-5)
  }

  /// A pair of columns that are nearly one draws the first start to itself; the factor of the six others is worth
  /// hundreds of nats more. The bound is the log-likelihood of a model without the pair's correlation.
  @Test func leavesAPoorMaximum() throws {
    let (p, n) = (8, 200)
    var covariance = Matrix<Double>(rows: p, columns: p)
    var without = covariance
    for i in 0..<p {
      for j in 0..<p {
        let isPair = i < 2 && j < 2
        covariance[i, j] = i == j ? 1 : isPair ? 1 - 1e-4 : i >= 2 && j >= 2 ? 0.95 : 0
        without[i, j] = i != j && isPair ? 0 : covariance[i, j]
      }
    }
    // The six have eigenvalues 5.75 and, five times, 0.05; tr(Σ⁻¹ S) is p.
    let determinant = log(5.75) + 5 * log(0.05)
    let bound = -Double(n) / 2 * (Double(p) * log(2 * Double.pi) + determinant + Double(p))
    let model = try FactorAnalysis.fit(
      covariance: covariance, observations: n, FactorConfiguration(factors: 1))
    #expect(model.report.logLikelihood >= bound - 1e-6)
  }

  /// The test needs log|S|, of which rounding leaves nothing where columns add up, or rows are few.
  @Test func noTestOfSingularCovariances() throws {
    for seed in 0..<8 as Range<UInt64> {
      let few = try FactorAnalysis.fit(
        factorRows(6, columns: 6, factors: 1, seed: seed), FactorConfiguration(factors: 1))
      #expect(few.report.test == nil)
      var sums: Matrix<Double> = factorRows(200, columns: 6, factors: 1, seed: seed).matrix()
      for row in 0..<200 { sums[row, 0] = sums[row, 1] + sums[row, 2] }
      let model = try FactorAnalysis.fit(Rows(sums), FactorConfiguration(factors: 1))
      #expect(model.report.test == nil)
    }
  }

  @Test func heywoodCaseIsBoundedAndReported() throws {
    // Column 0 is the factor itself.
    var matrix: Matrix<Double> = factorRows(200, columns: 5, factors: 1).matrix()
    for row in 0..<200 {
      let z = matrix[row, 1] + 0.7 * matrix[row, 2]
      matrix[row, 0] = z
      matrix[row, 3] = 0.2 * z + matrix[row, 3]
      matrix[row, 4] = 0.3 * z + matrix[row, 4]
    }
    for method in FactorConfiguration.Method.allCases {
      let model = try FactorAnalysis.fit(
        Rows(matrix),
        FactorConfiguration(
          factors: 1, method: method, maximumIterations: 20_000, correlationScale: true))
      #expect(model.report.heywoodColumns == [0])
      #expect(abs(model.uniquenesses[0] - 0.005) < 1e-9)
      #expect(try model.score(Rows(matrix)).isFinite)
    }
  }

  @Test func constantColumnsTakeNoPart() throws {
    let rows = factorRows(200, columns: 6, factors: 1)
    var matrix = Matrix<Double>(rows: 200, columns: 7)
    for row in 0..<200 {
      for column in 0..<6 {
        matrix[row, column < 2 ? column : column + 1] = rows.value(row, column)
      }
      matrix[row, 2] = 0.1
    }
    let with = Rows(matrix)
    let plain = try FactorAnalysis.fit(rows, FactorConfiguration(factors: 1))
    let model = try FactorAnalysis.fit(with, FactorConfiguration(factors: 1))
    #expect(model.report.constantColumns == [2])
    #expect(model.report.degreesOfFreedom == plain.report.degreesOfFreedom)
    #expect(model.loadings[2, 0] == 0)
    let total = try model.scoreSamples(with).reduce(0, +)
    #expect(abs(total - model.report.logLikelihood) < 1e-8 * abs(total))
    #expect(try abs(model.transform(with).values[5] - plain.transform(rows).values[5]) < 1e-9)
  }

  @Test func floatProductsAreCloseToDouble() throws {
    let rows = factorRows(3000, columns: 20, factors: 3)
    let double = try FactorAnalysis.fit(rows, FactorConfiguration(factors: 3))
    let float = try FactorAnalysis.fit(rows, FactorConfiguration(factors: 3, precision: .float))
    let difference = abs(double.report.logLikelihood - float.report.logLikelihood)
    #expect(difference < 1e-6 * abs(double.report.logLikelihood))
    #expect(largestDifference(double.uniquenesses, float.uniquenesses) < 1e-4)
  }

  /// Units do not matter, however far apart; and a copied column leaves no maximum inside the bounds.
  @Test func extremeScalesAndCopies() throws {
    let rows = factorRows(300, columns: 7, factors: 2)
    var matrix: Matrix<Double> = rows.matrix()
    let units = [1e6, 1e-6, 1, 1e3, 1, 1, 1e-3]
    for row in 0..<300 { for column in 0..<7 { matrix[row, column] *= units[column] } }
    let plain = try FactorAnalysis.fit(rows, FactorConfiguration(factors: 2, tolerance: 1e-13))
    let scaled = try FactorAnalysis.fit(
      Rows(matrix), FactorConfiguration(factors: 2, tolerance: 1e-13))
    for column in 0..<7 {
      let ratio = scaled.uniquenesses[column] / (units[column] * units[column])
      #expect(abs(ratio / plain.uniquenesses[column] - 1) < 1e-4)
    }
    for row in 0..<300 { matrix[row, 4] = matrix[row, 5] }
    for method in FactorConfiguration.Method.allCases {
      let model = try FactorAnalysis.fit(
        Rows(matrix), FactorConfiguration(factors: 2, method: method))
      #expect(model.report.converged)
      #expect(model.report.heywoodColumns == [4, 5])
      #expect(model.report.test == nil)
      #expect(try model.score(Rows(matrix)).isFinite)
    }
  }

  @Test func fewerRowsThanColumns() throws {
    for count in [2, 4] {
      let rows = factorRows(count, columns: 8, factors: 2)
      let model = try FactorAnalysis.fit(rows, FactorConfiguration(factors: 2))
      #expect(model.report.converged)
      #expect(try model.score(rows).isFinite)
    }
  }

  @Test func badInputIsRefusedWithASentence() throws {
    let rows = factorRows(50, columns: 6, factors: 1)
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return "no error"
    }
    func fit(_ rows: Rows, _ factors: Int = 1) -> String {
      message { _ = try FactorAnalysis.fit(rows, FactorConfiguration(factors: factors)) }
    }
    #expect(fit(rows, 0) == "The number of factors must be at least 1, found 0.")
    #expect(fit(rows, 4).hasPrefix("4 factors are too many for 6 varying columns: at most 3"))
    #expect(fit(rows.selecting([0])).contains("at least 2 observations"))
    #expect(
      fit(Rows(Matrix<Double>(rows: 9, columns: 4, repeating: 3))).contains("only constant"))
    var matrix: Matrix<Double> = rows.matrix()
    matrix[3, 1] = .infinity
    #expect(fit(Rows(matrix)).hasPrefix("Row 4, column 2 is infinite"))
    matrix = rows.matrix()
    for row in 0..<50 { matrix[row, 4] = .nan }
    #expect(fit(Rows(matrix)).hasPrefix("Column 5 has no observed value"))
    // With and without gaps.
    for gap in [nil, Double.nan] {
      for value in [1e155, 1e300, 1.7e308] {
        matrix = rows.matrix()
        for row in 0..<50 { matrix[row, 2] = row % 3 == 0 ? -value : value }
        if let gap { matrix[7, 1] = gap }
        #expect(fit(Rows(matrix)).hasPrefix("The values of column 3 are too large to square"))
      }
    }
    var covariance = Ability.covariance
    covariance[0, 1] = 7
    func fit(_ covariance: Matrix<Double>) -> String {
      message {
        _ = try FactorAnalysis.fit(
          covariance: covariance, observations: 112, FactorConfiguration(factors: 1))
      }
    }
    #expect(fit(covariance).contains("not symmetric: row 2, column 1 is 5.991"))
    covariance = Ability.covariance
    covariance[0, 0] = 1
    #expect(fit(covariance).contains("not positive definite"))
    #expect(fit(Matrix(rows: 2, columns: 3)).contains("square"))
    let model = try FactorAnalysis.fit(rows, FactorConfiguration(factors: 1))
    #expect(throws: ShapeError.self) {
      try model.score(factorRows(5, columns: 3, factors: 1))
    }
  }
}
