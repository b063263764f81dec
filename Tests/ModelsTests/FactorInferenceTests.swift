import Foundation
import LatentKernels
import Testing

@testable import LatentModels

@Suite struct FactorInferenceTests {
  let model = Truth(columns: 7, factors: 2)
  var dense: DenseNormal { DenseNormal(mean: model.mean, covariance: model.covariance) }
  /// The joint normal of (x, z).
  var joint: DenseNormal {
    var covariance = Matrix<Double>(rows: 9, columns: 9)
    for i in 0..<7 {
      for j in 0..<7 { covariance[i, j] = model.covariance[i, j] }
      for k in 0..<2 {
        covariance[i, 7 + k] = model.loadings[i, k]
        covariance[7 + k, i] = model.loadings[i, k]
      }
    }
    for k in 0..<2 { covariance[7 + k, 7 + k] = 1 }
    return DenseNormal(mean: model.mean + [0, 0], covariance: covariance)
  }

  @Test func densityAndPosteriorAgreeWithDenseNormal() throws {
    let rows = try removing(0.4, from: Rows(model.sample(40, seed: 3)))
    let scores = try model.scoreSamples(rows)
    let posterior = try model.posterior(rows)
    for row in 0..<40 {
      let x = (0..<7).map { rows.value(row, $0) }
      #expect(abs(scores[row] - dense.logDensity(x)) < 1e-11)
      let (mean, covariance) = joint.conditional([7, 8], given: x + [.nan, .nan])
      #expect(largestDifference(Array(posterior.mean.row(row)), mean) < 1e-12)
      #expect(
        largestDifference(posterior.covariance(ofRow: row).values, covariance.values) < 1e-12)
    }
  }

  @Test func rowWithNothingObservedHasThePrior() throws {
    let rows = Rows(Matrix<Double>(rows: 1, columns: 7, repeating: .nan))
    let posterior = try model.posterior(rows)
    #expect(posterior.mean.values == [0, 0])
    #expect(posterior.covariance(ofRow: 0).values == [1, 0, 0, 1])
    #expect(try model.scoreSamples(rows) == [0])
    #expect(try largestDifference(model.impute(rows).values, model.mean) < 1e-15)
  }

  @Test func imputationIsTheConditionalMean() throws {
    let rows = try removing(0.4, from: Rows(model.sample(30, seed: 4)))
    let imputation = try model.imputation(rows)
    let draws = try model.imputationDraws(rows, count: 2000, seed: 5)
    for row in 0..<30 {
      let x = (0..<7).map { rows.value(row, $0) }
      let absent = x.indices.filter { x[$0].isNaN }
      let (mean, covariance) = dense.conditional(absent, given: x)
      for (i, column) in absent.enumerated() {
        #expect(abs(imputation.values[row, column] - mean[i]) < 1e-6)
        let error = covariance[i, i].squareRoot()
        #expect(abs(imputation.standardErrors[row, column] - error) < 1e-12)
        let average = draws.reduce(0) { $0 + $1[row, column] } / 2000
        #expect(abs(average - mean[i]) < 5 * error / 2000.squareRoot())
      }
      for column in x.indices where !x[column].isNaN {
        #expect(imputation.values[row, column] == x[column])
        #expect(imputation.standardErrors[row, column] == 0)
        #expect(draws[7][row, column] == x[column])
      }
    }
  }

  @Test func samplesHaveTheModelsMoments() throws {
    let count = 20_000
    let samples = try model.sample(count, seed: 6)
    let accumulator = try CovarianceAccumulator(columns: 7, backend: try FusedBackend(threads: 2))
    try accumulator.add(Rows(samples))
    let moments = accumulator.finish()
    let covariance = model.covariance
    for i in 0..<7 {
      let error = (covariance[i, i] / Double(count)).squareRoot()
      #expect(abs(moments.mean[i] - model.mean[i]) < 5 * error)
      for j in 0..<7 {
        let error =
          ((covariance[i, i] * covariance[j, j] + covariance[i, j] * covariance[i, j])
          / Double(count)).squareRoot()
        #expect(abs(moments.covariance[i, j] - covariance[i, j]) < 5 * error)
      }
    }
    #expect(try model.sample(3, seed: 6).values == Array(samples.values.prefix(21)))
  }

  /// Where squares overflow there is no density; what is finite all the same is filled.
  @Test(arguments: [1e155, -1e200, 1.7e308]) func rowsFarOff(value: Double) throws {
    var matrix = try model.sample(2, seed: 1)
    for column in 0..<7 { matrix[1, column] = column % 2 == 0 ? value : -value }
    matrix[1, 3] = .nan
    let scores = try model.scoreSamples(Rows(matrix))
    #expect(scores[0].isFinite && scores[1] == -.infinity)
    do {
      #expect(try model.impute(Rows(matrix))[1, 3].isFinite)
      #expect(abs(value) < 1e300)
    } catch {
      #expect("\(error)".hasPrefix("Column 4 of row 2 cannot be filled") && abs(value) > 1e300)
      #expect(throws: DataError.self) {
        try model.imputationDraws(Rows(matrix), count: 1, seed: 0)
      }
    }
  }

  @Test func inverseTransformIsTheConditionalMean() throws {
    let latents = try Matrix(rows: 1, columns: 2, values: [0.5, -1.0])
    let expected = (0..<7).map {
      model.mean[$0] + 0.5 * model.loadings[$0, 0] - model.loadings[$0, 1]
    }
    #expect(try largestDifference(model.inverseTransform(latents).values, expected) < 1e-14)
    #expect(throws: ShapeError.self) { try model.inverseTransform(Matrix(rows: 1, columns: 3)) }
  }
}
