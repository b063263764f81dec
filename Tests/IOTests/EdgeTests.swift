import Foundation
import LatentKernels
import Testing

@testable import LatentIO

/// The last byte that is allowed and the first that is not.
@Suite struct EdgeTests {
  @Test func headersOfNPYHaveAtMostAMebibyte() throws {
    let text = "{'descr': '|i1', 'fortran_order': False, 'shape': (1, 2), }"
    func header(_ size: Int) -> String {
      text + String(repeating: " ", count: size - text.utf8.count)
    }
    #expect(values(try load(npy(header(1 << 20), [3, 4], version: 2))) == [3, 4])
    #expect(
      failure { try load(npy(header(1 << 20 + 1), [3, 4], version: 2)) }.contains("1048577 bytes"))
  }

  /// Rows that are kept beside a run: what comes back is what was written, or an error.
  @Test func keptRowsComeBack() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/kept.npy"
    let kept = (0..<21).map { Float($0) - 10.5 }
    try kept.withUnsafeBufferPointer { try NPY.write($0, rows: 7, columns: 3, to: path) }
    func read(_ rows: Int, _ columns: Int) throws -> [Float] {
      try [Float](unsafeUninitializedCapacity: rows * columns) { values, count in
        try NPY.read(
          into: UnsafeMutableBufferPointer(rebasing: values[..<(rows * columns)]), rows: rows,
          columns: columns, from: path)
        count = rows * columns
      }
    }
    #expect(try read(7, 3) == kept)
    #expect(failure { try read(3, 7) }.contains("3 rows and 7 columns"))
    let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
    for size in [0, 5, 127, 128, bytes.count - 1] {
      try Data(bytes.prefix(size)).write(to: URL(fileURLWithPath: path))
      #expect(failure { try read(7, 3) }.contains("ends before its values"), "\(size)")
    }
    try FileManager.default.removeItem(atPath: path)
    #expect(failure { try read(7, 3) }.contains("cannot be read"))
    // Nor what cannot be read at all.
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(failure { try read(7, 3) }.contains("cannot be read"))
  }

  /// Counts that do not fit are refused before memory or a file is harmed.
  @Test(arguments: [(2, 3), (5, 0), (-1, -5), (.max, 3), (1, .max)])
  func countsThatDoNotFitAreRefused(rows: Int, columns: Int) throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/kept.npy"
    var five: [Float] = [1, 2, 3, 4, 5]
    five.withUnsafeMutableBufferPointer { five in
      #expect(throws: ShapeError.self) {
        try NPY.write(UnsafeBufferPointer(five), rows: rows, columns: columns, to: path)
      }
      #expect(throws: ShapeError.self) {
        try NPY.read(into: five, rows: rows, columns: columns, from: path)
      }
    }
    #expect(try directory.contents == [])
  }

  /// Tensors start where a reader that maps the file wants them.
  @Test func headersOfSafetensorsFillWholeWords() throws {
    for length in 1...17 {
      let name = String(repeating: "n", count: length)
      let tensors = [name: Tensor([Float(1)])]
      let text = SafetensorsHeader.encode(metadata: [:], tensors: tensors, order: [name])
      let spaces = text.reversed().prefix { $0 == 0x20 }.count
      #expect(text.count % 8 == 0 && spaces < 8, "\(length)")
    }
  }

  @Test func filesMayHaveAsManyBytesAsAllowed() throws {
    let path = try TemporaryDirectory()
    let file = try path.file("x", [1, 2, 3])
    #expect(try FileBytes.read(file, limit: 3) == [1, 2, 3])
    #expect(failure { try FileBytes.read(file, limit: 2) }.contains("at most 2 bytes"))
  }

  #if os(Linux)
    /// A program that ours starts must not hold files open.
    @Test func openFilesAreNotInherited() throws {
      let directory = try TemporaryDirectory()
      let file = try directory.file("x", [1])
      let source = try FileSource(file)
      var found = 0
      for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
        let link = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/self/fd/\(name)")
        guard link?.hasSuffix(file.split(separator: "/").last!) == true,
          link!.contains(directory.path.split(separator: "/").last!)
        else { continue }
        found += 1
        #expect(fcntl(Int32(name)!, F_GETFD) & FD_CLOEXEC != 0)
      }
      #expect(found == 1)
      withExtendedLifetime(source) {}
    }

    /// Text that ends where memory does: one look further would be the process's last.
    @Test func numbersAndFieldsLookNoFurther() throws {
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      let memory = mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
      defer { munmap(memory, 2 * page) }
      #expect(mprotect(memory + page, page, PROT_NONE) == 0)
      let end = UnsafePointer((memory + page).assumingMemoryBound(to: UInt8.self))
      func atTheEnd(_ text: String) -> UnsafePointer<UInt8> {
        let bytes = Array(text.utf8)
        (memory + page - bytes.count).copyMemory(from: bytes, byteCount: bytes.count)
        return end - bytes.count
      }
      for (text, value) in [
        ("", nil), ("-", nil), ("+", nil), (".", nil), ("7", 7), ("-7", -7), ("7.", 7),
        ("7.5", 7.5),
        ("7e", nil), ("7e-", nil), ("7e+", nil), ("7e2", 700), ("7e-1", 0.7), ("x", nil),
      ] as [(String, Double?)] {
        #expect(DecimalNumber.parse(atTheEnd(text), end: end)?.value == value, "\(text)")
      }
      for (text, field) in [
        ("", ""), ("\"", ""), ("a", "a"), ("\"a", "a"), ("\"a\"", "a"), ("\"a\"\"", "a\""),
        (" a ", "a"),
        ("\"a\"b", "ab"),
      ] {
        var p = atTheEnd(text)
        let found = CSVField(&p, end: end, separator: UInt8(ascii: ","))
        #expect(found.string == field && p == end, "\(text)")
      }
    }
  #endif

  /// A source of unknown length that gives `piece` bytes at a time, and remembers how many it was
  /// asked for.
  private final class Drops: ByteSource {
    let bound: Int? = nil
    var rest: ArraySlice<UInt8>
    let piece: Int
    var largest = 0

    init(_ bytes: [UInt8], piece: Int) {
      rest = bytes[...]
      self.piece = piece
    }

    func read(into target: UnsafeMutableRawBufferPointer) -> Int {
      largest = max(largest, target.count)
      let count = min(piece, target.count, rest.count)
      target.copyBytes(from: rest.prefix(count))
      rest = rest.dropFirst(count)
      return count
    }
  }

  /// What a pipe claims to hold is believed 16 MiB at a time.
  @Test func pipesAreBelievedPieceByPiece() throws {
    let drops = Drops([UInt8](repeating: 1, count: 1 << 10), piece: 1 << 9)
    let stream = try ByteStream(drops, name: "pipe")
    #expect(
      failure { try stream.read(5 << 20, Double.self, of: "values") }.contains("found 1024:"))
    #expect(drops.largest <= 16 << 20)
    let bytes = (0..<1 << 22).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 3) }
    let whole = try ByteStream(
      Drops(bytes + bytes + bytes + bytes + bytes, piece: 1 << 20), name: "pipe")
    let found = try whole.read(5 << 22, of: "values")
    #expect(found == bytes + bytes + bytes + bytes + bytes)
    try whole.expectEnd(after: "the values")
  }

  /// However few bytes come at a time.
  @Test func gzipComesInDrops() throws {
    let bytes = Array("1,2\n3,4\n".utf8)
    for piece in [1, 2, 3, 7] {
      let source = Drops(gzip(bytes) + gzip(bytes) + [0, 0, 0], piece: piece)
      let stream = try ByteStream(source, name: "x")
      #expect(try stream.read(16, of: "text") == bytes + bytes)
      try stream.expectEnd(after: "the text")
    }
  }
}
