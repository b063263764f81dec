import CPNG
import LatentIO

/// Pictures in PNG files. The same picture gives the same bytes: no time is written.
public enum PNG {
  /// Most pixels that are read or written. A small file can claim a huge picture.
  public static let maximumPixels = 64 << 20

  /// - Throws: ``FileError``.
  public static func write(_ image: GreyImage, to path: String) throws {
    try AtomicFile.write(
      encode(image.pixels, image.height, image.width, format: grey, path: path), to: path)
  }

  /// - Throws: ``FileError``.
  public static func write(_ image: ColorImage, to path: String) throws {
    try AtomicFile.write(
      encode(image.pixels, image.height, image.width, format: color, path: path), to: path)
  }

  /// Reads any PNG as grey; transparent pixels lie on white.
  ///
  /// - Throws: ``FileError``.
  public static func readGrey(_ path: String) throws -> GreyImage {
    try decodeGrey(FileBytes.read(path, limit: 1 << 30), name: path)
  }

  /// Reads any PNG in colour; transparent pixels lie on white.
  ///
  /// - Throws: ``FileError``.
  public static func readColor(_ path: String) throws -> ColorImage {
    try decodeColor(FileBytes.read(path, limit: 1 << 30), name: path)
  }

  static func decodeGrey(_ bytes: [UInt8], name: String) throws -> GreyImage {
    let (pixels, height, width) = try decode(bytes, format: grey, name: name)
    return GreyImage(height: height, width: width, pixels: pixels)
  }

  static func decodeColor(_ bytes: [UInt8], name: String) throws -> ColorImage {
    let (pixels, height, width) = try decode(bytes, format: color, name: name)
    return ColorImage(height: height, width: width, pixels: pixels)
  }

  private static let grey: UInt32 = 0
  private static let color = UInt32(PNG_FORMAT_FLAG_COLOR)

  // libpng's simplified interface: its errors are return values, where the full one jumps.

  private static func encode(
    _ pixels: [UInt8], _ height: Int, _ width: Int, format: UInt32, path: String
  ) throws -> [UInt8] {
    try check(height, width, file: path)
    let image = newImage()
    defer { free(image) }
    image.pointee.width = UInt32(width)
    image.pointee.height = UInt32(height)
    image.pointee.format = format
    // Room for pixels that do not deflate at all.
    var size = pixels.count + pixels.count / 16 + height + 4096
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { target, filled in
      let written = png_image_write_to_memory(image, target.baseAddress, &size, 0, pixels, 0, nil)
      filled = written != 0 ? size : 0
    }
    guard !bytes.isEmpty else {
      throw FileError(path, "libpng cannot write the picture: \(message(image.pointee)).")
    }
    return bytes
  }

  private static func decode(
    _ bytes: [UInt8], format: UInt32, name: String
  ) throws -> (pixels: [UInt8], height: Int, width: Int) {
    let image = newImage()
    defer { free(image) }
    // libpng keeps the pointer until it is done: all of it happens in here.
    return try bytes.withUnsafeBytes { memory in
      guard png_image_begin_read_from_memory(image, memory.baseAddress, memory.count) != 0 else {
        throw FileError(
          name,
          "expected a PNG picture, found none that libpng can read: \(message(image.pointee)).")
      }
      let (height, width) = (Int(image.pointee.height), Int(image.pointee.width))
      try check(height, width, file: name)
      // A byte of the file cannot hold more than 1,032 bytes of pixels, each of one bit at least.
      guard height * width / 8 <= memory.count * 1032 else {
        throw FileError(
          name,
          "the header claims \(height) x \(width) pixels, more than \(memory.count) bytes hold.")
      }
      image.pointee.format = format
      let channels = format == color ? 3 : 1
      var pixels = [UInt8](repeating: 255, count: height * width * channels)
      guard png_image_finish_read(image, nil, &pixels, 0, nil) != 0 else {
        throw FileError(name, "the PNG picture is damaged or cut short: \(message(image.pointee)).")
      }
      return (pixels, height, width)
    }
  }

  private static func check(_ height: Int, _ width: Int, file: String) throws {
    let (pixels, overflow) = height.multipliedReportingOverflow(by: width)
    guard height > 0, width > 0, !overflow, pixels <= maximumPixels else {
      throw FileError(
        file,
        "expected a picture of 1 to \(maximumPixels) pixels, found \(height) x \(width).")
    }
  }

  // libpng keeps a pointer to its image from one call to the next: it must not move.

  private static func newImage() -> UnsafeMutablePointer<png_image> {
    let image = UnsafeMutablePointer<png_image>.allocate(capacity: 1)
    image.initialize(to: png_image())
    image.pointee.version = UInt32(PNG_IMAGE_VERSION)
    return image
  }

  private static func free(_ image: UnsafeMutablePointer<png_image>) {
    png_image_free(image)
    image.deallocate()
  }

  private static func message(_ image: png_image) -> String {
    withUnsafeBytes(of: image.message) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
