/// Reads the few shapes of JSON that a safetensors header has, and nothing else: objects, strings,
/// lists of counts. There is no nesting but the caller's own, so no input can exhaust the stack.
struct JSONCursor {
  private let bytes: [UInt8]
  private let file: String
  private var at = 0

  init(_ bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// Calls `member` with each key, the cursor on its value.
  mutating func object(_ member: (inout JSONCursor, String) throws -> Void) throws {
    try expect("{", "an object")
    if accept("}") { return }
    repeat {
      let key = try string()
      try expect(":", "a colon")
      try member(&self, key)
    } while accept(",")
    try expect("}", "the end of an object")
  }

  /// A list of non-negative integers.
  mutating func integers() throws -> [Int] {
    var result: [Int] = []
    try expect("[", "a list of integers")
    if accept("]") { return result }
    repeat { result.append(try integer()) } while accept(",")
    try expect("]", "the end of a list")
    return result
  }

  mutating func string() throws -> String {
    try expect("\"", "a string")
    var text: [UInt8] = []
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let result = String(validating: text, as: UTF8.self) else {
          throw FileError(file, "expected UTF-8 in its header, found \(excerpt(text)).")
        }
        return result
      case UInt8(ascii: "\\"): text += try escape()
      case 0..<0x20: throw error("a string without control characters", at: at - 1)
      default: text.append(byte)
      }
    }
    throw error("the end of a string")
  }

  mutating func expectEnd() throws {
    skipSpaces()
    guard at == bytes.count else { throw error("nothing but spaces") }
  }

  private mutating func integer() throws -> Int {
    skipSpaces()
    let digits = bytes[at...].prefix { (0x30...0x39).contains($0) }
    guard let value = Int(String(decoding: digits, as: UTF8.self)),
      digits.count == 1 || digits.first != 0x30
    else { throw error("a non-negative integer of 64 bits") }
    at += digits.count
    return value
  }

  /// What stands for the escape behind a backslash, in UTF-8.
  private mutating func escape() throws -> [UInt8] {
    guard at < bytes.count else { throw error("an escape") }
    let letter = bytes[at]
    at += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"):
      var unit = try hex()
      if 0xD800..<0xDC00 ~= unit, bytes[at...].starts(with: "\\u".utf8) {
        at += 2
        let low = try hex()
        guard 0xDC00..<0xE000 ~= low else { throw error("a low surrogate") }
        unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(unit) else { throw error("a pair of surrogates") }
      return Array(String(Character(scalar)).utf8)
    default: throw error("an escape of JSON", at: at - 1)
    }
  }

  private mutating func hex() throws -> UInt32 {
    let digits = bytes[at...].prefix(4)
    guard digits.count == 4, digits.first != UInt8(ascii: "+"),
      let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw error("4 hexadecimal digits") }
    at += 4
    return value
  }

  private mutating func skipSpaces() {
    while at < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[at]) { at += 1 }
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    skipSpaces()
    guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar, _ what: String) throws {
    guard accept(character) else { throw error(what) }
  }

  private func error(_ expected: String, at position: Int? = nil) -> FileError {
    let position = position ?? at
    let found = position < bytes.count ? excerpt(bytes[position...]) : "its end"
    return FileError(
      file, "expected \(expected) at byte \(position) of the safetensors header, found \(found).")
  }
}

/// `text` as a JSON string.
func jsonString(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case _ where scalar.value < 0x20:
      let digits = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
