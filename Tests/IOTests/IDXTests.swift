import LatentKernels
import Testing

@testable import LatentIO

struct IDXTests {
  @Test func images() throws {
    let data = try load(idx([2, 2, 3], [0, 51, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
    #expect(data.rows.count == 2)
    #expect(data.imageShape == ImageShape(height: 2, width: 3))
    #expect(data.rows.value(0, 1) == 0.2)
    #expect(data.rows.value(0, 2) == 1)
    #expect(data.rows.value(1, 0) == 4.0 / 255)
  }

  @Test func tableHasNoImages() throws {
    let data = try load(idx([2, 3], [10, 20, 30, 40, 50, 60]))
    #expect(data.rows.columns == 3)
    #expect(data.imageShape == nil)
  }

  @Test func binaryBytesKeepTheirValue() throws {
    #expect(values(try load(idx([2, 2], [0, 1, 1, 0]))) == [0, 1, 1, 0])
  }

  @Test(
    arguments: [
      (0x09, bigEndian(Int8(-3)) + bigEndian(Int8(7))),
      (0x0B, bigEndian(Int16(-3)) + bigEndian(Int16(7))),
      (0x0C, bigEndian(Int32(-3)) + bigEndian(Int32(7))),
      (0x0D, bigEndian(Float(-3).bitPattern) + bigEndian(Float(7).bitPattern)),
      (0x0E, bigEndian(Double(-3).bitPattern) + bigEndian(Double(7).bitPattern)),
    ] as [(UInt8, [UInt8])])
  func types(_ type: UInt8, _ bytes: [UInt8]) throws {
    #expect(values(try load(idx(type: type, [1, 2], bytes))) == [-3, 7])
  }

  @Test func labelsComeFromAnotherFile() throws {
    let directory = try TemporaryDirectory()
    let labels = try directory.file("labels", gzip(idx([3], [7, 0, 9])))
    let images = try directory.file("images", idx([3, 1, 1], [1, 2, 3]))
    let data = try Dataset.load(images, options: LoadOptions(labelsPath: labels))
    #expect(data.labels == ["7", "0", "9"])
    let few = try directory.file("few", idx([2], [7, 0]))
    #expect(
      failure { try Dataset.load(images, options: LoadOptions(labelsPath: few)) }
        == "\(few): expected 3 labels, one a row, found 2.")
    #expect(failure { try Dataset.load(labels) }.contains("how IDX stores labels"))
  }

  @Test func badFiles() {
    #expect(failure { try load([0, 0, 8]) }.contains("cut short"))
    #expect(
      failure { try load(idx([2, 2], [1, 2, 3])) }.contains(
        "expected 4 bytes of values, found 3:"))
    #expect(failure { try load(idx([2, 2], [1, 2, 3, 4, 5])) }.contains("expected the end"))
    #expect(failure { try load(idx(type: 10, [1, 1], [1])) }.contains("element type"))
    #expect(failure { try load([0, 0, 8, 0]) }.contains("1 to 8 dimensions"))
    #expect(failure { try load(idx([0, 28, 28], [])) }.contains("expected some data"))
    #expect(failure { try load(idx([1, 1, 1, 1], [1])) }.contains("reshape"))
    #expect(
      failure { try load(Array("hello".utf8), name: "x.idx3-ubyte") }.contains(
        "two zero bytes"))
  }

  @Test func oversizedHeaders() {
    let huge = UInt32.max
    #expect(failure { try load(idx([huge, huge, huge], [1])) }.contains("more than any file"))
    #expect(failure { try load(idx([huge, 1 << 30], [1])) }.contains("found 1:"))
    #expect(
      failure { try load(idx(type: 14, [huge, 1 << 30], [1])) }.contains("more than any file"))
    // Zero times too much is still nothing, and no crash.
    #expect(failure { try load(idx([0, huge, huge], [])) }.contains("expected some data"))
  }
}
