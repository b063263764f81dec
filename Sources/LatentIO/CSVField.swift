/// One field of a CSV record that is not plainly a number: text, a quoted number, a missing value.
struct CSVField {
  /// Without quotes and the spaces around it.
  let text: [UInt8]

  /// Takes the field at `p` and leaves `p` on the separator, or at the end.
  init(
    _ p: inout UnsafePointer<UInt8>, end: UnsafePointer<UInt8>, separator: UInt8
  ) {
    let start = p
    var text: [UInt8] = []
    if p < end, p.pointee == UInt8(ascii: "\"") {
      p += 1
      while p < end {
        if p.pointee == UInt8(ascii: "\"") {
          p += 1
          guard p < end, p.pointee == UInt8(ascii: "\"") else { break }
        }
        text.append(p.pointee)
        p += 1
      }
      // What a quoted field is followed by belongs to it: the reader then says what is wrong.
      while p < end, p.pointee != separator {
        text.append(p.pointee)
        p += 1
      }
    } else {
      while p < end, p.pointee != separator { p += 1 }
      text = Array(UnsafeBufferPointer(start: start, count: p - start))
    }
    self.text = Self.trimmed(text)
  }

  /// All fields of a record.
  static func all(_ record: UnsafeBufferPointer<UInt8>, separator: UInt8) -> [CSVField] {
    guard var p = record.baseAddress else { return [] }
    let end = p + record.count
    var fields: [CSVField] = []
    while true {
      fields.append(CSVField(&p, end: end, separator: separator))
      if p == end { return fields }
      p += 1
    }
  }

  /// The text, damaged UTF-8 replaced.
  var string: String { String(decoding: text, as: UTF8.self) }

  /// Its number, NaN where the value is missing, nil for anything else.
  var number: Double? {
    if isMissing { return .nan }
    let value = text.withUnsafeBufferPointer { bytes -> Double? in
      let end = bytes.baseAddress! + bytes.count
      guard let (value, next) = DecimalNumber.parse(bytes.baseAddress!, end: end) else {
        return nil
      }
      return next == end ? value : nil
    }
    return value ?? Self.infinities[string.lowercased()]
  }

  /// Empty, NA, NaN, N/A, #N/A, null, none or <NA>, in letters of any size.
  var isMissing: Bool { text.count <= 4 && Self.missing.contains(string.lowercased()) }

  private static let missing: Set = ["", "na", "nan", "n/a", "#n/a", "null", "none", "<na>"]

  private static let infinities: [String: Double] = [
    "inf": .infinity, "+inf": .infinity, "-inf": -.infinity,
    "infinity": .infinity, "+infinity": .infinity, "-infinity": -.infinity,
  ]

  private static func trimmed(_ text: [UInt8]) -> [UInt8] {
    guard let first = text.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }),
      let last = text.lastIndex(where: { $0 != 0x20 && $0 != 0x09 })
    else { return [] }
    return first == 0 && last == text.count - 1 ? text : Array(text[first...last])
  }
}
