import LatentKernels

/// The format of the MNIST files: two zero bytes, a type, the number of dimensions, the dimensions
/// and the values, all big-endian.
enum IDX {
  static let magic: [UInt8] = [0, 0]

  static func read(_ stream: ByteStream) throws -> NumericArray { try open(stream).readAll() }

  /// Reads the header.
  static func open(_ stream: ByteStream) throws -> ArrayStream {
    let name = stream.name
    let magic = try stream.read(4, of: "an IDX header")
    guard magic[0] == 0, magic[1] == 0 else {
      throw FileError(
        name, "expected the two zero bytes that start an IDX file, found \(excerpt(magic)).")
    }
    guard let type = ElementType(rawValue: magic[2]) else {
      throw FileError(
        name, "expected an IDX element type (8, 9, 11, 12, 13 or 14), found \(magic[2]).")
    }
    guard (1...8).contains(magic[3]) else {
      throw FileError(name, "expected 1 to 8 dimensions in the IDX header, found \(magic[3]).")
    }
    let header = try stream.read(Int(magic[3]) * 4, of: "an IDX header")
    let shape = stride(from: 0, to: header.count, by: 4).map { at in
      header[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
    }
    return try ArrayStream(shape: shape, elementBytes: type.bytes, stream) {
      try type.read($0, from: stream)
    }
  }

  /// Reads the header of what is to be data.
  static func openTable(_ stream: ByteStream) throws -> ArrayStream {
    let array = try open(stream)
    guard array.shape.count > 1 else {
      throw FileError(
        stream.name,
        "expected images or a table, found one dimension of \(array.shape[0]) values, which is how "
          + "IDX stores labels.")
    }
    return array
  }

  private enum ElementType: UInt8 {
    case ubyte = 0x08
    case byte = 0x09
    case short = 0x0B
    case int = 0x0C
    case float = 0x0D
    case double = 0x0E

    /// Of one value.
    var bytes: Int {
      switch self {
      case .ubyte, .byte: 1
      case .short: 2
      case .int, .float: 4
      case .double: 8
      }
    }

    func read(_ count: Int, from stream: ByteStream) throws -> Rows.Storage {
      func values<Value: BitwiseCopyable>(_ type: Value.Type) throws -> [Value] {
        try stream.read(count, type, of: "values")
      }
      return switch self {
      case .ubyte: .bytes(try values(UInt8.self))
      case .byte: .floats(try values(Int8.self).map { Float($0) })
      case .short: .floats(try values(Int16.self).map { Float(Int16(bigEndian: $0)) })
      case .int: .doubles(try values(Int32.self).map { Double(Int32(bigEndian: $0)) })
      case .float:
        .floats(try values(UInt32.self).map { Float(bitPattern: UInt32(bigEndian: $0)) })
      case .double:
        .doubles(try values(UInt64.self).map { Double(bitPattern: UInt64(bigEndian: $0)) })
      }
    }
  }
}
