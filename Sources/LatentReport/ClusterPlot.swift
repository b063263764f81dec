#if OpenBLAS
  import Foundation
  import LatentKernels
  import LatentModels

  /// Rows as points in a plane, coloured by their components' probabilities, and each component as
  /// its ellipses at one and two standard deviations: the first two columns, or principal axes where
  /// there are more.
  public struct ClusterPlot {
    let rows: Rows
    private let columnNames: [String]
    private let plane: Plane
    private let points: [(x: Double, y: Double)]
    /// The most rows drawn, evenly through the data.
    public static let maximumRows = 4000
    /// Principal axes of more columns take longer than many a fit.
    public static let maximumColumns = 1000

    /// - Parameter rows: missing values are drawn at their conditional means under `model`.
    /// - Throws: ``ShapeError`` when the columns do not fit; what reading the rows throws.
    public init(
      _ rows: some RowSource, columnNames: [String]?, model: GaussianMixture, backend: FusedBackend
    ) throws {
      let step = Double(max(rows.count, 1)) / Double(min(max(rows.count, 1), Self.maximumRows))
      let chosen = (0..<min(rows.count, Self.maximumRows)).map { Int(Double($0) * step) }
      let complete = try model.impute(rows.selecting(ascending: chosen), backend: backend)
      self.rows = Rows(complete)
      self.columnNames = columnNames ?? (0..<rows.columns).map { "x\($0 + 1)" }
      plane = try Plane(complete)
      let plane = plane
      let scores =
        rows.columns == 1 ? try model.scoreSamples(self.rows, backend: backend) : nil
      points = (0..<complete.rows).map { row in
        scores.map { (complete[row, 0], $0[row]) } ?? plane.project(Array(complete.row(row)))
      }
    }

    /// clusters.png
    ///
    /// - Throws: ``ShapeError`` when the model is of other columns.
    public func picture(of model: GaussianMixture, backend: FusedBackend) throws -> ColorImage {
      var canvas = Canvas(width: 920, height: 660)
      let frame = Frame(left: 110, top: 40, right: 760, bottom: 590)
      try draw(model, in: frame, on: &canvas, title: "", backend: backend)
      canvas.text("weights", x: 778, y: 56)
      for k in 0..<min(model.components, 20) {
        let y = 84 + 26 * Double(k)
        canvas.disc(x: 784, y: y, radius: 6, .of(k))
        canvas.text("\(k + 1): \(String(format: "%.3f", model.weights[k]))", x: 800, y: y)
      }
      return canvas.image
    }

    func draw(
      _ model: GaussianMixture, in frame: Frame, on canvas: inout Canvas, title: String,
      backend: FusedBackend
    ) throws {
      let axes = Axes(
        frame: frame, x: Axes.range(of: points.map(\.x)), y: Axes.range(of: points.map(\.y)))
      let names = plane.names(columnNames)
      axes.draw(on: &canvas, title: title, x: names.x, y: names.y)
      let shares = try model.predictProbabilities(rows, backend: backend)
      let radius = points.count > 1000 ? 2.0 : 3.0
      for (row, point) in points.enumerated() {
        let at = axes.point(point.x, point.y)
        let parts = (0..<model.components).map { (Color.of($0), shares[row, $0]) }
        canvas.disc(x: at.x, y: at.y, radius: radius, .mix(parts), opacity: 0.6)
      }
      guard rows.columns > 1 else { return }
      for k in 0..<model.components {
        let center = plane.project(Array(model.means.row(k)))
        let axis = plane.deviations(model.covariances.matrix(k, columns: rows.columns))
        for sigma in [1.0, 2.0] {
          let ring = (0...120).map { step -> (x: Double, y: Double) in
            let angle = Double(step) / 60 * Double.pi
            let (u, v) = (sigma * cos(angle), sigma * sin(angle))
            return axes.point(center.x + axis.xx * u, center.y + axis.yx * u + axis.yy * v)
          }
          canvas.polyline(
            ring, width: sigma == 1 ? 3 : 1.5, .of(k), opacity: 0.9, clip: frame)
        }
      }
    }
  }

  /// Two directions of a table: its columns, or its first principal axes.
  private struct Plane {
    let center: [Double]
    let first: [Double]
    let second: [Double]

    /// Whether these are principal axes.
    let isPrincipal: Bool

    init(_ rows: Matrix<Double>) throws {
      let columns = rows.columns
      // Rows in a line or a plane have no such axes.
      if columns > 2, let axes = try? ProbabilisticPCA.fit(Rows(rows), factors: 2).loadings {
        func direction(_ k: Int) -> [Double] {
          let axis = (0..<columns).map { axes[$0, k] }
          let length = max(axis.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-300)
          return axis.map { $0 / length }
        }
        (first, second, isPrincipal) = (direction(0), direction(1), true)
        center = (0..<columns).map { column in
          (0..<rows.rows).reduce(0) { $0 + rows[$1, column] } / Double(rows.rows)
        }
      } else {
        center = [Double](repeating: 0, count: columns)
        first = (0..<columns).map { $0 == 0 ? 1 : 0 }
        second = (0..<columns).map { $0 == min(1, columns - 1) ? 1 : 0 }
        isPrincipal = false
      }
    }

    func project(_ row: [Double]) -> (x: Double, y: Double) {
      var (x, y) = (0.0, 0.0)
      for i in row.indices {
        x += (row[i] - center[i]) * first[i]
        y += (row[i] - center[i]) * second[i]
      }
      return (x, y)
    }

    func names(_ columns: [String]) -> (x: String, y: String) {
      isPrincipal
        ? ("first principal axis", "second principal axis")
        : (columns[0], columns.count > 1 ? columns[1] : "log p(x)")
    }

    /// The lower Cholesky factor of a covariance in the plane.
    func deviations(_ covariance: Matrix<Double>) -> (xx: Double, yx: Double, yy: Double) {
      func form(_ a: [Double], _ b: [Double]) -> Double {
        var sum = 0.0
        for i in a.indices { for j in b.indices { sum += a[i] * covariance[i, j] * b[j] } }
        return sum
      }
      let xx = max(form(first, first), 1e-300).squareRoot()
      let yx = form(first, second) / xx
      return (xx, yx, max(form(second, second) - yx * yx, 0).squareRoot())
    }
  }
#endif
