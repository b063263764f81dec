import Foundation
import LatentIO
import LatentKernels
import Testing

/// A file whose rows several ranks share.
@Suite struct RankedRowFileTests {
  private let directory: URL

  init() throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent(
      "latent-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  }

  private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

  private func write(_ name: String, _ text: String) throws -> String {
    try Data(text.utf8).write(to: directory.appendingPathComponent(name))
    return path(name)
  }

  private func bits(_ rows: [Rows]) -> [UInt64] {
    rows.flatMap { $0.matrix(of: Double.self).values.map(\.bitPattern) }
  }

  private func compare(_ path: String, _ options: LoadOptions = LoadOptions()) throws {
    let whole = try RowFile(path, options: options)
    let parts = try whole.split(heldOutFraction: 0.3, seed: 2)
    for size in [2, 3, 7] {
      let shares = try ThreadCommunicator.run(size) { communicator in
        let file = try RowFile(path, options: options, chunkBytes: 64, communicator: communicator)
        let split = try file.split(heldOutFraction: 0.3, seed: 2)
        var chunks: [Rows] = []
        try file.forEachChunk(of: 2) { first, rows in
          #expect(first == chunks.reduce(0) { $0 + $1.count })
          chunks.append(rows)
        }
        #expect(file.fileRows == whole.count && file.columnNames == whole.columnNames)
        let held = try file.held()
        #expect(
          held.count == file.count && split.training.count + split.heldOut.count == file.count)
        return (held, chunks, file.weights, try split.training.held(), try split.heldOut.held())
      }.map { try $0.get() }
      #expect(shares.map(\.0.count).max()! - shares.map(\.0.count).min()! <= 1)
      #expect(bits(shares.map(\.0)) == bits([try whole.held()]))
      #expect(bits(shares.flatMap(\.1)) == bits([try whole.held()]))
      #expect(shares.compactMap(\.2).flatMap { $0 } == whole.weights ?? [])
      #expect(bits(shares.map(\.3)) == bits([try parts.training.held()]))
      #expect(bits(shares.map(\.4)) == bits([try parts.heldOut.held()]))
    }
  }

  @Test(.timeLimit(.minutes(1))) func tables() throws {
    let values = (0..<20 * 3).map { Double($0) / 7 }
    try NPY.write(try Matrix(rows: 20, columns: 3, values: values), to: path("doubles.npy"))
    try NPY.write(
      try Matrix(rows: 20, columns: 3, values: values.map(Float.init)), to: path("f.npy"))
    // The floats end in the last rank's part.
    let text = "a,b,w\n" + (0..<20).map { "\($0),\($0 < 18 ? "0.5" : "0.1"),\($0 % 3)\n" }.joined()
    for name in ["doubles.npy", "f.npy"] {
      try compare(path(name))
      try compare(path(name), LoadOptions(columns: ["3", "1"], weights: "2"))
    }
    try compare(try write("table.csv", text), LoadOptions(weights: "w"))
  }

  /// Bytes above 1 in one rank's part make all parts grey.
  @Test(.timeLimit(.minutes(1)), arguments: [1, 2]) func bytes(last: UInt8) throws {
    let idx: [UInt8] =
      [0, 0, 8, 2, 0, 0, 0, 10, 0, 0, 0, 2] + [UInt8](repeating: 1, count: 19) + [last]
    try Data(idx).write(to: URL(fileURLWithPath: path("bytes")))
    try compare(path("bytes"))
    let whole = try Dataset.load(path("bytes")).rows
    #expect(bits([whole]) == bits([try RowFile(path("bytes")).held()]))
  }

  /// The first value that is not finite is named by its row in the file, on all ranks.
  @Test(.timeLimit(.minutes(1))) func places() throws {
    var matrix = Matrix<Double>(rows: 9, columns: 2)
    (matrix[5, 1], matrix[8, 0]) = (.nan, .infinity)
    try NPY.write(matrix, to: path("gaps.npy"))
    for result in ThreadCommunicator.run(
      3,
      { communicator in
        try RowFile(path("gaps.npy"), communicator: communicator).validateFinite()
      })
    {
      #expect { try result.get() } throws: { "\($0)".contains("(NaN) in row 6, column 2") }
    }
  }

  @Test(.timeLimit(.minutes(1))) func differentShapes() throws {
    let three = try write("three.csv", "1,2,3\n4,5,6\n")
    let two = try write("two.csv", "1,2\n4,5\n")
    let longer = try write("longer.csv", "1,2,3\n4,5,6\n7,8,9\n")
    let named = try write("named.csv", "x,y,z\n1,2,3\n4,5,6\n")
    try NPY.write(Matrix<Double>(rows: 2, columns: 3), to: path("array.npy"))
    for (other, sentence) in [
      (two, "columns in the data is 2 where rank 0 has 3"),
      (longer, "rows in the data is 3 where rank 0 has 2"),
      (named, "column names is x, y, z where rank 0 has none"),
      (path("array.npy"), "rows in the data is 2 where rank 0 has those of a text"),
      (path("none.csv"), "none.csv: cannot be opened"),
    ] {
      let results = ThreadCommunicator.run(3) { communicator in
        try RowFile(communicator.rank == 2 ? other : three, communicator: communicator)
      }
      #expect { try results[0].get() } throws: {
        ($0 as? RankError)?.rank == 2 && "\($0)".contains(sentence)
      }
      #expect(throws: RankError.self) { try results[1].get() }
      #expect { try results[2].get() } throws: { "\($0)".contains(sentence) }
    }
  }
}
