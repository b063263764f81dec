import Foundation
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

@Suite struct StandardizationTests {
  /// A column is constant beside its own size, whatever its unit.
  @Test(arguments: [
    (mean: 4.7e-12, deviation: 3e-13, scale: 3e-13), (0, 1e-150, 1e-150), (1e12, 3, 3),
    (1e12, 1e-3, 1), (-5, 0, 1), (0, 0, 1),
  ])
  func tellsConstantColumns(mean: Double, deviation: Double, scale: Double) throws {
    let values = [mean - deviation, mean + deviation]
    let found = Standardization(Rows(try Matrix(rows: 2, columns: 1, values: values)))
    #expect(abs(found.scale[0] / scale - 1) < 1e-3)
  }

  /// Of rows with and without gaps, whatever the unit: a float has no room for these scales.
  @Test func jacobiansAreOfDoubles() throws {
    let scale = [1e39, 1e-50, 3.0]
    let model = try VAE(
      VAEConfiguration(
        architecture: Architecture(dimensions: 3, latentDimensions: 1, likelihood: .gaussian),
        standardization: Standardization(mean: [0, 0, 0], scale: scale)))
    let expected = scale.map { -log($0) }
    #expect(abs(model.logJacobian - expected.reduce(0, +)) < 1e-12)
    let rows = Rows(try Matrix(rows: 2, columns: 3, values: [0, 1, 2, Double.nan, 1, 2]))
    let jacobian = model.jacobian(of: BatchSource(rows, transform: .none))
    #expect(abs(jacobian[0] - expected.reduce(0, +)) < 1e-12)
    #expect(abs(jacobian[1] - expected[1] - expected[2]) < 1e-12)
  }
}
