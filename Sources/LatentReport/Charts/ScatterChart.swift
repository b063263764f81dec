import Foundation

/// Points in a plane, coloured by their labels, each label written where its points are.
public enum ScatterChart {
  /// - Parameter labels: one a point; more than 12 different ones are not told apart.
  public static func picture(
    _ title: String, x: String, y: String, points: [(x: Double, y: Double)], labels: [String]?
  ) -> SVG {
    var svg = SVG(width: 480, height: 440, title: title)
    svg.text(title, x: 66, y: 14, size: 14, bold: true)
    let axes = SVGAxes(
      frame: Frame(left: 66, top: 32, right: 466, bottom: 392),
      x: .init(range: Axes.range(of: points.map(\.x))),
      y: .init(range: Axes.range(of: points.map(\.y))))
    axes.draw(on: &svg, x: x, y: y)
    var names = Set(labels ?? []).sorted { $0.compare($1, options: .numeric) == .orderedAscending }
    if names.count > 12 { names = [] }
    let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    for (index, point) in points.enumerated() where point.x.isFinite && point.y.isFinite {
      let at = axes.point(point.x, point.y)
      let color = labels.flatMap { numbers[$0[index]] }.map(Color.of) ?? Color.palette[0]
      svg.disc(x: at.x, y: at.y, radius: points.count > 800 ? 2 : 3, color, opacity: 0.7)
    }
    guard let labels else { return svg }
    var taken: [(x: Double, y: Double)] = []
    for (number, name) in names.enumerated() {
      let members = points.indices.filter { labels[$0] == name }
      func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
      let at = axes.point(
        median(members.map { points[$0].x }), median(members.map { points[$0].y }))
      let text = name.shortened(to: 14)
      // Names that would cover each other step aside.
      var y = at.y
      let width = SVG.width(of: text, size: 15)
      while taken.contains(where: { abs($0.x - at.x) < width + 4 && abs($0.y - y) < 15 }) {
        y += 15
      }
      taken.append((at.x, y))
      svg.text(
        text, x: at.x, y: y, anchor: .middle, size: 15, .mix([(.of(number), 0.6), (.ink, 0.4)]),
        bold: true, halo: true)
    }
    return svg
  }
}
