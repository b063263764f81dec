import LatentIO
import LatentKernels

/// Lays small grey images out in one picture, enlarged so that a person sees them.
public struct ImageGrid: Sendable {
  /// Images in a row; nil makes the picture nearly square.
  public var columns: Int?
  /// Pixels of the picture for one of the image, along each side; nil chooses by the image's size.
  public var enlargement: Int?
  /// Pixels of the picture between images.
  public var gap = 4
  /// Grey level between images.
  public var background: UInt8 = 96

  /// A grid of so many columns, each pixel enlarged so many times; both chosen where nil.
  public init(columns: Int? = nil, enlargement: Int? = nil) {
    self.columns = columns
    self.enlargement = enlargement
  }

  /// One image a row of `values`, in [0, 1]: what lies outside is clamped, NaN is black.
  ///
  /// - Throws: ``ShapeError`` when a row does not hold `shape`, or there is none.
  public func image<Scalar>(of values: Matrix<Scalar>, shape: ImageShape) throws -> GreyImage {
    let across = columns ?? Int(Double(values.rows).squareRoot().rounded(.up))
    return try picture(of: values, shape: shape, across: across) { index in
      (line: index / across, column: index % across, pair: 0)
    }
  }

  /// Inputs over outputs: each line of inputs has its outputs right below, and a wider gap sets the
  /// pairs apart.
  ///
  /// - Throws: ``ShapeError`` when a row does not hold `shape`, the counts differ, or there is none.
  public func reconstructions<Scalar>(
    inputs: Matrix<Scalar>, outputs: Matrix<Scalar>, shape: ImageShape
  ) throws -> GreyImage {
    guard inputs.rows == outputs.rows, inputs.columns == outputs.columns else {
      throw ShapeError(
        "Reconstructions need as many outputs as inputs, found \(inputs.rows) x \(inputs.columns) "
          + "inputs and \(outputs.rows) x \(outputs.columns) outputs.")
    }
    let both = try Matrix(
      rows: 2 * inputs.rows, columns: inputs.columns, values: inputs.values + outputs.values)
    let across = columns ?? max(1, Int((2 * Double(inputs.rows)).squareRoot().rounded(.up)))
    return try picture(of: both, shape: shape, across: across) { index in
      let pair = index % inputs.rows / across
      let line = 2 * pair + (index < inputs.rows ? 0 : 1)
      return (line: line, column: index % inputs.rows % across, pair: pair)
    }
  }

  private func picture<Scalar>(
    of values: Matrix<Scalar>, shape: ImageShape, across: Int,
    place: (Int) -> (line: Int, column: Int, pair: Int)
  ) throws -> GreyImage {
    guard values.rows > 0, shape.height > 0, shape.width > 0,
      values.columns == shape.height * shape.width
    else {
      throw ShapeError(
        "A grid of \(shape.height) x \(shape.width) images needs rows of as many values, found "
          + "\(values.rows) x \(values.columns).")
    }
    guard across > 0, 0...256 ~= gap, 1...256 ~= enlargement ?? 1 else {
      throw SettingError(
        "A grid needs at least 1 column, a gap of 0 to 256 and an enlargement of 1 to 256 pixels.")
    }
    let scale = enlargement ?? Self.enlargement(for: shape)
    let (high, wide) = (shape.height * scale, shape.width * scale)
    let last = place(values.rows - 1)
    let wideGap = 3 * gap
    let height = gap + (last.line + 1) * (high + gap) + last.pair * (wideGap - gap)
    let width = gap + min(across, values.rows) * (wide + gap)
    guard height <= PNG.maximumPixels / width else {
      throw ShapeError(
        "A grid of \(values.rows) images would take \(height) x \(width) pixels, more than "
          + "\(PNG.maximumPixels); show fewer.")
    }
    var picture = GreyImage(height: height, width: width, repeating: background)
    for index in 0..<values.rows {
      let (line, column, pair) = place(index)
      let top = gap + line * (high + gap) + pair * (wideGap - gap)
      let left = gap + column * (wide + gap)
      for pixel in 0..<values.columns {
        let (row, column) = pixel.quotientAndRemainder(dividingBy: shape.width)
        let level = Self.level(values[index, pixel])
        for y in 0..<scale {
          for x in 0..<scale { picture[top + row * scale + y, left + column * scale + x] = level }
        }
      }
    }
    return picture
  }

  /// Some 56 pixels along the longer side: 7 for 8 x 8, 2 for 28 x 28.
  private static func enlargement(for shape: ImageShape) -> Int {
    max(1, 56 / max(shape.height, shape.width))
  }

  private static func level(_ value: some BinaryFloatingPoint) -> UInt8 {
    value > 0 ? UInt8((min(value, 1) * 255).rounded()) : 0
  }
}
