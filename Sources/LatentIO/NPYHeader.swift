/// The Python dictionary in front of an NPY array:
/// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
struct NPYHeader {
  private(set) var descr = ""
  private(set) var fortranOrder = false
  private(set) var shape: [Int] = []

  init(_ bytes: [UInt8], file: String) throws {
    var parser = Parser(bytes: bytes, file: file)
    try parser.expect("{")
    var missing: Set = ["descr", "fortran_order", "shape"]
    while !parser.accept("}") {
      let key = try parser.string()
      guard missing.remove(key) != nil else { throw parser.error("the key \(excerpt(key.utf8))") }
      try parser.expect(":")
      switch key {
      case "descr": descr = try parser.descr()
      case "fortran_order": fortranOrder = try parser.bool()
      default: shape = try parser.tuple()
      }
      if !parser.accept(",") {
        try parser.expect("}")
        break
      }
    }
    guard missing.isEmpty else {
      throw parser.error("no \(missing.sorted().joined(separator: ", no "))")
    }
  }

  private struct Parser {
    let bytes: [UInt8]
    let file: String
    var at = 0

    init(bytes: [UInt8], file: String) {
      self.bytes = bytes
      self.file = file
    }

    func error(_ found: String) -> FileError {
      FileError(
        file, "expected an NPY header with descr, fortran_order and shape, found \(found).")
    }

    private var rest: String { at < bytes.count ? excerpt(bytes[at...]) : "its end" }

    private mutating func skipSpaces() {
      while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A { at += 1 }
    }

    mutating func accept(_ text: String) -> Bool {
      skipSpaces()
      guard bytes[at...].starts(with: text.utf8) else { return false }
      at += text.utf8.count
      return true
    }

    mutating func expect(_ text: String) throws {
      guard accept(text) else { throw error(rest) }
    }

    mutating func string() throws -> String {
      let quote = accept("'") ? "'" : "\""
      if quote == "\"" { try expect(quote) }
      guard let end = bytes[at...].firstIndex(of: quote.utf8.first!) else { throw error(rest) }
      defer { at = end + 1 }
      return String(decoding: bytes[at..<end], as: UTF8.self)
    }

    /// A list in place of a string describes records of several fields.
    mutating func descr() throws -> String {
      skipSpaces()
      guard !bytes[at...].starts(with: "[".utf8) else {
        throw FileError(
          file,
          "expected an array of one number type, found a structured one; "
            + "save its fields as columns of a plain array.")
      }
      return try string()
    }

    mutating func bool() throws -> Bool {
      if accept("True") { return true }
      try expect("False")
      return false
    }

    mutating func tuple() throws -> [Int] {
      var sizes: [Int] = []
      try expect("(")
      while !accept(")") {
        sizes.append(try integer())
        if !accept(",") {
          try expect(")")
          break
        }
        guard sizes.count <= 32 else { throw error("more than 32 dimensions") }
      }
      return sizes
    }

    private mutating func integer() throws -> Int {
      skipSpaces()
      let digits = bytes[at...].prefix { (0x30...0x39).contains($0) }
      guard let value = Int(String(decoding: digits, as: UTF8.self)) else { throw error(rest) }
      at += digits.count
      return value
    }
  }
}
