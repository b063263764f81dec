import Foundation
import LatentKernels
import Testing

@testable import LatentIO

/// A file that is read anew in each pass gives the rows that loading gives.
@Suite struct RowFileTests {
  let place: TemporaryDirectory

  init() throws { place = try TemporaryDirectory() }

  /// All chunks of a source, checked for their sizes and order.
  private func collect(_ source: some RowSource, of size: Int) throws -> [Double] {
    var all: [Double] = []
    try source.forEachChunk(of: size) { first, rows in
      #expect(first == all.count / source.columns)
      #expect(rows.count == min(size, source.count - first))
      all += rows.matrix(of: Double.self).values
    }
    return all
  }

  private func compare(_ path: String, _ options: LoadOptions = LoadOptions()) throws {
    let whole = try Dataset.load(path, options: options)
    for bytes in [1, 300, 1 << 20] {
      let file = try RowFile(path, options: options, chunkBytes: bytes)
      #expect(file.count == whole.rows.count && file.columns == whole.rows.columns)
      #expect(file.columnNames == whole.columnNames && file.weights == whole.weights)
      for size in [1, 7, 1000] {
        #expect(try collect(file, of: size) == values(whole))
      }
      // The storage decides what passes in float see.
      try file.forEachChunk(of: 5) { first, rows in
        switch (rows.storage, whole.rows.storage) {
        case (.bytes, .bytes), (.floats, .floats), (.doubles, .doubles): break
        default: Issue.record("\(path): the storage differs")
        }
      }
      // Twice, since passes come again.
      for seed in [UInt64(1), 2] {
        let (training, heldOut) = try whole.split(heldOutFraction: 0.3, seed: seed)
        let parts = try file.split(heldOutFraction: 0.3, seed: seed)
        #expect(try collect(parts.training, of: 7) == values(training))
        #expect(try collect(parts.heldOut, of: 4) == values(heldOut))
        #expect(parts.training.weights == training.weights)
      }
    }
  }

  @Test func text() throws {
    // The floats end in the middle.
    let rows = (0..<40).map { "\($0 * 3),\($0 < 25 ? "0.5" : "0.1"),a,\($0 % 4)" }
    let table = (["one,two,name,times"] + rows).joined(separator: "\n")
    let path = try place.file("table.csv", table.utf8)
    try compare(path, LoadOptions(label: "name"))
    try compare(path, LoadOptions(columns: ["2", "one"]))
    try compare(path, LoadOptions(label: "name", weights: "times"))
    try compare(path, LoadOptions(columns: ["one"], weights: "times"))
    try compare(try place.file("table.csv.gz", gzip(Array(table.utf8))), LoadOptions(label: "3"))
    try compare(try place.file("bare.csv", "1;2\n3;4\n\n5;6".utf8))
  }

  @Test func arrays() throws {
    let doubles = try Matrix(rows: 30, columns: 3, values: (0..<90).map { Double($0) / 7 })
    let path = "\(place.path)/doubles.npy"
    try NPY.write(doubles, to: path)
    try compare(path)
    try compare(path, LoadOptions(columns: ["3", "1"]))
    try compare(path, LoadOptions(weights: "2"))
    // A chunk takes the memory it may: rows of three doubles, one at least.
    for (bytes, rows) in [(1, 1), (240, 10), (263, 10)] {
      #expect(try RowFile(path, chunkBytes: bytes).chunkRows == rows)
    }
    // Grey levels, and bytes of 0 and 1, which only the last value tells apart.
    for last in [UInt8(1), 2] {
      let bytes = (0..<59).map { UInt8($0 % 2) } + [last]
      let header: [UInt8] = [0, 0, 8, 2, 0, 0, 0, 20, 0, 0, 0, 3]
      try compare(try place.file("bytes-\(last).idx", header + bytes))
    }
  }

  /// What a header says of its values' size is believed only where they can be read.
  @Test func skippingStrangeValues() throws {
    let header = "{'descr': '<f\u{5146}', 'fortran_order': False, 'shape': (99, 200000), }\n"
    let bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0]
    let stream = try ByteStream(contentsOf: place.file("strange.npy", bytes + Array(header.utf8)))
    let array = try NPY.open(stream)
    #expect(failure { try array.skip(19_000_000) }.contains("strange.npy"))
  }

  /// Which rows are held out is told by the numbers in the whole file.
  @Test func aPartPartsNoFurther() throws {
    let path = try place.file("twenty.csv", (0..<20).map { "\($0),1\n" }.joined().utf8)
    let (training, heldOut) = try RowFile(path).split(heldOutFraction: 0.2, seed: 1)
    for part in [training, heldOut] {
      #expect(
        failure { _ = try part.split(heldOutFraction: 0.5, seed: 2) }.contains("a part already"))
    }
  }

  @Test func rowsByTheirNumbers() throws {
    let file = try RowFile(try place.file("ten.csv", (0..<10).map { "\($0)\n" }.joined().utf8))
    #expect(try (0..<2).map { try file.selecting(ascending: [3, 9]).value($0, 0) } == [3, 9])
    for numbers in [[2, 1], [1, 1], [-1], [10]] {
      for source in [file, try file.held()] as [any RowSource] {
        #expect(failure { _ = try source.selecting(ascending: numbers) }.contains("ascending"))
      }
    }
  }

  /// No number of chunks without rows would be all of them.
  @Test func chunksWithoutRows() throws {
    let path = "\(place.path)/three.npy"
    try NPY.write(Matrix<Double>(rows: 3, columns: 2), to: path)
    let text = try RowFile(try place.file("three.csv", "1\n2\n3\n".utf8))
    let array = try RowFile(path)
    let part = try array.split(heldOutFraction: 0.4, seed: 1).training
    for source in [text, array, part, Rows(Matrix<Float>(rows: 3, columns: 2))]
      as [any RowSource]
    {
      for size in [Int.min, -1, 0] {
        #expect(
          failure { try source.forEachChunk(of: size) { _, _ in } }.contains("found \(size)."))
        #expect(
          failure { try source.forEachChunk(multipleOf: size) { _, _ in } }.contains(
            "found \(size)."))
      }
      var rows = 0
      try source.forEachChunk(of: .max) { rows += $1.count }
      #expect(rows == source.count)
    }
  }

  /// As training allows them.
  @Test(arguments: [Int.min, -1, 0, 1, 4097, .max])
  func groupsOfRows(_ groups: Int) throws {
    let path = try place.file("three.csv", "1\n2\n3\n".utf8)
    let message = "The number of row groups must be 2...4096, found \(groups)."
    let alone = SerialCommunicator()
    let data = try Dataset.load(path)
    #expect(failure { try RowFile(path, groups: groups) } == message)
    #expect(failure { try HeldRows(data, groups: groups, communicator: alone) } == message)
    #expect(
      failure {
        try HeldRows(
          file: path, options: LoadOptions(), allowMissing: false, groups: groups,
          communicator: alone)
      } == message)
    #expect(try HeldRows(data, groups: 2, communicator: alone).bounds == [0, 1, 3])
  }

  @Test func badFiles() throws {
    let gaps = try place.file("gaps.csv", "x,y\n1,2\n3,\n5,inf\n".utf8)
    let file = try RowFile(gaps, chunkBytes: 16)
    #expect(
      failure { try file.validateFinite() }.contains(
        "missing value (NaN) in row 2 (line 3), column 2 (\"y\")"))
    #expect(
      failure { try file.validateFinite(allowMissing: true) }.contains(
        "an infinite one in row 3 (line 4), column 2 (\"y\")"))
    let short = try place.file("short.idx", [0, 0, 8, 2, 0, 0, 0, 20, 0, 0, 0, 3, 1, 2])
    #expect(failure { try RowFile(short) }.contains("cut short"))
    let ragged = try place.file("ragged.csv", "1,2\n3,4\n5\n".utf8)
    #expect(failure { try RowFile(ragged, chunkBytes: 16) }.contains("line 3"))
    #expect(
      failure {
        try RowFile(ragged, options: LoadOptions(label: "1", weights: "1"))
      }.contains("both label and weights"))
    // A file that grows or shrinks between passes.
    let changing = try place.file("changing.csv", "1\n2\n3\n".utf8)
    let rows = try RowFile(changing)
    for text in ["1\n2\n3\n4\n", "1\n2\n"] {
      _ = try place.file("changing.csv", text.utf8)
      #expect(failure { try rows.forEachChunk(of: 2) { _, _ in } }.contains("changed"))
    }
    let pipe = "\(place.path)/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    let holder = open(pipe, O_RDWR)
    defer { close(holder) }
    #expect(failure { try RowFile(pipe) }.contains("found a pipe"))
  }
}
