import Foundation
import LatentKernels
import LatentModels
import Testing

@Suite struct FactorMissingTests {
  @Test func fitsThroughGaps() throws {
    let complete = factorRows(1500, columns: 8, factors: 2)
    let heldOut = factorRows(1500, columns: 8, factors: 2, seed: 2)
    let gaps = removing(0.3, from: complete)
    let reference = try FactorAnalysis.fit(complete, FactorConfiguration(factors: 2))
    let model = try FactorAnalysis.fit(gaps, FactorConfiguration(factors: 2, tolerance: 1e-7))
    #expect(model.report.converged)
    let history = model.report.history
    for (before, after) in zip(history, history.dropFirst()) {
      #expect(after >= before - 1e-9 * abs(before))
    }
    let total = try model.scoreSamples(gaps).reduce(0, +)
    #expect(abs(total - model.report.logLikelihood) < 1e-8 * abs(total))
    #expect(try reference.score(heldOut) - model.score(heldOut) < 0.03)
    #expect(model.report.test == nil)
  }

  /// One gap in many rows leaves the maximum where it was, nearly; an empty row exactly.
  @Test func agreesWithTheCompleteFit() throws {
    let complete = factorRows(300, columns: 6, factors: 1)
    var matrix: Matrix<Double> = complete.matrix()
    matrix.values += [Double](repeating: .nan, count: 6)
    let padded = Rows(try Matrix(rows: 301, columns: 6, values: matrix.values))
    let reference = try FactorAnalysis.fit(
      complete, FactorConfiguration(factors: 1, tolerance: 1e-13))
    let model = try FactorAnalysis.fit(padded, FactorConfiguration(factors: 1, tolerance: 1e-13))
    #expect(largestDifference(reference.uniquenesses, model.uniquenesses) < 1e-4)
    #expect(largestDifference(reference.loadings.values, model.loadings.values) < 1e-4)
    #expect(largestDifference(reference.mean, model.mean) < 1e-6)
    #expect(abs(reference.report.logLikelihood - model.report.logLikelihood) < 1e-6)
  }

  /// So many rows that a plain sum's mean of a constant column is no longer the constant.
  @Test func constantColumnOfManyRows() throws {
    let columns = 5
    var matrix: Matrix<Double> = factorRows(90_000, columns: columns, factors: 1).matrix()
    for row in 0..<matrix.rows { matrix[row, 3] = 0.1 }
    matrix[0, 0] = .nan
    let model = try FactorAnalysis.fit(
      Rows(matrix), FactorConfiguration(factors: 1, maximumIterations: 3))
    #expect(model.loadings.row(3).allSatisfy { $0 == 0 } && model.mean[3] == 0.1)
  }

  /// Columns that differ by less than doubles tell apart beside their scale.
  @Test func nearlySingular() throws {
    for factors in [1, 2, 3] {
      for noise in [0, 1e-15, 1e-13, 1e-10, 1e-7] {
        let draws: Matrix<Double> = factorRows(60, columns: 8, factors: 1).matrix()
        var matrix = draws
        for row in 0..<matrix.rows {
          for column in 0..<8 {
            matrix[row, column] =
              draws[row, 0] * Double(column + 1) + noise * draws[row, column]
              + (column < 3 ? 1e7 : 0)
          }
        }
        matrix[3, 1] = .nan
        let model = try FactorAnalysis.fit(
          Rows(matrix),
          FactorConfiguration(factors: factors, maximumIterations: 300, uniquenessFloor: 1e-12))
        #expect(model.report.logLikelihood.isFinite)
      }
    }
  }

  /// Units so small that squares of values are hardly numbers.
  @Test(arguments: [1e-150, 1e-153, 1e-155, 1e-157, 1e-160]) func tinyUnits(scale: Double) throws {
    let rows = factorRows(40, columns: 6, factors: 1)
    let expected = try FactorAnalysis.fit(rows, FactorConfiguration(factors: 1))
    var matrix: Matrix<Double> = rows.matrix()
    for i in matrix.values.indices { matrix.values[i] *= scale }
    let model = try FactorAnalysis.fit(Rows(matrix), FactorConfiguration(factors: 1))
    for (found, wanted) in zip(model.uniquenesses, expected.uniquenesses) {
      #expect(abs(found / scale / scale / wanted - 1) < 0.02)
    }
  }

  @Test func constantColumnBesideGaps() throws {
    var matrix: Matrix<Double> = removing(0.2, from: factorRows(100, columns: 6, factors: 1))
      .matrix()
    for row in 0..<100 where !matrix[row, 3].isNaN { matrix[row, 3] = 4 }
    let model = try FactorAnalysis.fit(
      Rows(matrix), FactorConfiguration(factors: 1, tolerance: 1e-6))
    #expect(model.report.constantColumns == [3])
    let total = try model.scoreSamples(Rows(matrix)).reduce(0, +)
    #expect(abs(total - model.report.logLikelihood) < 1e-8 * abs(total))
  }
}
