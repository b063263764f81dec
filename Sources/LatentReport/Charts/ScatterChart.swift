import Foundation

/// Points in a plane, coloured by their labels, whose names stand above.
public enum ScatterChart {
  /// - Parameter labels: one a point; more than 12 different ones are not told apart.
  public static func picture(
    _ title: String, x: String, y: String, points: [(x: Double, y: Double)], labels: [String]?
  ) -> SVG {
    var names = classNames(of: labels)
    if names.count > 12 { names = [] }
    let shown = names.map { $0.shortened(to: 24) }
    let legend = Legend.places(of: shown, from: 66, to: 474)
    // As many lines of names as they need.
    let top = names.isEmpty ? 32 : 52 + 18 * Double(legend.last!.line)
    var svg = SVG(width: 480, height: top + 408, title: title)
    svg.text(title, x: 66, y: 14, size: 14, bold: true)
    for (number, place) in legend.enumerated() {
      let y = 36 + 18 * Double(place.line)
      svg.disc(x: place.x + 6, y: y, radius: 5, .of(number))
      svg.text(shown[number], x: place.x + 16, y: y)
    }
    let axes = SVGAxes(
      frame: Frame(left: 66, top: top, right: 466, bottom: top + 360),
      x: .init(range: Axes.range(of: points.map(\.x))),
      y: .init(range: Axes.range(of: points.map(\.y))))
    axes.draw(on: &svg, x: x, y: y)
    let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    for (index, point) in points.enumerated() where point.x.isFinite && point.y.isFinite {
      let at = axes.point(point.x, point.y)
      let color = labels.flatMap { numbers[$0[index]] }.map(Color.of) ?? Color.palette[0]
      svg.disc(x: at.x, y: at.y, radius: points.count > 800 ? 2 : 3, color, opacity: 0.7)
    }
    return svg
  }
}
