import LatentKernels
import Testing

@testable import LatentIO

/// Places of the parsers that no ordinary file comes to.
struct ParserEdgeTests {
  /// A pipe: nobody knows how much will come.
  private final class Pipe: ByteSource {
    private let memory: MemorySource
    init(_ bytes: [UInt8]) { memory = MemorySource(bytes) }
    var bound: Int? { nil }
    func read(into target: UnsafeMutableRawBufferPointer) -> Int { memory.read(into: target) }
  }

  private func pipe(_ bytes: [UInt8]) throws -> ByteStream {
    try ByteStream(Pipe(bytes), name: "x")
  }

  // MARK: Streams

  @Test func filesThatFailWhileTheyAreRead() {
    // Page 0 of a process is never mapped.
    #if os(Linux)
      #expect(failure { try FileBytes.read("/proc/self/mem", limit: 9) }.contains("cannot be read"))
    #endif
    #expect(failure { try FileBytes.read("/dev/null", limit: 9) }.contains("found a device"))
    // There is nothing before its start.
    #expect(failure { try FileSource(#filePath).skip(-1) }.contains("cannot be read"))
  }

  @Test func wholeFilesAreBounded() throws {
    let directory = try TemporaryDirectory()
    let (four, none) = (try directory.file("four", [1, 2, 3, 4]), try directory.file("none", []))
    #expect(try FileBytes.read(four, limit: 4) == [1, 2, 3, 4])
    #expect(failure { try FileBytes.read(four, limit: 3) }.contains("at most 3 bytes"))
    #expect(failure { try FileBytes.read(none, limit: 3) }.contains("the file is empty"))
  }

  @Test func pipesAreBelievedPieceByPiece() throws {
    let count = (16 << 20) + 5
    let values = try pipe([UInt8](repeating: 7, count: count)).read(count, of: "values")
    #expect(values.count == count && values.allSatisfy { $0 == 7 })
    #expect(
      failure { try pipe([1, 2, 3]).read(4, of: "values") }.contains(
        "expected 4 bytes of values, found 3"))
    #expect(
      failure { try pipe([1, 2, 3]).read(1 << 50, of: "values") }.contains("more than the memory"))
    #expect(
      failure { try pipe([1, 2, 3]).read(.max, Double.self, of: "values") }
        .contains("more than any file holds"))
  }

  @Test func pipesOfTextAndGzip() throws {
    let text = Array("a,b\n1,2\n3,4\n".utf8)
    for bytes in [text, gzip(text)] {
      #expect(try values(Dataset.load(pipe(bytes), LoadOptions())) == [1, 2, 3, 4])
    }
  }

  // MARK: CSV

  @Test func emptyRecordsHaveNoFields() {
    let none = CSVField.all(UnsafeBufferPointer(start: nil, count: 0), separator: 0x2C)
    #expect(none.isEmpty)
  }

  @Test func weightsAreNumbers() {
    #expect(
      failure { try load("a,w\n1,2\n3,x\n", LoadOptions(weights: "w")) }
        .contains("line 3: expected a number in column 2 (\"w\"), found \"x\""))
  }

  @Test func columnsAreNamedWhereTheyAreFew() {
    let names = (1...13).map { "n\($0)" }.joined(separator: ",")
    let numbers = (1...13).map(String.init).joined(separator: ",")
    #expect(
      failure { try load("\(names)\n\(numbers)\n", LoadOptions(columns: ["z"])) }
        .contains("\"n12\", …"))
    #expect(
      failure { try load("1,2\n3,4\n", LoadOptions(columns: ["z"])) }
        .contains("use a number from 1 to 2"))
  }

  @Test func labelFiles() throws {
    func labels(_ bytes: [UInt8], _ count: Int) throws -> [String] {
      try Dataset.readLabels(ByteStream(bytes, name: "x"), count: count)
    }
    #expect(try labels(Array("kind\nx\n\"y, z\"\n".utf8), 2) == ["x", "y, z"])
    #expect(
      failure { try labels(Array("x\ny,z\n".utf8), 2) }
        .contains("line 2: expected one label, found 2 fields"))
    #expect(failure { try labels(Array("x\n".utf8), 3) }.contains("expected 3 labels"))
    #expect(try labels(idx([2], [7, 8]), 2) == ["7", "8"])
    #expect(failure { try labels(idx([1, 2], [7, 8]), 2) }.contains("labels in one dimension"))
    let integers = littleEndian(Int64(-1)) + littleEndian(Int64(3))
    #expect(try labels(npy(descr: "<i8", shape: "2,", integers), 2) == ["-1", "3"])
    let half = littleEndian(Float(0.5).bitPattern)
    #expect(
      failure { try labels(npy(descr: "<f4", shape: "1,", half), 1) }
        .contains("integer labels, found 0.5 in row 1"))
  }

  // MARK: Headers

  @Test func escapesInHeaders() throws {
    let file = try TensorFile(
      ByteStream(
        safetensors(#"{"__metadata__":{"k":"\b\f\n\r\t\/\\\"é\ud83d\ude00"}}"#), name: "x"))
    #expect(file.metadata["k"] == "\u{8}\u{C}\n\r\t/\\\"é😀")
    for wrong in [#"\x"#, #"\u12"#, #"\ud83d\u0041"#, #"\ude00"#, #"\"#] {
      let bytes = safetensors(#"{"__metadata__":{"k":"\#(wrong)"}}"#)
      #expect(failure { try TensorFile(ByteStream(bytes, name: "x")) }.contains("expected"))
    }
    let cut = safetensors(#"{"__metadata__":{"k":"\"#)
    #expect(failure { try TensorFile(ByteStream(cut, name: "x")) }.contains("an escape"))
  }

  @Test func dimensionsAreCounted() {
    let shape = String(repeating: "1, ", count: 40)
    #expect(
      failure { try load(npy(descr: "|u1", shape: shape, [0])) }
        .contains("more than 32 dimensions"))
    // As many are a shape, if none of ours.
    let most = String(repeating: "1, ", count: 32)
    #expect(failure { try load(npy(descr: "|u1", shape: most, [0])) }.contains("reshape"))
  }

  /// What lies behind the last record in the buffer is left over from records before.
  @Test func recordsAtTheEndOfTheFile() throws {
    for capacity in 4...24 {
      for quotes in 1...12 {
        let first = String(repeating: "\"", count: 2 * quotes)
        let last = #"1,"b""#
        let stream = try ByteStream(Array("\(first)\n\(last)".utf8), name: "x")
        let scanner = try CSVScanner(stream, capacity: capacity)
        for expected in [first, last] {
          let record = try scanner.next().map { String(decoding: $0, as: UTF8.self) }
          #expect(record == expected, "\(capacity) bytes at a time")
        }
        #expect(try scanner.next() == nil)
      }
    }
  }

  // MARK: Arrays in memory

  @Test func rowsOfFloatsInPlace() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/x.npy"
    let values: [Float] = [1, 2, 3, .nan, -0.0, 6]
    try values.withUnsafeBufferPointer { try NPY.write($0, rows: 3, columns: 2, to: path) }
    func read(_ path: String, rows: Int = 3) throws -> [UInt32] {
      var target = [Float](repeating: 9, count: rows * 2)
      try target.withUnsafeMutableBufferPointer {
        try NPY.read(into: $0, rows: rows, columns: 2, from: path)
      }
      return target.map(\.bitPattern)
    }
    #expect(try read(path) == values.map(\.bitPattern))
    #expect(failure { try read(path, rows: 2) }.contains("2 rows and 2 columns, found others"))
    #expect(failure { try read(directory.path + "/none") }.contains("cannot be read"))
    #expect(failure { try read(directory.path) }.contains("cannot be read"))
    let whole = try FileBytes.read(path, limit: 1 << 20)
    for count in [0, 100, whole.count - 1] {
      let cut = try directory.file("cut", whole.prefix(count))
      #expect(failure { try read(cut) }.contains("ends before its values do"))
    }
  }

  @Test func storageOfOneKind() {
    let (floats, doubles) = (Rows.Storage.floats([1, .nan]), Rows.Storage.doubles([1, .infinity]))
    #expect(floats.asFloats.numbers[0] == 1 && doubles.asFloats.numbers == [1, .infinity])
    #expect(floats.firstIndex { $0.isNaN } == 1 && doubles.firstIndex { $0.isInfinite } == 1)
    #expect(Rows.Storage.bytes([0, 1]).firstIndex { $0 == 1 } == nil)
    #expect(floats.binaryScaled.numbers[0] == 1)
    #expect(Rows.Storage.bytes([0, 1]).binaryScaled.numbers == [0, 255])
  }

  // MARK: Streams of rows

  @Test func infiniteArraysHaveNeitherLinesNorNames() throws {
    let directory = try TemporaryDirectory()
    let values: [Float] = [1, 2, .infinity, .nan]
    let bytes = npy(
      descr: "<f4", shape: "2, 2", values.flatMap { littleEndian($0.bitPattern) })
    let path = try directory.file("x.npy", bytes)
    #expect(
      failure { try RowFile(path).validateFinite() }
        .contains("found an infinite one in row 2, column 1;"))
    let fine = try directory.file("fine.csv", "1,2\n3,4\n".utf8)
    try RowFile(fine).validateFinite()
    let missing = try directory.file("missing.csv", "1,2\nNA,4\n".utf8)
    try RowFile(missing).validateFinite(allowMissing: true)
  }

  @Test func filesThatChangeBetweenPasses() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.file("x.csv", "1,2\n3,4\n5,6\n".utf8)
    let file = try RowFile(path)
    for text in ["1,2\n3,4\n", "1,2\n3,4\n5,6\n7,8\n", "1,2,3\n4,5,6\n7,8,9\n"] {
      _ = try directory.file("x.csv", text.utf8)
      #expect(
        failure { try file.forEachChunk(of: 2) { _, _ in } }.contains("changed while it was read"))
    }
  }
}
