import LatentKernels
import Testing

@testable import LatentIO
@testable import LatentReport

/// Valid files with random damage must load or fail with a sentence, never crash or hang.
struct MutationTests {
  private let rounds = 400

  /// Some damage: bytes changed, cut, repeated, filled or dropped.
  private func mutated(_ bytes: [UInt8], _ generator: inout Generator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      guard !bytes.isEmpty else { break }
      // Headers stand in front and break more.
      let reach = Bool.random(using: &generator) ? min(bytes.count, 64) : bytes.count
      let at = Int.random(in: 0..<reach, using: &generator)
      let end = min(bytes.count, at + Int.random(in: 1...8, using: &generator))
      switch Int.random(in: 0..<7, using: &generator) {
      case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[at] = UInt8.random(in: .min ... .max, using: &generator)
      case 2: bytes.removeSubrange(at...)
      case 3: bytes.insert(contentsOf: bytes[at..<end], at: at)
      case 4: for index in at..<end { bytes[index] = 255 }
      case 5:
        for index in at..<end {
          bytes[index] = Array("0123456789".utf8).randomElement(using: &generator)!
        }
      default: bytes.removeSubrange(at..<end)
      }
    }
    return bytes
  }

  private func survive(_ valid: [UInt8], seed: UInt64, _ body: ([UInt8]) throws -> Void) throws {
    try body(valid)
    var generator = Generator(state: seed)
    var failures = 0
    for round in 0..<rounds {
      do { try body(mutated(valid, &generator)) } catch let error as any LatentError {
        failures += 1
        #expect(error.description.hasSuffix("."))
      } catch {
        Issue.record("round \(round): \(error)")
      }
    }
    #expect(failures > rounds / 10)
  }

  private let grey = (0..<180).map { UInt8(truncatingIfNeeded: $0 &* 37) }

  @Test func idxFiles() throws {
    try survive(idx([5, 6, 6], grey), seed: 1) { bytes in
      let data = try load(bytes, name: "x.idx")
      #expect(data.rows.count * data.rows.columns <= bytes.count)
    }
  }

  @Test func gzipFiles() throws {
    try survive(gzip(idx([5, 6, 6], grey)), seed: 2) { _ = try load($0, name: "x.gz") }
  }

  @Test func npyFiles() throws {
    try survive(npy(descr: "<f4", shape: "9, 5", grey), seed: 3) {
      _ = try load($0, name: "x.npy")
    }
  }

  @Test func csvFiles() throws {
    let text = "a,\"b\nc\",kind\n1,2.5e3,x\n\"3\",-4,\"y\"\"\"\nNA,0.1,\n6,7,z\n"
    try survive(Array(text.utf8), seed: 4) { bytes in
      let data = try load(bytes, LoadOptions(label: "3"))
      #expect(data.labels?.count == data.rows.count)
    }
  }

  @Test func safetensorsFiles() throws {
    let header =
      #"{"__metadata__":{"k":"v"},"a":{"dtype":"F64","shape":[4,5],"data_offsets":[0,160]},"#
      + #""b":{"dtype":"U8","shape":[20],"data_offsets":[160,180]}}"#
    try survive(safetensors(header, grey), seed: 5) {
      _ = try TensorFile(ByteStream($0, name: "x"))
    }
  }

  @Test func pngFiles() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/x.png"
    var image = ColorImage(height: 12, width: 15)
    image.pixels.replaceSubrange(0..<180, with: grey)
    try PNG.write(image, to: path)
    try survive(FileBytes.read(path, limit: 1 << 20), seed: 6) {
      _ = try PNG.decodeColor($0, name: "x")
      _ = try PNG.decodeGrey($0, name: "x")
    }
  }
}
