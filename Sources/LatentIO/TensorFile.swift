/// Named tensors in a safetensors file.
///
/// Writing is canonical: the same metadata and tensors give the same bytes.
public struct TensorFile: Sendable, Equatable {
  /// Free text by key, as safetensors' `__metadata__` holds it.
  public var metadata: [String: String]
  /// The tensors by name.
  public var tensors: [String: Tensor]

  /// A file's content, to be written.
  public init(metadata: [String: String] = [:], tensors: [String: Tensor] = [:]) {
    self.metadata = metadata
    self.tensors = tensors
  }

  /// - Throws: ``FileError`` for a file that cannot be read or breaks the format anywhere.
  public init(contentsOf path: String) throws {
    try self.init(ByteStream(contentsOf: path))
  }

  /// - Parameter name: what messages call the file.
  /// - Throws: ``FileError`` for bytes that break the format anywhere.
  public init(_ bytes: [UInt8], name: String) throws {
    try self.init(ByteStream(bytes, name: name))
  }

  init(_ stream: ByteStream) throws {
    let name = stream.name
    let sizeBytes = try stream.read(8, of: "a safetensors header")
    let size = sizeBytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard size <= 100_000_000 else {
      throw FileError(
        name,
        "expected a safetensors header of at most 100 MB, found one that claims \(size) bytes.")
    }
    let bytes = try stream.read(Int(size), of: "a safetensors header")
    let header = try SafetensorsHeader(bytes, file: name)
    metadata = header.metadata
    tensors = [:]
    for entry in header.entries {
      tensors[entry.name] = Tensor(
        unchecked: entry.shape,
        try .init(entry.type, count: entry.count, stream, of: "tensor \(excerpt(entry.name.utf8))"))
    }
    try stream.expectEnd(after: "the tensors")
  }

  /// Replaces the file as a whole, or leaves it as it was.
  ///
  /// - Throws: ``FileError``, also where a tensor has the name of the metadata.
  public func write(to path: String) throws {
    guard tensors[SafetensorsHeader.metadataName] == nil else {
      throw FileError(
        path,
        "a tensor is called \"\(SafetensorsHeader.metadataName)\", which the format keeps for the "
          + "metadata; give it another name.")
    }
    let order = SafetensorsHeader.order(of: tensors)
    let header = SafetensorsHeader.encode(metadata: metadata, tensors: tensors, order: order)
    let size = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    try AtomicFile.write(to: path) { file in
      try (size + header).withUnsafeBytes(file.append)
      for name in order { try tensors[name]?.values.withUnsafeBytes(file.append) }
    }
  }
}
