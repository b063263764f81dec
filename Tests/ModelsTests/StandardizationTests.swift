import LatentKernels
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
}
