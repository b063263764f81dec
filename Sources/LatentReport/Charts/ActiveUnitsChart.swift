import Foundation
import LatentModels

extension ActiveUnits {
  /// Bars on a logarithmic scale, the most active first.
  public var picture: SVG {
    draw(
      "Active units", heading: "Active units (above 0.01): \(count) of \(variances.count)",
      y: "variance of the mean", threshold: Self.threshold)
  }

  /// The same of codes, which have no prior to set their scale: none is active or not.
  public var codePicture: SVG {
    draw("Codes", heading: "Variances of the codes", y: "variance", threshold: nil)
  }

  private func draw(
    _ title: String, heading: String, y: String, threshold: Double?
  ) -> SVG {
    var svg = SVG(width: 480, height: 300, title: title)
    svg.text(heading, x: 76, y: 14, size: 14, bold: true)
    let names = order
    let sorted = names.map { max(variances[$0], 1e-6) }
    let lowest = min(1e-3, pow(10, floor(log10(sorted.last ?? 1))))
    let highest = pow(10, ceil(log10(max(sorted.first ?? 1, 1) * 1.01)))
    let axes = SVGAxes(
      frame: Frame(left: 76, top: 34, right: 466, bottom: 250),
      x: .init(range: 0...Double(max(1, sorted.count))),
      y: .init(range: lowest...highest, isLogarithmic: true))
    axes.draw(
      on: &svg, x: "latent dimensions, the \(threshold == nil ? "widest" : "most active") first",
      y: y,
      numbersAlong: false)
    for (index, value) in sorted.enumerated() {
      let left = axes.point(Double(index) + 0.12, value)
      let right = axes.point(Double(index) + 0.88, lowest)
      svg.rectangle(
        Frame(left: left.x, top: left.y, right: right.x, bottom: right.y),
        value > threshold ?? 0 ? .palette[0] : Color(red: 170, green: 170, blue: 170))
      guard sorted.count <= 16 else { continue }
      svg.text(
        "z\(names[index] + 1)", x: (left.x + right.x) / 2, y: axes.frame.bottom + 14,
        anchor: .middle, size: 12)
    }
    guard let threshold else { return svg }
    let level = axes.point(0, threshold)
    svg.line(
      (axes.frame.left, level.y), (axes.frame.right, level.y), width: 1.5, .palette[1], dashed: true
    )
    return svg
  }
}
