import Foundation
import LatentIO
import LatentKernels
import LatentModels
import Testing

@Suite struct MixtureFitTests {
  /// The maximum that scikit-learn's tied covariance reaches run to 1e-10; mclust's EEE stops at
  /// -1126.326.
  @Test func oldFaithfulTied() throws {
    let rows = try Dataset.named("faithful").rows
    let (model, report) = try GaussianMixture.fit(
      rows,
      MixtureConfiguration(
        components: 3, covariance: .tied, tolerance: 1e-10, maximumIterations: 5000, restarts: 4,
        seed: 1))
    #expect(abs(report.logLikelihood + 1126.316) < 0.002, "\(report.logLikelihood)")
    #expect(model.parameterCount == 11)
    #expect(report.lowerBounds.count == 4 && report.converged[report.best])
    let total = try model.scoreSamples(rows).reduce(0, +)
    #expect(abs(total - report.logLikelihood) < 1e-9 * 1126)
  }

  static let kinds: [CovarianceKind] = [
    .full, .tied, .diagonal, .spherical, .factorAnalytic(factors: 1),
  ]

  /// The bound never falls, whatever the kind, the precision, the gaps and the weights.
  @Test(arguments: kinds, [false, true])
  func boundNeverFalls(kind: CovarianceKind, gaps: Bool) throws {
    var matrix = try Dataset.named("iris").rows.matrix(of: Double.self)
    if gaps { for i in stride(from: 0, to: matrix.values.count, by: 7) { matrix.values[i] = .nan } }
    let rows = Rows(matrix)
    let (_, report) = try GaussianMixture.fit(
      rows,
      MixtureConfiguration(
        components: 3, covariance: kind, tolerance: 0, maximumIterations: 60, seed: 3))
    let bounds = report.lowerBounds[0] + [report.meanLogLikelihood]
    #expect(bounds.count == 61)
    for (before, after) in zip(bounds, bounds.dropFirst()) {
      #expect(after >= before - 1e-9 * abs(before), "\(kind) \(before) \(after)")
    }
    #expect(report.warnings.contains { $0.contains("did not converge") })
  }

  /// Same bits for any number of threads and on every instruction set.
  @Test(arguments: kinds) func repeatsBits(kind: CovarianceKind) throws {
    let rows = try Dataset.named("iris").rows
    for precision in [MixturePrecision.double, .float] {
      let configuration = MixtureConfiguration(
        components: 3, covariance: kind, maximumIterations: 5, restarts: 2, seed: 5,
        precision: precision)
      let first = try GaussianMixture.fit(
        rows, configuration, backend: FusedBackend(threads: 1))
      for set in InstructionSet.available where set.keepsBits {
        let other = try GaussianMixture.fit(
          rows, configuration, backend: FusedBackend(threads: 2, instructionSet: set))
        #expect(other.model == first.model, "\(set)")
        #expect(other.report == first.report)
      }
    }
  }
}
