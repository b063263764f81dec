import Foundation
import LatentKernels
import Testing

@testable import LatentModels

@Suite struct ProbabilisticPCATests {
  func moments(_ rows: Rows) throws -> SampleMoments {
    let accumulator = try CovarianceAccumulator(
      columns: rows.columns, backend: try FusedBackend(threads: 1))
    try accumulator.add(rows)
    return accumulator.finish()
  }

  /// One EM iteration of Tipping and Bishop's appendix B: W = S W (ψ I + M⁻¹ Wᵀ S W)⁻¹,
  /// ψ = tr(S - S W M⁻¹ Wᵀ) / p with M = Wᵀ W + ψ I.
  func iterate(
    _ s: Matrix<Double>, _ w: Matrix<Double>, _ noise: Double
  ) -> (Matrix<Double>, Double) {
    func product(_ a: Matrix<Double>, _ b: Matrix<Double>, _ transposing: Bool = false)
      -> Matrix<Double>
    { FactorAlgebra.product(a, b, transposingFirst: transposing) }
    let q = w.columns
    var m = product(w, w, true)
    for k in 0..<q { m[k, k] += noise }
    let inverse = DenseNormal.inverse(m).0
    let sw = product(s, w)
    var inner = product(inverse, product(w, sw, true))
    for k in 0..<q { inner[k, k] += noise }
    let next = product(sw, DenseNormal.inverse(inner).0)
    let explained = product(
      sw, FactorAlgebra.product(inverse, next, transposingSecond: true))
    let trace = (0..<s.rows).reduce(0) { $0 + s[$1, $1] - explained[$1, $1] }
    return (next, trace / Double(s.rows))
  }

  @Test func closedFormIsWhereEMEnds() throws {
    let rows = factorRows(300, columns: 8, factors: 2)
    let model = try ProbabilisticPCA.fit(rows, factors: 2)
    let s = try moments(rows).covariance
    // The closed form stays where it is.
    let (loadings, noise) = iterate(s, model.loadings, model.noiseVariance)
    #expect(largestDifference(loadings.values, model.loadings.values) < 1e-11)
    #expect(abs(noise - model.noiseVariance) < 1e-12)
    // From anywhere else EM gets there, up to a rotation.
    var (w, psi) = (Truth(columns: 8, factors: 2).loadings, 1.0)
    for _ in 0..<3000 { (w, psi) = iterate(s, w, psi) }
    #expect(abs(psi - model.noiseVariance) < 1e-9)
    var covariance = FactorAlgebra.product(w, w, transposingSecond: true)
    for i in 0..<8 { covariance[i, i] += psi }
    #expect(largestDifference(covariance.values, model.covariance.values) < 1e-8)
  }

  @Test func likelihoodIsThatOfTheRows() throws {
    let rows = factorRows(200, columns: 8, factors: 3)
    let model = try ProbabilisticPCA.fit(rows, factors: 3)
    let total = try model.scoreSamples(rows).reduce(0, +)
    #expect(abs(total - model.logLikelihood) < 1e-9 * abs(total))
    // Factor analysis has all of its freedom and more.
    let analysis = try FactorAnalysis.fit(rows, FactorConfiguration(factors: 3))
    #expect(analysis.report.logLikelihood > model.logLikelihood)
  }

  /// A covariance large enough for the subspace iteration against LAPACK's eigenpairs.
  @Test func leadingEigenpairsAgreeWithLAPACK() throws {
    let s = try moments(factorRows(500, columns: 160, factors: 4)).covariance
    var iteration = LeadingEigenpairs(count: 4, size: 160, seed: 0)
    let (found, dense) = (iteration.of(s), FactorAlgebra.eigenpairs(s, count: 4))
    #expect(largestDifference(found.values, dense.values) < 1e-10 * dense.values[0])
    for k in 0..<4 {
      let cosine = (0..<160).reduce(0) { $0 + found.vectors[$1, k] * dense.vectors[$1, k] }
      #expect(abs(abs(cosine) - 1) < 1e-12)
    }
  }

  @Test func badInputIsRefused() throws {
    let rows = factorRows(20, columns: 4, factors: 1)
    #expect(throws: SettingError.self) { try ProbabilisticPCA.fit(rows, factors: 4) }
    #expect(throws: SettingError.self) { try ProbabilisticPCA.fit(rows, factors: 0) }
    #expect(throws: DataError.self) {
      try ProbabilisticPCA.fit(removing(0.1, from: rows), factors: 1)
    }
    #expect(throws: DataError.self) { try ProbabilisticPCA.fit(rows.selecting([0]), factors: 1) }
    var far = rows.matrix(of: Double.self)
    for row in 0..<far.rows { far[row, 1] = row % 2 == 0 ? 1e155 : -1e155 }
    let error = #expect(throws: DataError.self) { try ProbabilisticPCA.fit(Rows(far), factors: 1) }
    #expect(error?.description.hasPrefix("The values of column 2 are too large to square") == true)
    #expect(throws: DataError.self) {
      try ProbabilisticPCA.fit(rows.selecting([0, 1]), factors: 1)
    }
  }
}
