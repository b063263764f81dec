import Foundation
import LatentModels

/// compare.png: estimates of log p(x) against the number of samples and against time, both on
/// logarithmic scales.
public enum ComparisonPlot {
  /// A line an estimator in both panels, and a level where log p(x) is known.
  public static func picture(of comparison: EstimatorComparison) -> ColorImage {
    var canvas = Canvas(width: 1400, height: 620)
    let finite = comparison.entries.map(\.summary.mean).filter(\.isFinite)
    // Estimators that fail fall far below: a little of that is enough to see.
    let top = (finite + [comparison.exact].compactMap { $0 }).max() ?? 0
    let useful = comparison.estimators.compactMap {
      comparison.entries(of: $0).last?.summary.mean
    }.filter(\.isFinite)
    let spread = max(1, top - (useful.sorted().dropFirst(useful.count / 3).first ?? top - 1))
    let bottom = max(finite.min() ?? -1, top - 6 * spread)
    let y = Axes.range(of: [bottom, top])
    let samples = comparison.entries.map { log10(Double($0.samples)) }
    let times = comparison.entries.map { log10(max($0.seconds, 1e-6)) }
    let panels: [(Frame, [Double], String, KeyPath<EstimatorComparison.Entry, Double>)] = [
      (
        Frame(left: 110, top: 90, right: 690, bottom: 540), samples,
        "log10 of samples a row", \.logSamples
      ),
      (
        Frame(left: 780, top: 90, right: 1360, bottom: 540), times, "log10 of seconds",
        \.logSeconds
      ),
    ]
    for (frame, values, name, path) in panels {
      let axes = Axes(frame: frame, x: Axes.range(of: values), y: y)
      axes.draw(on: &canvas, x: name, y: frame.left < 200 ? "log p(x) of a row, nats" : "")
      if let exact = comparison.exact, y.contains(exact) {
        let level = axes.point(axes.x.lowerBound, exact).y
        canvas.line((frame.left, level), (frame.right, level), width: 2, .ink)
      }
      for (index, estimator) in comparison.estimators.enumerated() {
        draw(comparison.entries(of: estimator), path, in: axes, .of(index), on: &canvas)
      }
    }
    var x = 110.0
    for (index, estimator) in comparison.estimators.enumerated() {
      canvas.line((x, 40), (x + 26, 40), width: 3, .of(index))
      canvas.text(estimator, x: x + 34, y: 40)
      x += 70 + Double(Canvas.width(of: estimator))
    }
    if comparison.exact != nil {
      canvas.line((x, 40), (x + 26, 40), width: 2, .ink)
      canvas.text("exact", x: x + 34, y: 40)
    }
    return canvas.image
  }

  /// A line through what lies on the sheet, with two standard errors at each point.
  private static func draw(
    _ entries: [EstimatorComparison.Entry], _ x: KeyPath<EstimatorComparison.Entry, Double>,
    in axes: Axes, _ color: Color, on canvas: inout Canvas
  ) {
    let points = entries.filter { $0.summary.mean.isFinite }.map { entry in
      (entry, axes.point(entry[keyPath: x], entry.summary.mean))
    }
    canvas.polyline(points.map(\.1), width: 2.5, color, clip: axes.frame)
    for (entry, point) in points where axes.y.contains(entry.summary.mean) {
      canvas.disc(x: point.x, y: point.y, radius: 5, color)
      guard entry.summary.standardError.isFinite else { continue }
      let ends = [-2.0, 2].map { side -> (x: Double, y: Double) in
        let value = entry.summary.mean + side * entry.summary.standardError
        return axes.point(
          entry[keyPath: x], min(axes.y.upperBound, max(axes.y.lowerBound, value)))
      }
      canvas.polyline(ends, width: 1.5, color)
    }
  }
}

extension EstimatorComparison.Entry {
  fileprivate var logSamples: Double { log10(Double(samples)) }
  fileprivate var logSeconds: Double { log10(max(seconds, 1e-6)) }
}
