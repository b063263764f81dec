/// The JSON in front of the tensors:
/// `{"__metadata__":{…},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},…}`.
struct SafetensorsHeader {
  struct Entry {
    let name: String
    let type: Tensor.Values.ElementType
    let shape: [Int]
    let count: Int
    let begin: Int
    let end: Int
  }

  /// No tensor can have this name.
  static let metadataName = "__metadata__"

  private(set) var metadata: [String: String] = [:]
  /// In the order of their bytes, without gaps.
  private(set) var entries: [Entry] = []

  init(_ bytes: [UInt8], file: String) throws {
    guard bytes.first == UInt8(ascii: "{") else {
      throw FileError(
        file, "expected a safetensors header, which starts with \"{\", found \(excerpt(bytes)).")
    }
    var json = JSONCursor(bytes, file: file)
    var names = Set<String>()
    try json.object { json, name in
      guard names.insert(name).inserted else {
        throw FileError(file, "the header names \(excerpt(name.utf8)) twice.")
      }
      if name == Self.metadataName {
        metadata = try Self.metadata(&json, file: file)
      } else {
        entries.append(try Self.entry(name, &json, file: file))
      }
    }
    try json.expectEnd()
    // Empty tensors share their offset with the next one.
    entries.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
    var offset = 0
    for entry in entries {
      guard entry.begin == offset else {
        throw FileError(
          file,
          "expected tensor \(excerpt(entry.name.utf8)) to start at byte \(offset) of the data, where "
            + "the one before ends, found \(entry.begin).")
      }
      offset = entry.end
    }
  }

  private static func metadata(
    _ json: inout JSONCursor, file: String
  ) throws -> [String: String] {
    var result: [String: String] = [:]
    try json.object { json, key in
      guard result.updateValue(try json.string(), forKey: key) == nil else {
        throw FileError(file, "the metadata name \(excerpt(key.utf8)) twice.")
      }
    }
    return result
  }

  private static func entry(
    _ name: String, _ json: inout JSONCursor, file: String
  ) throws -> Entry {
    let what = "tensor \(excerpt(name.utf8))"
    var dtype: String?
    var shape: [Int]?
    var offsets: [Int]?
    try json.object { json, key in
      switch key {
      case "dtype" where dtype == nil: dtype = try json.string()
      case "shape" where shape == nil: shape = try json.integers()
      case "data_offsets" where offsets == nil: offsets = try json.integers()
      default:
        throw FileError(
          file,
          "\(what) should have dtype, shape and data_offsets once each, found \(excerpt(key.utf8))."
        )
      }
    }
    guard let dtype, let shape, let offsets, offsets.count == 2 else {
      throw FileError(file, "\(what) should have dtype, shape and two data_offsets.")
    }
    guard let type = Tensor.Values.ElementType(rawValue: dtype) else {
      throw FileError(
        file,
        "\(what) should be of type F32, F64, U8, I64, U64 or U32, found \(excerpt(dtype.utf8)).")
    }
    let count = try elementCount(shape, file: file)
    let (size, overflow) = count.multipliedReportingOverflow(by: type.size)
    guard !overflow, offsets[0] <= offsets[1], offsets[1] - offsets[0] == size else {
      throw FileError(
        file,
        "\(what) of shape \(describe(shape)) in \(dtype) does not fit bytes \(offsets[0]) to "
          + "\(offsets[1]).")
    }
    return Entry(
      name: name, type: type, shape: shape, count: count, begin: offsets[0], end: offsets[1])
  }
}

// MARK: - Writing

extension SafetensorsHeader {
  /// Wide types first, so that every value is aligned for readers that map the file; then by name.
  static func order(of tensors: [String: Tensor]) -> [String] {
    tensors.keys.sorted { a, b in
      let (sizeA, sizeB) = (tensors[a]!.values.type.size, tensors[b]!.values.type.size)
      return sizeA != sizeB ? sizeA > sizeB : precedes(a, b)
    }
  }

  /// Padded with spaces to a multiple of 8 bytes.
  static func encode(
    metadata: [String: String], tensors: [String: Tensor], order: [String]
  ) -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.keys.sorted(by: precedes).map { key in
        "\(jsonString(key)):\(jsonString(metadata[key]!))"
      }
      members.append("\"\(metadataName)\":{\(pairs.joined(separator: ","))}")
    }
    var offset = 0
    for name in order {
      let tensor = tensors[name]!
      let end = offset + tensor.values.count * tensor.values.type.size
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(jsonString(name)):{\"dtype\":\"\(tensor.values.type.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    let text = Array("{\(members.joined(separator: ","))}".utf8)
    return text + [UInt8](repeating: 0x20, count: (8 - text.count % 8) % 8)
  }

  /// By bytes: Swift's own order of strings follows the version of Unicode.
  private static func precedes(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
  }
}
