import Foundation
import LatentIO

/// A vector picture: text stays text, and lines stay sharp at any size. Coordinates are pixels from
/// the top left; the same calls give the same bytes.
public struct SVG: Sendable {
  /// In pixels.
  public let width, height: Double
  /// What it shows, for those who do not see it.
  public let title: String
  private var body = ""

  init(width: Double, height: Double, title: String) {
    (self.width, self.height, self.title) = (width, height, title)
  }

  mutating func line(
    _ from: (x: Double, y: Double), _ to: (x: Double, y: Double), width: Double = 1,
    _ color: Color, dashed: Bool = false
  ) {
    body +=
      "<path d=\"M\(n(from.x)) \(n(from.y))L\(n(to.x)) \(n(to.y))\" "
      + stroke(width, color, dashed) + "/>\n"
  }

  mutating func polyline(
    _ points: [(x: Double, y: Double)], width: Double = 2, _ color: Color, dashed: Bool = false
  ) {
    guard points.count > 1 else { return }
    let path = points.map { "\(n($0.x)) \(n($0.y))" }.joined(separator: "L")
    body +=
      "<path d=\"M\(path)\" stroke-linejoin=\"round\" \(stroke(width, color, dashed))/>\n"
  }

  mutating func rectangle(_ frame: Frame, _ color: Color) {
    body +=
      "<rect x=\"\(n(frame.left))\" y=\"\(n(frame.top))\" width=\"\(n(max(0, frame.width)))\" "
      + "height=\"\(n(max(0, frame.height)))\" fill=\"\(color.hex)\"/>\n"
  }

  mutating func disc(
    x: Double, y: Double, radius: Double, _ color: Color, opacity: Double = 1
  ) {
    let alpha = opacity < 1 ? " fill-opacity=\"\(n(opacity, 2))\"" : ""
    body +=
      "<circle cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"\(n(radius))\" fill=\"\(color.hex)\"\(alpha)/>\n"
  }

  /// One line of text; `y` is the middle of its height. A halo keeps it legible over points.
  mutating func text(
    _ text: String, x: Double, y: Double, anchor: Canvas.Anchor = .start, size: Double = 13,
    _ color: Color = .ink, upwards: Bool = false, bold: Bool = false,
    halo: Bool = false
  ) {
    let anchorName =
      switch anchor {
      case .start: "start"
      case .middle: "middle"
      case .end: "end"
      }
    let turn = upwards ? " transform=\"rotate(-90 \(n(x)) \(n(y)))\"" : ""
    body +=
      "<text x=\"\(n(x))\" y=\"\(n(y))\" dy=\"0.35em\" text-anchor=\"\(anchorName)\" "
      + "font-size=\"\(n(size))\" fill=\"\(color.hex)\"\(turn)"
      + (bold ? " font-weight=\"bold\"" : "")
      + (halo ? " stroke=\"#ffffff\" stroke-width=\"4\" paint-order=\"stroke\"" : "")
      + ">\(text.escapedForXML)</text>\n"
  }

  /// How wide text is, more or less: enough to keep words apart.
  static func width(of text: String, size: Double = 13) -> Double {
    Double(text.count) * size * 0.56
  }

  /// The picture by itself, or inside a page.
  public var text: String {
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(n(width)) \(n(height))\" "
      + "width=\"\(n(width))\" height=\"\(n(height))\" role=\"img\" "
      + "font-family=\"system-ui, Helvetica, Arial, sans-serif\">\n"
      + "<title>\(title.escapedForXML)</title>\n"
      + "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\(body)</svg>\n"
  }

  /// - Throws: ``FileError``.
  public func write(to path: String) throws { try AtomicFile.write(Array(text.utf8), to: path) }

  private func stroke(_ width: Double, _ color: Color, _ dashed: Bool) -> String {
    "fill=\"none\" stroke=\"\(color.hex)\" stroke-width=\"\(n(width))\""
      + (dashed ? " stroke-dasharray=\"5 4\"" : "")
  }

  /// A number with one digit, or as many as asked for.
  private func n(_ value: Double, _ digits: Int = 1) -> String {
    let text = String(format: "%.\(digits)f", value.isFinite ? value : 0)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}

extension String {
  var escapedForXML: String {
    replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }
}
