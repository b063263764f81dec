/// A picture of 8-bit grey pixels.
public struct GreyImage: Sendable, Equatable {
  /// Rows of pixels.
  public let height: Int
  /// Pixels of a row.
  public let width: Int
  /// `height * width` levels, row after row; 255 is white.
  public var pixels: [UInt8]

  /// An image of one level.
  public init(height: Int, width: Int, repeating level: UInt8 = 0) {
    self.height = height
    self.width = width
    pixels = [UInt8](repeating: level, count: height * width)
  }

  init(height: Int, width: Int, pixels: [UInt8]) {
    self.height = height
    self.width = width
    self.pixels = pixels
  }

  /// The level at row `y` and column `x`; both must be inside.
  public subscript(y: Int, x: Int) -> UInt8 {
    get { pixels[y * width + x] }
    set { pixels[y * width + x] = newValue }
  }
}

/// A picture of 8-bit red, green and blue pixels (sRGB).
public struct ColorImage: Sendable, Equatable {
  /// Rows of pixels.
  public let height: Int
  /// Pixels of a row.
  public let width: Int
  /// `height * width * 3` levels, row after row, red first.
  public var pixels: [UInt8]

  /// A picture of one colour.
  public init(height: Int, width: Int, repeating color: Color = Color(red: 0, green: 0, blue: 0)) {
    self.height = height
    self.width = width
    let line = (0..<width).flatMap { _ in [color.red, color.green, color.blue] }
    pixels = []
    pixels.reserveCapacity(height * line.count)
    for _ in 0..<height { pixels += line }
  }

  init(height: Int, width: Int, pixels: [UInt8]) {
    self.height = height
    self.width = width
    self.pixels = pixels
  }

  /// The colour at row `y` and column `x`; both must be inside.
  public subscript(y: Int, x: Int) -> Color {
    get {
      let at = (y * width + x) * 3
      return Color(red: pixels[at], green: pixels[at + 1], blue: pixels[at + 2])
    }
    set {
      let at = (y * width + x) * 3
      pixels[at] = newValue.red
      pixels[at + 1] = newValue.green
      pixels[at + 2] = newValue.blue
    }
  }
}

/// Red, green and blue, eight bits each.
public struct Color: Sendable, Equatable {
  /// 0 … 255.
  public var red: UInt8
  /// 0 … 255.
  public var green: UInt8
  /// 0 … 255.
  public var blue: UInt8

  /// A colour of three levels.
  public init(red: UInt8, green: UInt8, blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// "#rrggbb"
  public var hex: String {
    "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
