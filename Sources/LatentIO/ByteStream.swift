import LatentKernels

/// The bytes of a file from front to back, inflated on the way when they are gzip.
///
/// Nothing is allocated for a size that a header claims before the file is known to be able to hold
/// it.
final class ByteStream {
  /// The file, for messages.
  let name: String
  private var source: ByteSource
  /// Bytes that were looked at and not yet taken.
  private var pending: ArraySlice<UInt8> = []

  convenience init(contentsOf path: String) throws {
    try self.init(FileSource(path), name: path)
  }

  convenience init(_ bytes: [UInt8], name: String) throws {
    try self.init(MemorySource(bytes), name: name)
  }

  init(_ source: ByteSource, name: String) throws {
    self.name = name
    self.source = source
    let magic = try peek(2)
    guard !magic.isEmpty else { throw FileError(name, "the file is empty.") }
    if magic == [0x1f, 0x8b] {
      self.source = try GzipSource(PrefixedSource(pending, source), name: name)
      pending = []
      if try peek(1).isEmpty { throw FileError(name, "the file inside the gzip is empty.") }
    }
  }

  /// The most bytes that can still follow, where that is known.
  var bound: Int? { source.bound.map { $0 + pending.count } }

  /// The bytes that follow, where that is known; what gzip could hold at best says little of what it holds.
  var length: Int? { source is GzipSource ? nil : bound }

  /// The next `count` bytes, fewer at the end, without taking them.
  func peek(_ count: Int) throws -> [UInt8] {
    var bytes = Array(pending)
    while bytes.count < count {
      let more = try [UInt8](unsafeUninitializedCapacity: count - bytes.count) { target, filled in
        filled = try source.read(into: UnsafeMutableRawBufferPointer(target))
      }
      if more.isEmpty { break }
      bytes += more
    }
    pending = ArraySlice(bytes)
    return Array(bytes.prefix(count))
  }

  /// Fills the front of `target`; 0 only at the end.
  func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    guard !pending.isEmpty else { return try source.read(into: target) }
    let count = min(target.count, pending.count)
    target.copyBytes(from: pending.prefix(count))
    pending = pending.dropFirst(count)
    return count
  }

  /// Passes over bytes, without reading them where the file allows it.
  ///
  /// - Parameter what: what they are, for messages: "values".
  func skip(_ count: Int, of what: String) throws {
    let pended = min(count, pending.count)
    pending = pending.dropFirst(pended)
    var left = count - pended
    if let file = source as? FileSource, let bound = file.bound, left <= bound {
      return try file.skip(left)
    }
    // To the end, where there are too few: read says so.
    while left > 0 {
      let piece = min(left, 1 << 20)
      _ = try read(piece, UInt8.self, of: what)
      left -= piece
    }
  }

  /// Exactly `count` values as they lie in the file.
  ///
  /// - Parameter what: what they are, for messages: "pixels".
  func read<Value: BitwiseCopyable>(
    _ count: Int, _ type: Value.Type = UInt8.self, of what: String
  ) throws -> [Value] {
    let size = MemoryLayout<Value>.stride
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    guard count >= 0, !overflow else {
      throw FileError(
        name, "the header claims \(count) values of \(what), more than any file holds.")
    }
    if let bound, bytes > bound {
      let found = source is GzipSource ? "at most \(bound)" : "\(bound)"
      throw FileError(
        name,
        "expected \(bytes) bytes of \(what), found \(found): the file is cut short or its header is "
          + "wrong.")
    }
    guard bytes <= physicalMemory else {
      throw FileError(
        name, "its \(what) take \(bytes) bytes, more than the memory of this machine.")
    }
    var values: [Value] = []
    // Of a pipe nothing is known, so what it claims is believed piece by piece.
    let step = bound == nil ? max(1, (16 << 20) / size) : count
    while values.count < count {
      let piece = min(step, count - values.count)
      let part = try [Value](unsafeUninitializedCapacity: piece) { target, filled in
        let raw = UnsafeMutableRawBufferPointer(target)
        var done = 0
        while done < piece * size {
          let more = try read(
            into: UnsafeMutableRawBufferPointer(rebasing: raw[done...].prefix(piece * size - done)))
          guard more > 0 else {
            let found = values.count * size + done
            throw FileError(
              name,
              "expected \(bytes) bytes of \(what), found \(found): the file is cut short; "
                + "fetch or write it again.")
          }
          done += more
        }
        filled = piece
      }
      if values.isEmpty { values = part } else { values += part }
    }
    return values
  }

  /// - Throws: ``FileError`` when bytes are left. Reading to the end also checks gzip's checksum.
  func expectEnd(after what: String) throws {
    guard try peek(1).isEmpty else {
      throw FileError(
        name, "expected the end of the file after \(what), found more bytes: its header is wrong.")
    }
  }
}

/// Bytes that were read already, then the source they came from.
private final class PrefixedSource: ByteSource {
  private var prefix: ArraySlice<UInt8>
  private let source: ByteSource

  init(_ prefix: ArraySlice<UInt8>, _ source: ByteSource) {
    self.prefix = prefix
    self.source = source
  }

  var bound: Int? { source.bound.map { $0 + prefix.count } }

  func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    guard !prefix.isEmpty else { return try source.read(into: target) }
    let count = min(target.count, prefix.count)
    target.copyBytes(from: prefix.prefix(count))
    prefix = prefix.dropFirst(count)
    return count
  }
}
