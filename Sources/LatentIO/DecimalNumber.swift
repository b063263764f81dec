/// Decimal numbers in bytes, correctly rounded.
enum DecimalNumber {
  /// The number at `start` and the first byte after it, or nil where no number stands.
  @inline(__always)
  static func parse(
    _ start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>
  ) -> (value: Double, next: UnsafePointer<UInt8>)? {
    var p = start
    let negative = p < end && p.pointee == UInt8(ascii: "-")
    if p < end, negative || p.pointee == UInt8(ascii: "+") { p += 1 }

    var digits: UInt64 = 0
    // Leading zeros count too: more than 18 digits of any kind take the slow way.
    let firstDigit = p
    while p < end, case let digit = p.pointee &- 0x30, digit < 10 {
      digits = digits &* 10 &+ UInt64(digit)
      p += 1
    }
    var count = p - firstDigit
    var exponent = 0
    if p < end, p.pointee == UInt8(ascii: ".") {
      p += 1
      let firstDecimal = p
      while p < end, case let digit = p.pointee &- 0x30, digit < 10 {
        digits = digits &* 10 &+ UInt64(digit)
        p += 1
      }
      exponent = firstDecimal - p
      count -= exponent
    }
    guard count > 0 else { return nil }
    if p < end, p.pointee | 0x20 == UInt8(ascii: "e") {
      guard let (written, next) = parseExponent(p + 1, end: end) else { return nil }
      exponent += written
      p = next
    }

    // Both operands are exact, so one operation rounds once.
    if count <= 18, digits <= 1 << 53, -22...22 ~= exponent {
      let magnitude = Double(digits)
      let value =
        exponent < 0 ? magnitude / powersOfTen[-exponent] : magnitude * powersOfTen[exponent]
      return (negative ? -value : value, p)
    }
    let text = String(decoding: UnsafeBufferPointer(start: start, count: p - start), as: UTF8.self)
    return Double(text).map { ($0, p) }
  }

  private static func parseExponent(
    _ start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>
  ) -> (Int, UnsafePointer<UInt8>)? {
    var p = start
    let negative = p < end && p.pointee == UInt8(ascii: "-")
    if p < end, negative || p.pointee == UInt8(ascii: "+") { p += 1 }
    let first = p
    var value = 0
    while p < end, case let digit = p.pointee &- 0x30, digit < 10 {
      value = min(value * 10 + Int(digit), 100_000)
      p += 1
    }
    return p > first ? (negative ? -value : value, p) : nil
  }

  private static let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]
}
