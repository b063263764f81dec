import Foundation
import LatentKernels
import LatentModels

/// Rows as points at their posterior means, coloured by class: the latent space itself where it has
/// two dimensions, else its first two principal axes.
public struct LatentMap {
  private let points: [(x: Double, y: Double)]
  private let classes: [Int]
  private let names: [String]
  private let axisNames: (x: String, y: String)
  /// The most rows drawn, evenly through the data.
  public static let maximumRows = 4000
  /// The most classes told apart.
  static let maximumClasses = 20

  /// - Parameters:
  ///   - means: [rows x L]
  ///   - labels: the class of each row; one colour for all if nil, or with too many classes.
  /// - Throws: ``SettingError`` when there is no row; ``ShapeError`` when there is not one label a row.
  public init(_ means: Matrix<Float>, labels: [String]?) throws {
    guard means.rows > 0, means.columns > 0 else {
      throw SettingError("A latent map needs at least one row.")
    }
    if let labels, labels.count != means.rows {
      throw ShapeError("\(means.rows) rows need as many labels, found \(labels.count).")
    }
    let step = max(1, Double(means.rows) / Double(Self.maximumRows))
    let chosen = (0..<min(means.rows, Self.maximumRows)).map { Int(Double($0) * step) }
    if means.columns > 2 {
      let axes = PrincipalAxes(means)
      points = chosen.map { axes.project(means.row($0).map(Double.init)) }
      axisNames = ("first principal axis of the means", "second principal axis")
    } else {
      points = chosen.map {
        (Double(means[$0, 0]), means.columns > 1 ? Double(means[$0, 1]) : 0)
      }
      axisNames = ("latent 1", means.columns > 1 ? "latent 2" : "")
    }
    let all = classNames(of: labels)
    names = all.count <= Self.maximumClasses ? all : []
    let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    classes = chosen.map { row in labels.flatMap { numbers[$0[row]] } ?? 0 }
  }

  /// The points between axes, the names of the classes beside them.
  public func picture() -> ColorImage {
    var canvas = Canvas(width: 920, height: 660)
    let frame = Frame(left: 110, top: 40, right: names.isEmpty ? 880 : 740, bottom: 590)
    let axes = Axes(
      frame: frame, x: Axes.range(of: points.map(\.x)), y: Axes.range(of: points.map(\.y)))
    axes.draw(on: &canvas, x: axisNames.x, y: axisNames.y)
    let radius = points.count > 1000 ? 2.5 : 3.5
    for (point, number) in zip(points, classes) {
      let at = axes.point(point.x, point.y)
      canvas.disc(x: at.x, y: at.y, radius: radius, .of(number), opacity: 0.65)
    }
    for (number, name) in names.enumerated() {
      let y = 56 + 26 * Double(number)
      canvas.disc(x: 764, y: y, radius: 6, .of(number))
      canvas.text(name.inBitmapFont.shortened(to: 10), x: 780, y: y)
    }
    return canvas.image
  }
}

/// The two directions of largest variance, by orthogonal iteration.
private struct PrincipalAxes {
  let center: [Double]
  let first, second: [Double]

  init(_ rows: Matrix<Float>) {
    let size = rows.columns
    var center = [Double](repeating: 0, count: size)
    for row in 0..<rows.rows {
      for l in 0..<size { center[l] += Double(rows[row, l]) / Double(rows.rows) }
    }
    var covariance = [Double](repeating: 0, count: size * size)
    for row in 0..<rows.rows {
      for i in 0..<size {
        let error = Double(rows[row, i]) - center[i]
        for j in 0..<size { covariance[i * size + j] += error * (Double(rows[row, j]) - center[j]) }
      }
    }
    func leading(orthogonalTo other: [Double]?) -> [Double] {
      // Not orthogonal to any axis; the sign follows from it.
      var vector = (0..<size).map { 1 + Double($0) / Double(size) }
      for _ in 0..<500 {
        var next = (0..<size).map { i in
          (0..<size).reduce(0.0) { $0 + covariance[i * size + $1] * vector[$1] }
        }
        if let other {
          let along = zip(next, other).reduce(0.0) { $0 + $1.0 * $1.1 }
          next = zip(next, other).map { $0 - along * $1 }
        }
        let length = next.reduce(0.0) { $0 + $1 * $1 }.squareRoot()
        guard length > 0 else { break }
        vector = next.map { $0 / length }
      }
      return vector
    }
    self.center = center
    first = leading(orthogonalTo: nil)
    second = leading(orthogonalTo: first)
  }

  func project(_ row: [Double]) -> (x: Double, y: Double) {
    let errors = zip(row, center).map { $0 - $1 }
    func along(_ axis: [Double]) -> Double { zip(errors, axis).reduce(0) { $0 + $1.0 * $1.1 } }
    return (along(first), along(second))
  }
}
