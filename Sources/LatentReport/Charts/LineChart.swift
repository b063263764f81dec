import Foundation
import LatentModels

/// Lines through points, their names above.
public struct LineChart: Sendable {
  /// One line.
  public struct Series: Sendable {
    /// As the legend has it.
    public var name: String
    /// In the order in which the line joins them.
    public var points: [(x: Double, y: Double)]
    /// Whether the line is broken into dashes.
    public var dashed: Bool

    /// A line through `points`, under a name.
    public init(_ name: String, _ points: [(x: Double, y: Double)], dashed: Bool = false) {
      (self.name, self.points, self.dashed) = (name, points, dashed)
    }
  }

  /// The heading, and the names of the axes.
  public var title, x, y: String
  /// The lines, each in a colour of its own as far as the palette goes.
  public var series: [Series]
  /// Whether x counts something: epochs, iterations.
  public var isCount: Bool

  /// Lines under a heading; points that are not finite are left out, and lines without points.
  public init(_ title: String, x: String, y: String, series: [Series], isCount: Bool = false) {
    (self.title, self.x, self.y, self.isCount) = (title, x, y, isCount)
    // What is not finite has no place on a line.
    self.series = series.map { series in
      var finite = series
      finite.points.removeAll { !$0.x.isFinite || !$0.y.isFinite }
      return finite
    }.filter { !$0.points.isEmpty }
  }

  /// Nil where there is nothing to draw.
  public var picture: SVG? {
    guard !series.isEmpty else { return nil }
    let legend = Legend.places(of: series.map(\.name), from: 76, to: 474)
    // As many lines of names as they need.
    let top = 52 + 18 * Double(max(0, (legend.last?.line ?? 0)))
    var svg = SVG(width: 480, height: top + 278, title: title)
    let all = series.flatMap(\.points)
    let xs = all.map(\.x)
    let axes = SVGAxes(
      frame: Frame(left: 76, top: top, right: 466, bottom: top + 228),
      x: .init(
        range: xs.min()! < xs.max()! ? xs.min()!...xs.max()! : Axes.range(of: xs),
        isWhole: isCount),
      y: .init(range: visible))
    svg.text(title, x: 76, y: 14, size: 14, bold: true)
    axes.draw(on: &svg, x: x, y: y)
    for (index, one) in series.enumerated() {
      let color = Color.palette[index % Color.palette.count]
      let points = one.points.map {
        axes.point($0.x, min(max($0.y, axes.y.range.lowerBound), axes.y.range.upperBound))
      }
      svg.polyline(points, width: 2, color, dashed: one.dashed)
      if points.count == 1 { svg.disc(x: points[0].x, y: points[0].y, radius: 3, color) }
      guard series.count > 1 else { continue }
      let place = (x: legend[index].x, y: 36 + 18 * Double(legend[index].line))
      svg.line(
        (place.x, place.y), (place.x + 22, place.y), width: 2.5, color, dashed: one.dashed)
      svg.text(one.name, x: place.x + 27, y: place.y)
    }
    return svg
  }

  /// The first points of a fit may lie far below all others: they must not flatten the rest.
  private var visible: ClosedRange<Double> {
    let values = series.flatMap { $0.points.map(\.y) }
    let later = series.flatMap { $0.points.dropFirst($0.points.count / 10).map(\.y) }
    let (all, rest) = (Axes.range(of: values), Axes.range(of: later))
    return (all.upperBound - all.lowerBound) > 5 * (rest.upperBound - rest.lowerBound) ? rest : all
  }
}

extension LineChart {
  /// The ELBO and its two sides over epochs, of the training rows and those held out.
  ///
  /// - Parameter bound: what the history's ELBO is, `TrainingConfiguration.boundName`; nil for a
  ///   deterministic autoencoder, which has the reconstruction alone.
  public static func learningCurves(
    _ history: [EpochMetrics], bound: String? = "ELBO"
  ) -> [LineChart] {
    func chart(
      _ title: String, _ training: KeyPath<EpochMetrics, Double>,
      _ heldOut: KeyPath<EpochMetrics, Double?>
    ) -> LineChart {
      LineChart(
        title, x: "epoch", y: "nats a row",
        series: [
          Series("training", history.map { (Double($0.epoch), $0[keyPath: training]) }),
          Series(
            "held out",
            history.compactMap { row in row[keyPath: heldOut].map { (Double(row.epoch), $0) } },
            dashed: true),
        ], isCount: true)
    }
    let reconstruction = chart(
      "Reconstruction, log p(x|z)", \.reconstruction, \.heldOutReconstruction)
    guard let bound else { return [reconstruction] }
    return [
      chart(bound, \.elbo, \.heldOutELBO), reconstruction,
      chart("KL of posterior and prior", \.kl, \.heldOutKL),
    ]
  }
}
