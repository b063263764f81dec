import Foundation
import LatentKernels
import Testing

@testable import LatentIO

struct DatasetTests {
  @Test func partsMustFit() throws {
    let rows = try Rows(count: 2, columns: 4, storage: .floats([Float](repeating: 0, count: 8)))
    let shape = ImageShape(height: 2, width: 3)
    #expect(failure { try Dataset(name: "d", rows: rows, imageShape: shape) }.contains("2 x 3"))
    #expect(failure { try Dataset(name: "d", rows: rows, columnNames: ["a"]) }.contains("1 names"))
    #expect(failure { try Dataset(name: "d", rows: rows, labels: ["a"]) }.contains("1 labels"))
    let negative = ImageShape(height: -2, width: -2)
    #expect(failure { try Dataset(name: "d", rows: rows, imageShape: negative) }.contains("-2"))
  }

  @Test func selectsRowsWithTheirLabels() throws {
    let data = try load("x,kind\n1,a\n2,b\n3,c\n", LoadOptions(label: "kind")).selecting([2, 0])
    #expect(values(data) == [3, 1])
    #expect(data.labels == ["c", "a"])
    #expect(data.lines == [4, 2])
  }

  @Test func findsTheFirstNonFinite() throws {
    func data(_ values: [Float]) throws -> Dataset {
      try Dataset(name: "d", rows: Rows(count: 2, columns: 2, storage: .floats(values)))
    }
    #expect(try data([1, 2, 3, 4]).firstNonFinite() == nil)
    #expect(try data([1, 2, .nan, .infinity]).firstNonFinite()! == (row: 1, column: 0))
    #expect(
      failure { try data([1, 2, .nan, .infinity]).validateFinite(allowMissing: true) }
        == "d: expected finite values, found an infinite one in row 2, column 2; correct it, or leave the column out with "
        + "--columns.")
  }

  @Test func splitIsAPartitionThatRepeats() throws {
    let data = try load((0..<100).map { "\($0)" }.joined(separator: "\n"))
    let (training, heldOut) = try data.split(heldOutFraction: 0.2, seed: 7)
    #expect(training.rows.count == 80)
    #expect((values(training) + values(heldOut)).sorted() == values(data))
    #expect(values(heldOut) == values(heldOut).sorted())
    #expect(try values(data.split(heldOutFraction: 0.2, seed: 7).heldOut) == values(heldOut))
    #expect(try values(data.split(heldOutFraction: 0.2, seed: 8).heldOut) != values(heldOut))
    // Held to these rows: a change would move data between training and test.
    #expect(values(heldOut).prefix(5) == [1, 5, 8, 10, 21])
    for (fraction, count) in [(1e-9, 1), (0.014, 1), (0.016, 2), (1 - 1e-9, 99)] {
      #expect(try data.split(heldOutFraction: fraction, seed: 1).heldOut.rows.count == count)
    }
    #expect(try load("1\n2").split(heldOutFraction: 0.9, seed: 1).training.rows.count == 1)
    for fraction in [0, 1, -1, 2, Double.nan] {
      #expect(
        failure { try data.split(heldOutFraction: fraction, seed: 1) }.contains("between 0 and 1"))
    }
    #expect(failure { try load("1").split(heldOutFraction: 0.5, seed: 1) }.contains("2 rows"))
  }

  @Test func filesThatCannotBeRead() throws {
    let directory = try TemporaryDirectory()
    let missing = directory.path + "/none.csv"
    #expect(
      failure { try Dataset.load(missing) }
        == "\(missing): cannot be opened: No such file or directory.")
    #expect(failure { try Dataset.load(directory.path) }.contains("found a directory"))
    #expect(failure { try Dataset.load("/dev/zero") }.contains("found a device"))
    let empty = try directory.file("empty.csv", [])
    #expect(failure { try Dataset.load(empty) } == "\(empty): the file is empty.")
  }

  @Test(
    arguments: [
      ([0x50, 0x4B, 3, 4], "zip"), ([0x89, 0x50, 0x4E, 0x47], "PNG"),
      ([0xFF, 0xFE, 0x31], "UTF-16"),
      ([1, 2, 0, 3], "found neither"),
    ] as [([UInt8], String)])
  func otherFormats(_ bytes: [UInt8], _ expected: String) {
    #expect(failure { try load(bytes) }.contains(expected))
  }

  @Test func pipesAreRead() throws {
    let bytes = idx([300, 28, 28], [UInt8](repeating: 9, count: 300 * 784))
    #expect(try throughPipe(bytes).rows.count == 300)
  }

  /// What a pipe claims is believed 16 MiB at a time.
  @Test func aPipeThatEndsEarly() {
    let held = (4 << 20) + 3
    let bytes = npy(descr: "<f4", shape: "6000000, 1", [UInt8](repeating: 0, count: 4 * held))
    let found = failure { try throughPipe(bytes) }
    #expect(found.contains("24000000 bytes of values, found \(4 * held)"))
  }

  private func throughPipe(_ bytes: [UInt8]) throws -> Dataset {
    let directory = try TemporaryDirectory()
    let pipe = directory.path + "/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    let thread = Thread {
      let file = open(pipe, O_WRONLY)
      bytes.withUnsafeBytes { bytes in
        var sent = 0
        while sent < bytes.count {
          let count = write(file, bytes.baseAddress! + sent, bytes.count - sent)
          guard count > 0 else { break }
          sent += count
        }
      }
      close(file)
    }
    thread.start()
    return try Dataset.load(pipe)
  }
}
