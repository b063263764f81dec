import Foundation
import LatentModels
import Testing

@testable import LatentReport

struct TensorBoardTests {
  /// RFC 3720, appendix B.4.
  @Test func checksums() {
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46DD_794E)
    #expect(CRC32C.checksum((0..<32).reversed().map { UInt8($0) }) == 0x113F_DB5C)
    #expect(CRC32C.checksum("123456789".utf8) == 0xE306_9283)
    #expect(CRC32C.checksum([]) == 0)
  }

  @Test func wireFormat() {
    var message = ProtocolBuffer()
    message.add(1, 300)
    message.add(2, "ab")
    message.add(3, Float(1))
    message.add(4, 2.0)
    message.add(5, 0)  // the default, which is not written
    message.add(16, -1)
    let expected: [UInt8] =
      [0x08, 0xAC, 0x02, 0x12, 2, 0x61, 0x62, 0x1D, 0, 0, 0x80, 0x3F]
      + [0x21, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x80, 0x01]
      + [UInt8](repeating: 0xFF, count: 9) + [1]
    #expect(message.bytes == expected)
  }

  /// The bytes that TensorFlow's own writer begins a file with, its wall time set to zero.
  @Test func fileBeginsWithItsVersion() {
    let bytes = EventFile().bytes
    #expect(bytes.prefix(8) == [24, 0, 0, 0, 0, 0, 0, 0])
    // crc32c("\x18" + 7 zeros), masked: what every file of TensorFlow has at this place.
    #expect(Array(bytes[8..<12]) == [0xA3, 0x7F, 0x4B, 0x22])
    #expect(Array(bytes[12..<21]) == [0x09, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(Array(bytes[21..<36]) == [0x1A, 13] + Array("brain.Event:2".utf8).prefix(13))
    #expect(bytes.count == 8 + 4 + 24 + 4)
  }

  @Test func recordsOfARun() throws {
    var metrics = try JSONDecoder().decode(
      EpochMetrics.self,
      from: Data(
        """
        {"epoch": 3, "elbo": -100, "reconstruction": -90, "kl": 10, "beta": 1,
         "learningRate": 0.001}
        """.utf8))
    let few = EventFile([metrics]).bytes
    metrics.heldOutELBO = -101
    let more = EventFile([metrics]).bytes
    #expect(more.count > few.count)
    let text = String(decoding: more, as: UTF8.self)
    for tag in ["training/elbo", "training/kl", "heldOut/elbo"] { #expect(text.contains(tag)) }
    #expect(!String(decoding: few, as: UTF8.self).contains("heldOut"))
    // Every record's length and checksums hold.
    var rest = more[...]
    var records = 0
    while !rest.isEmpty {
      let length = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      func word(_ at: Int) -> UInt32 {
        rest.dropFirst(at).prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
      }
      #expect(word(8) == CRC32C.masked(Array(rest.prefix(8))))
      #expect(word(12 + length) == CRC32C.masked(Array(rest.dropFirst(12).prefix(length))))
      rest = rest.dropFirst(16 + length)
      records += 1
    }
    #expect(records == 2)
  }
}
