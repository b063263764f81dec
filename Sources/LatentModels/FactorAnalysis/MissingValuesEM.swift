import Foundation
import LatentKernels

/// EM over the observed coordinates of each row, exact for values missing at random.
///
/// Given z the columns are independent, so that a missing value takes part in nothing: each column is
/// regressed on the posterior of z over the rows that have it. The prior of z is a parameter during
/// an M-step and is then folded into mean and loadings, as in ``FactorEM``.
struct MissingValuesEM {
  let configuration: FactorConfiguration
  /// The columns that vary, and the others.
  let varying: [Int]
  let constant: [Int]
  /// Of all columns, over the rows that have them; typical deviations for constant columns.
  let mean: [Double]
  let deviations: [Double]
  /// Observed values of each column.
  let counts: [Int]
  /// The ranks that hold the rows: what is above is of all of them.
  let communicator: any Communicator

  /// Up to 1,024 standardized rows of one pattern, [rows x observed]; observed are indices into
  /// `varying`.
  private struct Batch {
    let pattern: Int
    let values: Matrix<Double>
  }
  private let observed: [[Int]]
  private let batches: [Batch]

  /// - Throws: ``DataError`` naming a column without any value, or with values too large to square;
  ///   ``SettingError``.
  init(
    _ rows: Rows, _ patterns: ObservationPatterns, configuration: FactorConfiguration,
    share: RowShare, communicator: any Communicator
  ) throws {
    self.configuration = configuration
    self.communicator = communicator
    let columns = rows.columns
    func forEachValue(_ body: (Int, Double) -> Void) {
      for pattern in patterns.patterns {
        for row in pattern.rows {
          for column in pattern.observed { body(column, rows.value(row, column)) }
        }
      }
    }
    let zeros = [Double](repeating: 0, count: columns)
    let sums = try communicator.sum(count: 2 * columns) {
      var (sums, numbers) = (zeros, zeros)
      forEachValue {
        numbers[$0] += 1
        sums[$0] += $1
      }
      return sums + numbers
    }
    let counts = sums[columns...].map { Int($0) }
    if let column = counts.firstIndex(of: 0) {
      throw DataError(
        "Column \(column + 1) has no observed value in \(share.total) rows; leave it out.")
    }
    let centers = (0..<columns).map { sums[$0] / Double(counts[$0]) }
    let about = try communicator.sum(count: 2 * columns) {
      var (errors, squares) = (zeros, zeros)
      forEachValue {
        let error = $1 - centers[$0]
        errors[$0] += error
        squares[$0] += error * error
      }
      return errors + squares
    }
    let centered = (0..<columns).map {
      CenteredSums(total: Double(counts[$0]), errors: about[$0], squares: about[columns + $0])
    }
    // Where a center is not finite its squares are not, either.
    if let column = centered.firstIndex(where: { !$0.variance.isFinite }) {
      throw DataError(tooLargeToSquare: column)
    }
    let mean = zip(centered, centers).map { $0.mean(center: $1) }
    // Its own variances tell constant columns; it also fixes their typical deviation.
    var diagonal = Matrix<Double>(rows: columns, columns: columns)
    for column in 0..<columns { diagonal[column, column] = centered[column].variance }
    let problem = try FactorProblem(
      SampleMoments(count: share.total, mean: mean, covariance: diagonal),
      factors: configuration.factors)
    (varying, constant) = (problem.varying, problem.constant)
    (self.counts, self.mean, deviations) = (counts, mean, problem.deviations)

    let number = Dictionary(uniqueKeysWithValues: varying.enumerated().map { ($1, $0) })
    var observed: [[Int]] = []
    var batches: [Batch] = []
    for pattern in patterns.patterns {
      let chosen = pattern.observed.filter { number[$0] != nil }
      guard !chosen.isEmpty else { continue }
      for start in stride(from: 0, to: pattern.rows.count, by: 1024) {
        let indices = pattern.rows[start..<min(start + 1024, pattern.rows.count)]
        var values = rows.gathering(indices, columns: chosen, center: mean)
        for i in values.values.indices { values.values[i] /= deviations[chosen[i % chosen.count]] }
        batches.append(Batch(pattern: observed.count, values: values))
      }
      observed.append(chosen.map { number[$0]! })
    }
    self.observed = observed
    self.batches = batches
  }

  struct Result {
    var solution: FactorSolution
    /// Of the standardized columns that vary.
    var mean: [Double]
    /// After each iteration: log p of all standardized values, nats.
    var logLikelihoods: [Double]
  }

  func fit(backend: FusedBackend) throws -> Result {
    var result = Result(
      solution: try initialSolution(backend), mean: [Double](repeating: 0, count: varying.count),
      logLikelihoods: [])
    let rows = try communicator.sum(count: 1) {
      [Double(batches.reduce(0) { $0 + $1.values.rows })]
    }[0]
    while true {
      let next = try step(result.solution, result.mean)
      result.logLikelihoods.append(next.logLikelihood)
      let count = result.logLikelihoods.count
      if count > 1 {
        let gain = result.logLikelihoods[count - 1] - result.logLikelihoods[count - 2]
        result.solution.converged = gain / rows < configuration.tolerance
      }
      if result.solution.converged || count > configuration.maximumIterations { break }
      result.solution.loadings = next.loadings
      result.solution.uniquenesses = next.uniquenesses
      result.mean = next.mean
    }
    result.solution.iterations = result.logLikelihoods.count - 1
    return result
  }

  /// From the correlations of the rows with their gaps filled by the means.
  private func initialSolution(_ backend: FusedBackend) throws -> FactorSolution {
    // Several ranks need one pivot: the means of standardized columns.
    let accumulator = try CovarianceAccumulator(
      columns: varying.count, backend: backend,
      pivot: communicator.size > 1 ? [Double](repeating: 0, count: varying.count) : nil)
    func addFilled() throws {
      for batch in batches {
        var filled = Matrix<Double>(rows: batch.values.rows, columns: varying.count)
        for row in 0..<filled.rows {
          for (i, column) in observed[batch.pattern].enumerated() {
            filled[row, column] = batch.values[row, i]
          }
        }
        try accumulator.add(Rows(filled))
      }
    }
    let moments = try accumulator.finish(over: communicator, rows: addFilled)
    let problem = try FactorProblem(moments, factors: configuration.factors)
    return MaximumLikelihood(problem: problem, configuration: configuration).initialSolution()
  }

  private struct Step {
    var logLikelihood = 0.0
    var loadings: Matrix<Double>
    var uniquenesses: [Double]
    var mean: [Double]
  }

  /// What the M-step needs, over the rows that have each column: sums of E[(z, 1)(z, 1)ᵀ], x E[(z, 1)] and x²;
  /// and the first of these over all rows.
  private struct Sums {
    var logLikelihood = 0.0
    var moments: [Double]
    var cross: Matrix<Double>
    var squares: [Double]
    var total: Matrix<Double>

    init(columns p: Int, size: Int) {
      moments = [Double](repeating: 0, count: p * size * size)
      cross = Matrix(rows: p, columns: size)
      squares = [Double](repeating: 0, count: p)
      total = Matrix(rows: size, columns: size)
    }

    /// One message.
    mutating func add(over communicator: any Communicator) throws {
      let own = [logLikelihood] + moments + cross.values + squares + total.values
      var rest = try communicator.sum(count: own.count) { own }[...]
      func take(_ count: Int) -> [Double] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
      }
      logLikelihood = take(1)[0]
      moments = take(moments.count)
      cross.values = take(cross.values.count)
      squares = take(squares.count)
      total.values = take(total.values.count)
    }
  }

  /// The E-step over this rank's rows.
  private func expectation(_ solution: FactorSolution, _ mean: [Double]) throws -> Sums {
    let (p, q) = (solution.loadings.rows, solution.loadings.columns)
    let size = q + 1  // (z, 1)
    var sums = Sums(columns: p, size: size)
    var index = 0
    for (number, columns) in observed.enumerated() {
      let factors = try ObservedFactors(
        loadings: solution.loadings, uniquenesses: solution.uniquenesses, observed: columns)
      var sum = Matrix<Double>(rows: size, columns: size)
      while index < batches.count, batches[index].pattern == number {
        let values = batches[index].values
        index += 1
        var centred = values
        for i in centred.values.indices { centred.values[i] -= mean[columns[i % columns.count]] }
        let (means, logDensities) = factors.infer(centred)
        for value in logDensities { sums.logLikelihood += value }
        var extended = Matrix<Double>(rows: means.rows, columns: size, repeating: 1)
        for row in 0..<means.rows { for k in 0..<q { extended[row, k] = means[row, k] } }
        let outer = FactorAlgebra.product(extended, extended, transposingFirst: true)
        for i in sum.values.indices { sum.values[i] += outer.values[i] }
        let product = FactorAlgebra.product(values, extended, transposingFirst: true)
        for (i, column) in columns.enumerated() {
          for k in 0..<size { sums.cross[column, k] += product[i, k] }
          for row in 0..<values.rows { sums.squares[column] += values[row, i] * values[row, i] }
        }
      }
      let rows = sum[q, q]
      for i in 0..<q { for k in 0..<q { sum[i, k] += rows * factors.covariance[i, k] } }
      for i in sums.total.values.indices { sums.total.values[i] += sum.values[i] }
      for column in columns {
        for i in 0..<size * size { sums.moments[column * size * size + i] += sum.values[i] }
      }
    }
    return sums
  }

  /// The log-likelihood of the parameters at hand, and the next parameters.
  private func step(_ solution: FactorSolution, _ mean: [Double]) throws -> Step {
    let (p, q) = (solution.loadings.rows, solution.loadings.columns)
    let size = q + 1
    var sums = try expectation(solution, mean)
    if communicator.size > 1 { try sums.add(over: communicator) }
    let total = sums.total

    // The factors' mean and the Cholesky factor of their covariance.
    let rows = total[q, q]
    let factorMean = (0..<q).map { total[$0, q] / rows }
    var factorCovariance = Matrix<Double>(rows: q, columns: q)
    for i in 0..<q {
      for k in 0..<q { factorCovariance[i, k] = total[i, k] / rows - factorMean[i] * factorMean[k] }
    }
    // At least the posterior's, but for rounding.
    let expansion = try FactorAlgebra.positiveDefinite(
      factorCovariance, "covariance of the factors")

    var next = Step(
      logLikelihood: sums.logLikelihood, loadings: Matrix(rows: p, columns: q),
      uniquenesses: solution.uniquenesses, mean: mean)
    for column in 0..<p {
      var gram = Matrix<Double>(rows: size, columns: size)
      for i in gram.values.indices { gram.values[i] = sums.moments[column * size * size + i] }
      let right = Array(sums.cross.row(column))
      let coefficients = FactorAlgebra.solve(
        lower: try FactorAlgebra.positiveDefinite(gram, "second moment of the factors"), right)
      let explained = zip(right, coefficients).reduce(0) { $0 + $1.0 * $1.1 }
      next.uniquenesses[column] = max(
        (sums.squares[column] - explained) / gram[q, q], configuration.uniquenessFloor)
      next.mean[column] = coefficients[q]
      for i in 0..<q {
        next.mean[column] += coefficients[i] * factorMean[i]
        for k in 0...i { next.loadings[column, k] += coefficients[i] * expansion[i, k] }
      }
    }
    return next
  }
}
