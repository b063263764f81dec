import LatentKernels

@testable import LatentIO

/// What is read in two ways must be read alike.
enum Differential {
  /// Records do not depend on where the buffer ends.
  static func scanners(_ bytes: [UInt8]) throws {
    func records(_ scanner: CSVScanner) throws -> [[UInt8]] {
      scanner.separator = UInt8(ascii: ",")
      var all: [[UInt8]] = []
      while let record = try scanner.next() { all.append(Array(record)) }
      return all
    }
    var (whole, pieces) = ([[UInt8]](), [[UInt8]]())
    let first = sentence { whole = try records(CSVScanner(ByteStream(bytes, name: "x"))) }
    let second = sentence {
      pieces = try records(CSVScanner(ByteStream(PieceSource(bytes), name: "x"), capacity: 4))
    }
    precondition(whole == pieces && first == second)
  }

  /// A stream of rows has the values of a file read whole.
  static func readers(_ bytes: [UInt8]) throws {
    var data: Dataset?
    let refused = sentence {
      data = try Dataset.load(ByteStream(bytes, name: "x"), LoadOptions())
    }
    var pieces: [RowPiece] = []
    var names: [String]?
    let other = sentence {
      let reader = try makeRowReader(ByteStream(PieceSource(bytes), name: "x"), LoadOptions())
      names = reader.columnNames
      while let piece = try reader.read(3) { pieces.append(piece) }
    }
    // Which of two faults is met first may differ.
    precondition((refused == nil) == (other == nil), "\(refused ?? "read"), \(other ?? "read")")
    guard let data, other == nil else { return }
    let isBinary = pieces.allSatisfy { $0.storage.isBinary }
    let values = pieces.flatMap { (isBinary ? $0.storage.binaryScaled : $0.storage).numbers }
    precondition(pieces.reduce(0) { $0 + $1.count } == data.rows.count)
    precondition(names == data.columnNames)
    let expected = data.rows.storage.numbers
    precondition(values.count == expected.count)
    precondition(zip(values, expected).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) })
  }

  /// What inflates does not depend on the sizes of what is asked for.
  static func inflated(_ bytes: [UInt8]) throws {
    func read(_ source: any ByteSource, by size: Int) throws -> [UInt8] {
      let stream = try ByteStream(source, name: "x")
      var all: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: size)
      // Beyond that there is nothing new.
      while all.count < 1 << 15 {
        let count = try buffer.withUnsafeMutableBytes { try stream.read(into: $0) }
        if count == 0 { break }
        all += buffer[..<count]
      }
      return all
    }
    var (whole, pieces) = ([UInt8](), [UInt8]())
    let first = sentence { whole = try read(MemorySource(bytes), by: 1 << 12) }
    let second = sentence { pieces = try read(PieceSource(bytes), by: 777) }
    // They stop at different lengths.
    let isLong = whole.count >= 1 << 15 || pieces.count >= 1 << 15
    precondition(isLong || (first == second && whole == pieces))
    precondition(zip(whole, pieces).allSatisfy { $0 == $1 })
  }

  /// What is written is read again, and is written alike.
  static func written(_ file: TensorFile) throws {
    precondition(file.tensors.values.allSatisfy { $0.shape.reduce(1, *) == $0.values.count })
    let order = SafetensorsHeader.order(of: file.tensors)
    let header = SafetensorsHeader.encode(
      metadata: file.metadata, tensors: file.tensors, order: order)
    let again = try SafetensorsHeader(header, file: "x")
    precondition(again.metadata == file.metadata && again.entries.map(\.name) == order)
  }
}

/// Bytes that come a few at a time, as from a slow disk.
final class PieceSource: ByteSource {
  private let memory: MemorySource

  init(_ bytes: [UInt8]) { memory = MemorySource(bytes) }

  var bound: Int? { memory.bound }

  func read(into target: UnsafeMutableRawBufferPointer) -> Int {
    memory.read(into: UnsafeMutableRawBufferPointer(rebasing: target.prefix(7)))
  }
}
