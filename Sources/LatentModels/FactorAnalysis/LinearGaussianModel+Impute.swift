import LatentKernels

/// Rows with their gaps filled.
public struct Imputation: Sendable {
  /// Observed values as they were, missing ones by their conditional mean, [rows x columns].
  public let values: Matrix<Double>
  /// Conditional standard deviations of the missing values, 0 for observed ones, [rows x columns].
  public let standardErrors: Matrix<Double>
}

extension LinearGaussianModel {
  /// Missing values (NaN) by their exact mean given the row's observed ones, [rows x columns].
  ///
  /// - Throws: ``ShapeError``; ``DataError`` for an infinite value, or a row too far off to be filled.
  public func impute(_ rows: Rows) throws -> Matrix<Double> {
    try imputation(rows).values
  }

  /// Conditional means and standard errors of missing values.
  ///
  /// - Throws: ``ShapeError``; ``DataError`` for an infinite value, or a row too far off to be filled.
  public func imputation(_ rows: Rows) throws -> Imputation {
    var values: Matrix<Double> = rows.matrix()
    var errors = Matrix<Double>(rows: rows.count, columns: rows.columns)
    let (loadings, uniquenesses) = (dataLoadings, dataUniquenesses)
    try infer(rows) { indices, observed, means, _ in
      for column in missing(observed) {
        // Var = ψ + λᵀ M λ
        var variance = uniquenesses[column]
        for i in 0..<factors {
          for k in 0..<factors {
            variance += loadings[column, i] * observed.covariance[i, k] * loadings[column, k]
          }
        }
        for (i, row) in indices.enumerated() {
          values[row, column] =
            mean[column] + (0..<factors).reduce(0) { $0 + loadings[column, $1] * means[i, $1] }
          try checkFilled(values[row, column], row: row, column: column)
          errors[row, column] = variance.squareRoot()
        }
      }
    }
    return Imputation(values: values, standardErrors: errors)
  }

  /// `count` completions of the rows, each with its missing values drawn from their joint
  /// distribution given the row's observed ones: multiple imputation.
  ///
  /// - Throws: ``SettingError`` for a negative count, or more than this machine's memory holds;
  ///   ``ShapeError``; ``DataError`` for an infinite value, or a row too far off to be filled.
  public func imputationDraws(_ rows: Rows, count: Int, seed: UInt64) throws -> [Matrix<Double>] {
    try checkCount(
      count, of: "draws", atLeast: 0, values: Double(rows.count) * Double(rows.columns))
    var draws = [Matrix<Double>](repeating: rows.matrix(), count: count)
    let (loadings, deviations) = (dataLoadings, dataUniquenesses.map { $0.squareRoot() })
    try infer(rows) { indices, observed, means, _ in
      let absent = missing(observed)
      guard !absent.isEmpty else { return }
      for (i, row) in indices.enumerated() {
        for draw in 0..<count {
          let epsilon = standardNormals(
            factors, seed, LATENT_PURPOSE_EPSILON, row: row, sample: draw)
          let noise = standardNormals(
            columns, seed, LATENT_PURPOSE_OBSERVATION, row: row, sample: draw)
          // z = E[z | x] + C⁻ᵀ ε
          let z = (0..<factors).map { k in
            (k..<factors).reduce(means[i, k]) {
              $0 + observed.inverseFactor[$1, k] * Double(epsilon[$1])
            }
          }
          for column in absent {
            draws[draw][row, column] =
              mean[column] + deviations[column] * Double(noise[column])
              + (0..<factors).reduce(0) { $0 + loadings[column, $1] * z[$1] }
            try checkFilled(draws[draw][row, column], row: row, column: column)
          }
        }
      }
    }
    return draws
  }

  /// - Throws: ``DataError`` where a row's observed values are so large that what follows from them is none.
  private func checkFilled(_ value: Double, row: Int, column: Int) throws {
    guard value.isFinite else {
      throw DataError(
        "Column \(column + 1) of row \(row + 1) cannot be filled: what was observed of the row lies too far "
          + "from the model for double precision; check it, or drop the row.")
    }
  }

  private func missing(_ observed: ObservedFactors) -> [Int] {
    guard observed.observed.count < columns else { return [] }
    let present = Set(observed.observed)
    return (0..<columns).filter { !present.contains($0) }
  }
}
