import CZlib

/// Inflates gzip, one member after another, as far as the reader asks.
///
/// A file may inflate to 256 MiB, or to 100 times its own size if that is more; beyond that it is
/// taken for a bomb.
final class GzipSource: ByteSource {
  private let name: String
  private let source: ByteSource
  // zlib keeps a pointer to its stream: it must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private let input: UnsafeMutableRawBufferPointer
  private let deflatedBound: Int?
  private var totalIn = 0
  private var totalOut = 0
  private var inMember = true
  private var ended = false

  init(_ source: ByteSource, name: String) throws {
    self.name = name
    self.source = source
    // No product below overflows, not even for a sparse file of exabytes.
    deflatedBound = source.bound.map { min($0, 1 << 50) }
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // Not more than the file can fill.
    input = .allocate(byteCount: min(1 << 16, max(16, deflatedBound ?? 1 << 16)), alignment: 16)
    // 15 bits of window, and 16 for "a gzip header comes first".
    let status = inflateInit2_(
      stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      throw FileError(name, "zlib \(ZLIB_VERSION) could not be started.")
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    input.deallocate()
  }

  private static func limit(_ deflated: Int) -> Int {
    max(256 << 20, deflated * 100)
  }

  var bound: Int? {
    // Deflate cannot pack more than 1,032 bytes into one.
    deflatedBound.map { min(Self.limit($0), $0 * 1032) - totalOut }
  }

  func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    guard !ended, target.count > 0 else { return 0 }
    stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let room = min(target.count, 1 << 30)
    stream.pointee.avail_out = UInt32(room)
    while stream.pointee.avail_out == UInt32(room) {
      let atEnd = try stream.pointee.avail_in == 0 && !refill()
      ended = atEnd && !inMember
      if ended { return 0 }
      if !inMember, try !startMember() { return 0 }
      let status = inflate(stream, Z_NO_FLUSH)
      switch status {
      case Z_STREAM_END: inMember = false
      // Until here zlib had more of what it was given before.
      case Z_BUF_ERROR where atEnd:
        throw FileError(name, "the gzip data are cut short; fetch or write the file again.")
      case Z_OK, Z_BUF_ERROR: break
      case Z_DATA_ERROR:
        // zlib says why.
        let reason = String(cString: stream.pointee.msg)
        throw FileError(
          name, "the gzip data are damaged (\(reason)); fetch or write the file again.")
      default: throw FileError(name, "zlib cannot inflate it: \(String(cString: zError(status))).")
      }
    }
    let count = room - Int(stream.pointee.avail_out)
    totalOut += count
    guard totalOut <= Self.limit(totalIn) else {
      throw FileError(
        name,
        "\(totalIn) bytes of gzip inflate to more than \(Self.limit(totalIn)), which is refused; "
          + "if you trust the file, inflate it with gunzip first.")
    }
    return count
  }

  private func refill() throws -> Bool {
    let count = try source.read(into: input)
    totalIn += count
    stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = UInt32(count)
    return count > 0
  }

  /// What follows a member is another one, or zeros that pad the file.
  private func startMember() throws -> Bool {
    if stream.pointee.next_in.pointee == 0x1f {
      inflateReset(stream)
      inMember = true
      return true
    }
    repeat {
      let rest = UnsafeBufferPointer(
        start: stream.pointee.next_in, count: Int(stream.pointee.avail_in))
      guard rest.allSatisfy({ $0 == 0 }) else {
        throw FileError(name, "bytes that are not gzip follow the gzip data; fetch the file again.")
      }
    } while try refill()
    return false
  }
}
