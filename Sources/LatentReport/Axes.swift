import Foundation

/// Round numbers along an axis.
struct Ticks {
  let values: [Double]
  private let step: Double

  /// Some `count` numbers within the range, three at least, steps of 1, 2 or 5 times a power of ten.
  ///
  /// - Parameter isWhole: whether they count something: epochs have no halves.
  init(_ range: ClosedRange<Double>, count: Int, isWhole: Bool = false) {
    let rough = max((range.upperBound - range.lowerBound) / Double(max(1, count)), 1e-300)
    let power = pow(10, floor(log10(rough)))
    func multiples(of step: Double) -> [Double] {
      let first = Int((range.lowerBound / step).rounded(.up))
      let last = Int((range.upperBound / step).rounded(.down))
      return first <= last ? (first...last).map { Double($0) * step } : []
    }
    let least = isWhole ? 1 : 0.0
    var steps = [0.2, 0.5, 1, 2, 5, 10].map { max($0 * power, least) }[...]
    var step = steps.first { $0 >= rough } ?? steps.last!
    while multiples(of: step).count < 3, let finer = steps.popLast() {
      if finer < step { step = finer }
    }
    self.step = step
    values = multiples(of: step)
  }

  /// As many digits as the step needs.
  func label(_ value: Double) -> String {
    let size = max(values.map(abs).max() ?? 0, step)
    if size >= 1e6 || size < 1e-4 { return String(format: "%.3g", value) }
    let digits = max(0, -Int(floor(log10(step) + 1e-9)))
    return String(format: "%.\(digits)f", value)
  }
}

/// A framed part of a canvas with a scale along two of its sides.
struct Axes {
  let frame: Frame
  let x: ClosedRange<Double>
  let y: ClosedRange<Double>
  /// Whether x counts something.
  var isWhole = false

  func point(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    (
      frame.left + (x - self.x.lowerBound) / (self.x.upperBound - self.x.lowerBound) * frame.width,
      frame.bottom - (y - self.y.lowerBound) / (self.y.upperBound - self.y.lowerBound)
        * frame.height
    )
  }

  /// Grid, frame, numbers and names.
  func draw(on canvas: inout Canvas, title: String = "", x xName: String, y yName: String) {
    let across = Ticks(x, count: max(4, Int(frame.width / 90)), isWhole: isWhole)
    let up = Ticks(y, count: max(4, Int(frame.height / 80)))
    for value in across.values {
      let at = point(value, y.lowerBound).x
      canvas.line((at, frame.top), (at, frame.bottom), width: 1, .faint)
      canvas.text(across.label(value), x: at, y: frame.bottom + 16, anchor: .middle)
    }
    var widest = 0
    for value in up.values {
      let at = point(x.lowerBound, value).y
      canvas.line((frame.left, at), (frame.right, at), width: 1, .faint)
      canvas.text(up.label(value), x: frame.left - 8, y: at, anchor: .end)
      widest = max(widest, Canvas.width(of: up.label(value)))
    }
    let corners = [
      (frame.left, frame.top), (frame.right, frame.top), (frame.right, frame.bottom),
      (frame.left, frame.bottom), (frame.left, frame.top),
    ]
    canvas.polyline(corners.map { (x: $0.0, y: $0.1) }, width: 1, .ink)
    let room = { (length: Double) in max(4, Int(length) / (BitmapFont.advance * 2)) }
    let middle = ((frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2)
    canvas.text(
      xName.inBitmapFont.shortened(to: room(frame.width)), x: middle.0, y: frame.bottom + 40,
      anchor: .middle)
    canvas.text(
      yName.inBitmapFont.shortened(to: room(frame.height)), x: frame.left - 28 - Double(widest),
      y: middle.1,
      anchor: .middle, upwards: true)
    canvas.text(
      title.inBitmapFont.shortened(to: room(frame.width)), x: middle.0, y: frame.top - 16,
      anchor: .middle)
  }

  /// A range with some air at both ends.
  static func range(of values: some Sequence<Double>, air: Double = 0.05) -> ClosedRange<Double> {
    let finite = values.filter(\.isFinite)
    guard let low = finite.min(), let high = finite.max() else { return 0...1 }
    let margin = high > low ? (high - low) * air : max(abs(high) * 0.1, 0.5)
    return low - margin...high + margin
  }
}

extension String {
  func shortened(to length: Int) -> String {
    count <= length ? self : prefix(max(1, length - 2)) + ".."
  }
}
