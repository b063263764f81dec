#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Cuts a stream into the records of a CSV file: lines, unless a quoted field spans several.
final class CSVScanner {
  /// Longest record. A file without line ends must not fill the memory.
  static let limit = 16 << 20

  private let stream: ByteStream
  private var buffer: UnsafeMutableRawBufferPointer
  private var start = 0
  private var end = 0
  private var ended = false
  private var nextLine = 1
  /// The line on which the latest record starts, from 1.
  private(set) var line = 0
  /// What separates fields; any of the three until it is known.
  var separator: UInt8?

  /// - Parameter capacity: bytes that are read at a time, and held to begin with.
  init(_ stream: ByteStream, capacity: Int = 1 << 18) throws {
    self.stream = stream
    // One more than the file has: then its end is seen with room to spare.
    buffer = .allocate(
      byteCount: max(1, min(capacity, (stream.bound ?? capacity - 1) + 1)), alignment: 16)
    if try stream.peek(3) == [0xEF, 0xBB, 0xBF] {
      _ = try stream.read(3, of: "a byte order mark")
    }
  }

  deinit { buffer.deallocate() }

  /// The next record that is not blank, without its line end, or nil at the end of the file. It is
  /// valid until the next call.
  func next() throws -> UnsafeBufferPointer<UInt8>? {
    while true {
      guard let (length, newlines, taken) = try findRecord() else { return nil }
      line = nextLine
      nextLine += newlines
      let bytes = UnsafeBufferPointer(
        start: UnsafePointer(base + start), count: length)
      start += taken
      if bytes.contains(where: { $0 != 0x20 && $0 != 0x0D }) {
        return bytes.last == 0x0D ? UnsafeBufferPointer(rebasing: bytes.dropLast()) : bytes
      }
    }
  }

  private var base: UnsafeMutablePointer<UInt8> {
    buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
  }

  /// Length of the record at `start`, the line ends in it, and how many bytes it takes with its own.
  private func findRecord() throws -> (length: Int, newlines: Int, taken: Int)? {
    var searched = 0
    while true {
      if let at = position(of: 0x0A, from: start + searched) {
        guard position(of: UInt8(ascii: "\""), from: start, to: at) != nil else {
          return (at - start, 1, at - start + 1)
        }
        if let found = quotedRecord() { return found }
        searched = 0
      } else {
        searched = end - start
      }
      if ended {
        guard start < end else { return nil }
        if position(of: UInt8(ascii: "\""), from: start, to: end) != nil {
          if let found = quotedRecord() { return found }
          throw FileError(
            stream.name, line: nextLine, "a quoted field that starts here never ends.")
        }
        return (end - start, 1, end - start)
      }
      try fill()
    }
  }

  /// The record at `start`, minding its quotes, or nil when it goes on behind the buffer.
  private func quotedRecord() -> (length: Int, newlines: Int, taken: Int)? {
    var newlines = 0
    var quoted = false
    // A quote inside a bare field is just a character.
    var bareField = false
    for at in start..<end {
      let byte = base[at]
      if byte == UInt8(ascii: "\""), !bareField {
        // A doubled quote leaves and enters again.
        quoted = !quoted
      } else if byte == 0x0A {
        newlines += 1
        if !quoted { return (at - start, newlines, at - start + 1) }
      } else if !quoted {
        bareField = !isSeparator(byte)
      }
    }
    return ended && !quoted ? (end - start, newlines + 1, end - start) : nil
  }

  private func isSeparator(_ byte: UInt8) -> Bool {
    separator.map { $0 == byte } ?? CSVSeparator.all.contains(byte)
  }

  private func position(of byte: UInt8, from: Int, to: Int? = nil) -> Int? {
    let limit = to ?? end
    guard from < limit, let found = memchr(base + from, Int32(byte), limit - from) else {
      return nil
    }
    return UnsafeMutableRawPointer(base).distance(to: found)
  }

  /// Reads more behind what is left, which moves to the front.
  private func fill() throws {
    let left = end - start
    if left * 2 > buffer.count {
      guard left <= Self.limit else {
        throw FileError(
          stream.name, line: nextLine,
          "expected a line of a table, found one longer than \(Self.limit >> 20) MiB or a quote "
            + "that never closes.")
      }
      let larger = UnsafeMutableRawBufferPointer.allocate(
        byteCount: buffer.count * 2, alignment: 16)
      larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
      buffer.deallocate()
      buffer = larger
    } else if left > 0 {
      memmove(buffer.baseAddress!, buffer.baseAddress! + start, left)
    }
    start = 0
    end = left
    let count = try stream.read(
      into: UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
    end += count
    ended = count == 0
  }
}

/// What may separate fields.
enum CSVSeparator {
  static let all: [UInt8] = [UInt8(ascii: "\t"), UInt8(ascii: ";"), UInt8(ascii: ",")]

  /// The first of tab, semicolon and comma that stands outside quotes. Commas come last because in
  /// much of Europe they are decimal points.
  static func detect(_ record: UnsafeBufferPointer<UInt8>) -> UInt8 {
    var found: Set<UInt8> = []
    var quoted = false
    for byte in record {
      if byte == UInt8(ascii: "\"") { quoted.toggle() }
      if !quoted, all.contains(byte) { found.insert(byte) }
    }
    return all.first { found.contains($0) } ?? UInt8(ascii: ",")
  }
}
