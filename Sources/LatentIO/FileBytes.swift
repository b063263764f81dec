/// A whole file in memory.
public enum FileBytes {
  /// - Throws: ``FileError`` when the file cannot be read, is empty, or exceeds `limit` bytes.
  public static func read(_ path: String, limit: Int) throws -> [UInt8] {
    let source = try FileSource(path)
    var bytes: [UInt8] = []
    while true {
      let piece = try [UInt8](unsafeUninitializedCapacity: 1 << 20) { target, filled in
        filled = try source.read(into: UnsafeMutableRawBufferPointer(target))
      }
      if piece.isEmpty { break }
      bytes += piece
      guard bytes.count <= limit else {
        throw FileError(path, "expected at most \(limit) bytes, found more.")
      }
    }
    guard !bytes.isEmpty else { throw FileError(path, "the file is empty.") }
    return bytes
  }
}
