import Foundation

/// A white sheet to draw on, in pixels from the top left; edges are anti-aliased by how far a pixel's
/// centre lies outside a shape.
struct Canvas {
  private(set) var image: ColorImage

  init(width: Int, height: Int) {
    image = ColorImage(height: height, width: width, repeating: .white)
  }

  mutating func disc(x: Double, y: Double, radius: Double, _ color: Color, opacity: Double = 1) {
    paint(x - radius, y - radius, x + radius, y + radius, color, opacity) { px, py in
      hypot(px - x, py - y) - radius
    }
  }

  mutating func line(
    _ from: (x: Double, y: Double), _ to: (x: Double, y: Double), width: Double = 1.5,
    _ color: Color, opacity: Double = 1
  ) {
    polyline([from, to], width: width, color, opacity: opacity)
  }

  /// A line through points; where it meets itself it is no darker.
  mutating func polyline(
    _ points: [(x: Double, y: Double)], width: Double = 1.5, _ color: Color, opacity: Double = 1,
    clip: Frame? = nil
  ) {
    var coverage: [Int: Double] = [:]
    let reach = width / 2 + 1
    for (a, b) in zip(points, points.dropFirst()) {
      let (dx, dy) = (b.x - a.x, b.y - a.y)
      let square = dx * dx + dy * dy
      let bounds =
        clip
        ?? Frame(
          left: 0, top: 0, right: Double(image.width), bottom: Double(image.height))
      let left = max(min(a.x, b.x) - reach, bounds.left)
      let right = min(max(a.x, b.x) + reach, bounds.right)
      let top = max(min(a.y, b.y) - reach, bounds.top)
      let bottom = min(max(a.y, b.y) + reach, bounds.bottom)
      guard left < right, top < bottom else { continue }
      for row in Int(top)..<min(image.height, Int(bottom.rounded(.up))) {
        for column in Int(left)..<min(image.width, Int(right.rounded(.up))) {
          let (px, py) = (Double(column) + 0.5 - a.x, Double(row) + 0.5 - a.y)
          let along = square > 0 ? min(1, max(0, (px * dx + py * dy) / square)) : 0
          let distance = hypot(px - along * dx, py - along * dy) - width / 2
          let part = min(1, max(0, 0.5 - distance))
          if part > 0 { coverage[row * image.width + column, default: 0].raise(to: part) }
        }
      }
    }
    for (index, part) in coverage { blend(index, color, part * opacity) }
  }

  mutating func rectangle(_ frame: Frame, _ color: Color, opacity: Double = 1) {
    paint(frame.left, frame.top, frame.right, frame.bottom, color, opacity) { px, py in
      max(frame.left - px, px - frame.right, frame.top - py, py - frame.bottom)
    }
  }

  enum Anchor { case start, middle, end }

  /// One line of text; `y` is the middle of its height.
  mutating func text(
    _ text: String, x: Double, y: Double, anchor: Anchor = .start, scale: Int = 2,
    _ color: Color = .ink, upwards: Bool = false
  ) {
    let length = Double(Self.width(of: text, scale: scale))
    let shift =
      switch anchor {
      case .start: 0.0
      case .middle: length / 2
      case .end: length
      }
    let half = Double(BitmapFont.height * scale) / 2
    let (left, top) =
      upwards
      ? (Int((x - half).rounded()), Int((y + shift).rounded()))
      : (Int((x - shift).rounded()), Int((y - half).rounded()))
    for (index, character) in text.inBitmapFont.enumerated() {
      for v in 0..<(BitmapFont.height + BitmapFont.heightBelow) * scale {
        for u in 0..<BitmapFont.width * scale
        where BitmapFont.isSet(character, x: u / scale, y: v / scale) {
          let along = index * BitmapFont.advance * scale + u
          let (column, row) = upwards ? (left + v, top - along - 1) : (left + along, top + v)
          guard 0..<image.width ~= column, 0..<image.height ~= row else { continue }
          image[row, column] = color
        }
      }
    }
  }

  static func width(of text: String, scale: Int = 2) -> Int {
    max(0, text.inBitmapFont.count * BitmapFont.advance - 1) * scale
  }

  private mutating func paint(
    _ left: Double, _ top: Double, _ right: Double, _ bottom: Double, _ color: Color,
    _ opacity: Double, distance: (Double, Double) -> Double
  ) {
    let rows = max(0, Int(top - 1))..<max(0, min(image.height, Int(bottom + 2)))
    let columns = max(0, Int(left - 1))..<max(0, min(image.width, Int(right + 2)))
    for row in rows.lowerBound..<max(rows.lowerBound, rows.upperBound) {
      for column in columns {
        let part = min(1, max(0, 0.5 - distance(Double(column) + 0.5, Double(row) + 0.5)))
        if part > 0 { blend(row * image.width + column, color, part * opacity) }
      }
    }
  }

  private mutating func blend(_ index: Int, _ color: Color, _ part: Double) {
    let levels = [color.red, color.green, color.blue]
    for channel in 0..<3 {
      let at = index * 3 + channel
      let old = Double(image.pixels[at])
      image.pixels[at] = UInt8((old + (Double(levels[channel]) - old) * part).rounded())
    }
  }
}

/// A rectangle of a canvas.
struct Frame {
  var left, top, right, bottom: Double

  var width: Double { right - left }
  var height: Double { bottom - top }
}

extension Double {
  fileprivate mutating func raise(to other: Double) { self = Swift.max(self, other) }
}

extension Color {
  static let white = Color(red: 255, green: 255, blue: 255)
  static let ink = Color(red: 40, green: 40, blue: 40)
  static let faint = Color(red: 228, green: 228, blue: 228)

  /// Colours that the colour-blind tell apart (Okabe and Ito 2008), the darker ones first.
  static let palette: [Color] = [
    Color(red: 0, green: 114, blue: 178), Color(red: 213, green: 94, blue: 0),
    Color(red: 0, green: 158, blue: 115), Color(red: 204, green: 121, blue: 167),
    Color(red: 230, green: 159, blue: 0), Color(red: 86, green: 180, blue: 233),
    Color(red: 110, green: 110, blue: 110), Color(red: 240, green: 228, blue: 66),
  ]

  /// Darker the second time round, lighter the third.
  static func of(_ index: Int) -> Color {
    let color = palette[index % palette.count]
    let shade = [color, .ink, .white][index / palette.count % 3]
    return mix([(color, 0.55), (shade, 0.45)])
  }

  /// A mean of colours, each with its weight; the weights sum to 1.
  static func mix(_ parts: some Sequence<(Color, Double)>) -> Color {
    var (red, green, blue) = (0.0, 0.0, 0.0)
    for (color, weight) in parts {
      red += Double(color.red) * weight
      green += Double(color.green) * weight
      blue += Double(color.blue) * weight
    }
    func level(_ value: Double) -> UInt8 { UInt8(min(255, max(0, value.rounded()))) }
    return Color(red: level(red), green: level(green), blue: level(blue))
  }
}
