import LatentIO
import LatentKernels
import LatentModels
import Testing

/// Against scikit-learn, from the same start and with as many iterations.
@Suite struct MixtureComparisonTests {
  static func rows(_ name: String) throws -> Rows {
    guard name == "grid" else { return try Dataset.named(name).rows }
    return table(columns: 5) { i, d in number(i, d) + (i % 3 == d % 3 ? 2 : 0) }
  }

  private static func number(_ i: Int, _ d: Int) -> Double {
    let hash = i * (d + 3) * 7919 + 104_729 * d * d + i * i
    return Double(hash % 1009) / 1009
  }
  private static func table(columns: Int, _ value: (Int, Int) -> Double) -> Rows {
    var matrix = Matrix<Double>(rows: 300, columns: columns)
    for i in 0..<300 { for d in 0..<columns { matrix[i, d] = value(i, d) } }
    return Rows(matrix)
  }

  /// Equal weights, evenly spaced rows, the covariance of all rows.
  static func start(_ rows: Rows, _ kind: String) throws -> GaussianMixture {
    let (count, columns) = (rows.count, rows.columns)
    var covariance = Matrix<Double>(rows: columns, columns: columns)
    let mean = (0..<columns).map { d in
      (0..<count).reduce(0) { $0 + rows.value($1, d) } / Double(count)
    }
    for i in 0..<columns {
      for j in 0..<columns {
        var sum = 0.0
        for row in 0..<count {
          sum += (rows.value(row, i) - mean[i]) * (rows.value(row, j) - mean[j])
        }
        covariance[i, j] = sum / Double(count)
      }
    }
    let variances = (0..<columns).map { covariance[$0, $0] }
    let covariances: MixtureCovariances =
      switch kind {
      case "full": .full([covariance, covariance, covariance])
      case "tied": .tied(covariance)
      case "diag":
        .diagonal(
          try Matrix(rows: 3, columns: columns, values: variances + variances + variances))
      default:
        .spherical([Double](repeating: variances.reduce(0, +) / Double(columns), count: 3))
      }
    let means = (0..<3).flatMap { k in
      (0..<columns).map { rows.value(k * (count / 3), $0) }
    }
    return try GaussianMixture(
      weights: [1, 1, 1].map { $0 / 3 },
      means: Matrix(rows: 3, columns: columns, values: means), covariances: covariances)
  }

  @Test(arguments: [MixturePrecision.double, .float])
  func sameAsScikitLearn(precision: MixturePrecision) throws {
    let parameterBar = precision == .double ? 1e-7 : 1e-4
    let likelihoodBar = precision == .double ? 1e-7 : 1e-6
    for expected in MixtureExpectation.all {
      let rows = try Self.rows(expected.data)
      let start = try Self.start(rows, expected.kind)
      let (model, report) = try GaussianMixture.fit(
        rows,
        MixtureConfiguration(
          components: 3, covariance: start.covarianceKind, covarianceFloor: 0, tolerance: 0,
          maximumIterations: 10, initialization: .given(start), precision: precision))
      let covariances =
        switch model.covariances {
        case .full(let all): all.flatMap(\.values)
        case .tied(let shared): shared.values
        case .diagonal(let variances): variances.values
        case .spherical(let variances): variances
        case .factorAnalytic: [Double]()
        }
      let name = "\(expected.data) \(expected.kind) \(precision)"
      let error = abs(report.logLikelihood - expected.logLikelihood)
      #expect(error < likelihoodBar * abs(expected.logLikelihood), "\(name)")
      #expect(relativeError(model.weights, expected.weights) < parameterBar, "\(name) weights")
      #expect(relativeError(model.means.values, expected.means) < parameterBar, "\(name) means")
      #expect(
        relativeError(covariances, expected.covariances) < parameterBar, "\(name) covariances")
    }
  }

  /// A mixture of one factor analyser is factor analysis.
  @Test func oneFactorAnalyser() throws {
    for expected in FactorExpectation.all {
      let rows = Self.table(columns: 6) { i, d in
        let (first, second) = (Self.number(i, 10), Self.number(i, 11))
        return (1 + Double(d) / 2) * first + (2 - Double(d)) * second + Self.number(i, d)
      }
      let (model, report) = try GaussianMixture.fit(
        rows,
        MixtureConfiguration(
          components: 1, covariance: .factorAnalytic(factors: expected.factors), tolerance: 1e-14,
          maximumIterations: 20_000))
      let error = abs(report.logLikelihood - expected.logLikelihood)
      #expect(error < 1e-6 * abs(expected.logLikelihood), "\(expected.factors) factors: \(error)")
      guard case .factorAnalytic(let found) = model.covariances else { continue }
      #expect(relativeError(found[0].uniquenesses, expected.uniquenesses) < 1e-3)
    }
  }

  /// The largest error, in units of the largest number.
  private func relativeError(_ found: [Double], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    let scale = expected.reduce(0) { max($0, abs($1)) }
    return zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) } / scale
  }
}
