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

  /// A plain sum of a hundred thousand values is off by 1e-12 of them, which is no deviation; nor do columns that
  /// are far from zero, as times in nanoseconds are, have none.
  @Test func tellsThemInManyRows() throws {
    let constants = [0.1, 0.3, 37.2, 1e-9]
    let many = Rows(
      try Matrix(
        rows: 90_000, columns: constants.count,
        values: (0..<90_000).flatMap { _ in constants }))
    let found = Standardization(many)
    #expect(found.scale == [1, 1, 1, 1])
    for (mean, constant) in zip(found.mean, constants) {
      #expect(abs(mean / constant - 1) <= .ulpOfOne)
    }
    let moments = try ColumnMoments(many, weights: nil)
    #expect(moments.variances == [1, 1, 1, 1] && moments.means == found.mean)

    let times = (0..<500).map { 1.7e18 + 1000 * Double($0) }
    let seconds = Rows(try Matrix(rows: 500, columns: 1, values: times))
    let expected = 1000 * (Double(500 * 500 - 1) / 12).squareRoot()
    #expect(abs(Standardization(seconds).scale[0] / expected - 1) < 1e-3)
    #expect(
      try abs(ColumnMoments(seconds, weights: nil).variances[0] / expected / expected - 1) < 1e-3)
  }

  /// Rounding makes no other rows of them.
  @Test func agreesUpToRounding() throws {
    let one = try Standardization(mean: [1e6, 0], scale: [2, 1e-8])
    try #expect(
      one.agrees(with: Standardization(mean: [1e6 + 1e-9, 1e-20], scale: [2 + 1e-12, 1e-8])))
    try #expect(!one.agrees(with: Standardization(mean: [1e6 + 1, 0], scale: [2, 1e-8])))
    try #expect(!one.agrees(with: Standardization(mean: [1e6, 0], scale: [2, 1.001e-8])))
    try #expect(!one.agrees(with: Standardization(mean: [1e6], scale: [2])))
  }

  /// A constant column takes a typical variance: floors keep their meaning in any unit.
  @Test func variancesOfConstantColumns() throws {
    let rows = Rows(try Matrix(rows: 2, columns: 3, values: [-1e-5, -4e-5, 3, 1e-5, 4e-5, 3]))
    let variances = try ColumnMoments(rows, weights: nil).variances
    for (found, expected) in zip(variances, [1e-10, 16e-10, 4e-10]) {
      #expect(abs(found / expected - 1) < 1e-12)
    }
  }

  /// Of rows with and without gaps, whatever the unit: a float has no room for these scales.
  @Test func jacobiansAreOfDoubles() throws {
    let scale = [1e39, 1e-50, 3.0]
    let model = try VAE(
      VAEConfiguration(
        architecture: Architecture(dimensions: 3, latentDimensions: 1, likelihood: .gaussian),
        standardization: try Standardization(mean: [0, 0, 0], scale: scale)))
    let expected = scale.map { -log($0) }
    #expect(abs(model.logJacobian - expected.reduce(0, +)) < 1e-12)
    let rows = Rows(try Matrix(rows: 2, columns: 3, values: [0, 1, 2, Double.nan, 1, 2]))
    let jacobian = model.jacobian(of: BatchSource(rows, transform: .none))
    #expect(abs(jacobian[0] - expected.reduce(0, +)) < 1e-12)
    #expect(abs(jacobian[1] - expected[1] - expected[2]) < 1e-12)
  }
}
