import Foundation

/// A framed part of a vector picture with a linear or logarithmic scale along two of its sides.
struct SVGAxes {
  struct Scale {
    let range: ClosedRange<Double>
    var isLogarithmic = false
    /// Whether its numbers count something.
    var isWhole = false

    func position(_ value: Double) -> Double {
      func f(_ x: Double) -> Double { isLogarithmic ? log10(max(x, 1e-300)) : x }
      return (f(value) - f(range.lowerBound)) / (f(range.upperBound) - f(range.lowerBound))
    }

    /// Where lines are drawn, with their labels.
    func ticks(_ count: Int) -> [(value: Double, label: String)] {
      guard isLogarithmic else {
        let ticks = Ticks(range, count: count, isWhole: isWhole)
        return ticks.values.map { ($0, ticks.label($0)) }
      }
      let powers = Int(floor(log10(range.lowerBound)))...Int(ceil(log10(range.upperBound)))
      let factors = powers.count > 4 ? [1.0] : powers.count > 2 ? [1, 3] : [1, 2, 5]
      let values = powers.flatMap { power -> [Double] in factors.map { $0 * pow(10, Double(power)) }
      }
      return values.filter { range.contains($0) }
        .map { ($0, $0 >= 1 ? String(format: "%.0f", $0) : String(format: "%.6g", $0)) }
    }
  }

  let frame: Frame
  let x, y: Scale

  func point(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    (
      frame.left + self.x.position(x) * frame.width,
      frame.bottom - self.y.position(y) * frame.height
    )
  }

  /// Grid, frame, numbers and names with their units.
  ///
  /// - Parameter numbersAlong: whether the horizontal scale has numbers, and lines at them.
  func draw(on svg: inout SVG, x xName: String, y yName: String, numbersAlong: Bool = true) {
    var right = -Double.infinity
    for tick in numbersAlong ? x.ticks(max(3, Int(frame.width / 75))) : [] {
      let at = frame.left + x.position(tick.value) * frame.width
      svg.line((at, frame.top), (at, frame.bottom), .faint)
      let half = SVG.width(of: tick.label) / 2
      guard at - half > right + 4 else { continue }
      svg.text(tick.label, x: at, y: frame.bottom + 14, anchor: .middle)
      right = at + half
    }
    var widest = 0.0
    for tick in y.ticks(max(3, Int(frame.height / 50))) {
      let at = frame.bottom - y.position(tick.value) * frame.height
      svg.line((frame.left, at), (frame.right, at), .faint)
      svg.text(tick.label, x: frame.left - 6, y: at, anchor: .end)
      widest = max(widest, SVG.width(of: tick.label))
    }
    let corners = [
      (frame.left, frame.top), (frame.right, frame.top), (frame.right, frame.bottom),
      (frame.left, frame.bottom), (frame.left, frame.top),
    ]
    svg.polyline(corners.map { (x: $0.0, y: $0.1) }, width: 1, .ink)
    svg.text(
      xName, x: (frame.left + frame.right) / 2, y: frame.bottom + 34, anchor: .middle)
    svg.text(
      yName, x: frame.left - 20 - widest, y: (frame.top + frame.bottom) / 2, anchor: .middle,
      upwards: true)
  }
}
