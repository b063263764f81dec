import LatentIO
import LatentKernels
import LatentModels
import LatentReport

/// The distribution of log p(x) over the rows fitted: at every thousandth, in the run directory.
enum ScoreQuantiles {
  static let steps = 1000

  /// - Parameter gapless: the rows that count, if not all: those that have all their values. NaN is written where
  ///   there is none.
  static func write(_ scores: [Double], of rows: TableRows, gapless: [Bool]?, to run: RunDirectory)
    throws
  {
    var weights = rows.allWeights
    if let gapless {
      weights = zip(gapless, weights ?? [Double](repeating: 1, count: scores.count)).map {
        $0 ? $1 : 0
      }
    }
    let quantiles = Quantiles(of: scores, weights: weights)
    var table = Matrix<Double>(rows: steps + 1, columns: 2)
    for step in 0...steps {
      let fraction = Double(step) / Double(steps)
      (table[step, 0], table[step, 1]) = (fraction, quantiles.at(fraction))
    }
    try CSV.write(table, columnNames: ["fraction", "logDensity"], to: run.scoreQuantiles)
  }

  /// Below which the fraction of the fitted rows lies.
  static func threshold(_ fraction: Double, of run: ExactRun) throws -> Double {
    guard fraction > 0, fraction < 1 else {
      throw SettingError("The fraction to flag must lie between 0 and 1, found \(fraction).")
    }
    guard run.about?.data != nil else {
      throw SettingError(
        "--flag needs the run directory of a fit to rows, which keeps their scores.")
    }
    let path = try RunDirectory.open(run.path).scoreQuantiles
    let rows = try Dataset.load(path).rows
    guard rows.count == steps + 1, rows.columns == 2 else {
      throw FileError(path, "expected \(steps + 1) quantiles, found \(rows.count) rows.")
    }
    return Quantiles(of: (0...steps).map { rows.value($0, 1) }).at(fraction)
  }
}

/// What log p(x) is below for a fraction of the rows fitted.
///
/// A row with gaps has a density over the values that it has, which is no measure beside the others': it is held
/// against draws from the model with the same gaps.
final class ScoreThresholds {
  /// For rows that have all their values.
  private(set) var complete: Double
  private let fraction: Double
  private let model: any ExactModel
  private let backend: FusedBackend
  private var ofGaps: [[Int]: Double] = [:]
  private lazy var draws = Result { try model.draw(drawCount, seed: 0) }

  /// Two hundred of them beyond the threshold, within limits; the same whatever rows come.
  private var drawCount: Int { Int(min(max(200 / min(fraction, 1 - fraction), 2_000), 20_000)) }

  init(_ fraction: Double, of run: ExactRun, backend: FusedBackend) throws {
    (self.fraction, self.backend, model) = (fraction, backend, run.model)
    complete = try ScoreQuantiles.threshold(fraction, of: run)
    if complete.isNaN { complete = try threshold(missing: []) }
  }

  /// - Throws: ``SettingError`` where there is no room for the draws.
  private func checkMemory() throws {
    try expectMemory(
      for: 3 * 8 * Double(drawCount) * Double(model.columns),
      "A threshold for rows with gaps in \(model.columns) columns", "leave --flag out")
  }

  /// One number a row.
  func of(_ rows: Rows) throws -> [Double] {
    try rows.gaps.map { missing in
      if missing.isEmpty { return complete }
      if let known = ofGaps[missing] { return known }
      let threshold = try threshold(missing: missing)
      ofGaps[missing] = threshold
      return threshold
    }
  }

  private func threshold(missing columns: [Int]) throws -> Double {
    try checkMemory()
    var drawn = try draws.get()
    for row in 0..<drawn.rows { for column in columns { drawn[row, column] = .nan } }
    return Quantiles(of: try model.logDensities(Rows(drawn), backend: backend)).at(fraction)
  }
}

/// Quantiles of numbers, between two of them by a straight line.
private struct Quantiles {
  private let sorted: [Double]
  /// Where each of them stands: 0, 1, 2 ... where all count the same.
  private let places: [Double]
  private let last: Double

  init(of values: [Double], weights: [Double]? = nil) {
    let counted = values.indices.filter { weights?[$0] ?? 1 > 0 }.sorted { values[$0] < values[$1] }
    sorted = counted.map { values[$0] }
    last = Double(max(counted.count, 1) - 1)
    guard let weights else {
      places = counted.indices.map(Double.init)
      return
    }
    let scale = Double(counted.count) / counted.reduce(0) { $0 + weights[$1] }
    var before = 0.0
    places = counted.map { index in
      defer { before += scale * weights[index] }
      return before + (scale * weights[index] - 1) / 2
    }
  }

  /// NaN of nothing.
  func at(_ fraction: Double) -> Double {
    guard !sorted.isEmpty else { return .nan }
    let place = fraction * last
    var (low, high) = (0, sorted.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if places[middle] < place { low = middle + 1 } else { high = middle }
    }
    guard high > 0, places[high] > place else { return sorted[high] }
    let share = (place - places[high - 1]) / (places[high] - places[high - 1])
    return sorted[high - 1] + share * (sorted[high] - sorted[high - 1])
  }
}

extension Rows {
  /// The columns that each row has no value of.
  fileprivate var gaps: [[Int]] {
    if case .bytes = storage { return [[Int]](repeating: [], count: count) }
    return (0..<count).map { row in (0..<columns).filter { value(row, $0).isNaN } }
  }

}

extension TableRows {
  /// Whether each row of all ranks has all its values.
  func gapless() throws -> [Bool] { try map { $0.gaps.map(\.isEmpty) } }
}
