import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// On a linear Gaussian model both gaps are known: D_KL(q ‖ p(z|x)) at the best diagonal Gaussian is
/// ½ (Σ log Pᵢᵢ − log |P|), and the encoder's own divergence is that and the amortization gap.
@Suite struct InferenceGapTests {
  let truth = Truth(columns: 10, factors: 3)
  let backend = try! FusedBackend(threads: 2)

  @Test func closedFormsOfALinearEncoder() throws {
    let model = try truth.autoencoder()
    for slot in model.parameters.slots {
      let values = try model.parameters.read(slot)
      switch slot.name {
      case "encoder.mean.weight": try model.parameters.write(values.map { $0 * 0.85 }, to: slot)
      case "encoder.rawLogVariance.bias":
        try model.parameters.write(values.map { $0 + 0.4 }, to: slot)
      default: break
      }
    }
    let rows = try Rows(truth.sample(20, seed: 8))
    let data = try model.batches(of: Dataset(name: "rows", rows: rows))
    let found = try InferenceGap(samples: 4000).measure(model, data, backend: backend)

    let precision = truth.posteriorPrecision
    let logDeterminant = DenseNormal.inverse(precision).logDeterminant
    let approximation = (0..<3).reduce(-logDeterminant) { $0 + log(precision[$1, $1]) } / 2
    let encoded = try model.transform(data, backend: backend)
    let divergences = try truth.divergences(of: encoded, from: rows)
    let amortization = divergences.reduce(0, +) / 20 - approximation
    #expect(approximation > 0.02 && amortization > 0.02)

    func expectClose(_ gap: InferenceGap.Quantity, _ expected: Double) {
      #expect(abs(gap.mean - expected) < 3 * gap.standardError, "\(gap), \(expected)")
      #expect(gap.standardError < expected / 4)
    }
    expectClose(found.approximationGap, approximation)
    expectClose(found.amortizationGap, amortization)
    let exact = try truth.score(rows)
    #expect(abs(found.logDensity.mean - exact) < 3 * found.logDensity.standardError + 1e-4)
    #expect(found.rows.count { !$0.converged } == 0)
    #expect(found.activeUnits == 3)

    // Where the model knows log p(x), it is taken.
    let known = try InferenceGap(samples: 2000).measure(
      model, data, exact: try truth.scoreSamples(rows), backend: backend)
    #expect(abs(known.logDensity.mean - exact) < 1e-9)
    expectClose(known.approximationGap, approximation)
  }

  @Test func activeUnitsVary() throws {
    let means = try Matrix<Float>(
      rows: 3, columns: 3, values: [0, 0.1, 5, 1, 0.1, 5.05, 2, 0.1, 4.95])
    #expect(ActiveUnits(means: means).count == 1)
  }
}
