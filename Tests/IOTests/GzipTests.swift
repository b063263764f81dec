import Testing

@testable import LatentIO

struct GzipTests {
  private let images = idx([50, 4, 4], (0..<800).map { UInt8(truncatingIfNeeded: $0 &* 7) })

  @Test func anyFormatMayBeCompressed() throws {
    #expect(values(try load(gzip(images))) == values(try load(images)))
    #expect(values(try load(gzip(Array("a,b\n1,2\n".utf8)))) == [1, 2])
    #expect(values(try load(gzip(npy(descr: "|i1", shape: "1, 2", [1, 2])))) == [1, 2])
  }

  @Test func severalMembersAndPadding() throws {
    let members = gzip(Array(images.prefix(100))) + gzip([]) + gzip(Array(images.dropFirst(100)))
    #expect(values(try load(members)) == values(try load(images)))
    #expect(values(try load(members + [0, 0, 0])) == values(try load(images)))
    #expect(failure { try load(members + [1, 2]) }.contains("not gzip follow"))
  }

  @Test func cutShortAnywhere() {
    let whole = gzip(images)
    for count in [2, 9, 20, whole.count / 2, whole.count - 8, whole.count - 1] {
      #expect(
        failure { try load(Array(whole.prefix(count)), name: "x.gz") }.contains(
          "gzip data are cut short"))
    }
  }

  @Test func damageIsFound() {
    var file = gzip(images)
    file[file.count - 6] ^= 1  // the checksum, which only a reader that goes to the end sees
    #expect(failure { try load(file) }.contains("gzip data are damaged (incorrect data check)"))
    #expect(failure { try load([0x1f, 0x8b, 99, 0, 0, 0]) }.contains("damaged"))
    // A distance too far back, right before the file ends: zlib holds it until the byte before is taken.
    let last: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0x3b, 0x32, 0, 0x61, 0]
    #expect(failure { try load(last) }.contains("damaged (invalid distance too far back)"))
    #expect(failure { try load(gzip([])) }.contains("inside the gzip is empty"))
  }

  /// A header may claim no more than the compressed bytes can hold.
  @Test func sizesAreCheckedBeforeTheyAreBelieved() throws {
    let claim = gzip(idx([60_000, 28, 28], [0, 0, 0]))
    #expect(
      failure { try load(claim) }.contains("expected 47040000 bytes of values, found at most"))
    // Deflate packs 1,032 bytes into one at best.
    #expect(try ByteStream(claim, name: "x").bound == claim.count * 1032)
  }

  @Test func bombsAreRefused() throws {
    // 300 MiB of zeros in 300 kB.
    let megabyte = gzip([UInt8](repeating: 0, count: 1 << 20))
    let bomb = [[UInt8]](repeating: megabyte, count: 300).flatMap { $0 }
    let source = try GzipSource(MemorySource(bomb), name: "bomb")
    var target = [UInt8](repeating: 0, count: 1 << 20)
    let sentence = failure {
      while try target.withUnsafeMutableBytes(source.read) > 0 {}
    }
    #expect(sentence.contains("inflate to more than 268435456"))
  }
}
