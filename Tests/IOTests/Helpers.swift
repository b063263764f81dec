import CZlib
import Foundation
import LatentKernels
import Testing

@testable import LatentIO

/// A directory that goes away with the value.
final class TemporaryDirectory {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/latent-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
    let file = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  var contents: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
  }
}

/// Loads from memory.
func load(_ bytes: [UInt8], _ options: LoadOptions = LoadOptions(), name: String = "data")
  throws -> Dataset
{
  try Dataset.load(ByteStream(bytes, name: name), options)
}

func load(_ text: String, _ options: LoadOptions = LoadOptions()) throws -> Dataset {
  try load(Array(text.utf8), options)
}

/// The sentence that `body` fails with.
func failure(_ body: () throws -> some Any) -> String {
  do {
    _ = try body()
    Issue.record("expected an error")
    return ""
  } catch let error as any LatentError {
    return error.description
  } catch {
    Issue.record("expected a LatentError, found \(error)")
    return ""
  }
}

/// All values, as doubles.
func values(_ data: Dataset) -> [Double] { data.rows.matrix(of: Double.self).values }

func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

func idx(type: UInt8 = 8, _ shape: [UInt32], _ values: [UInt8]) -> [UInt8] {
  [0, 0, type, UInt8(shape.count)] + shape.flatMap { bigEndian($0) } + values
}

func npy(_ header: String, _ values: [UInt8], version: UInt8 = 1) -> [UInt8] {
  let size =
    version == 1 ? littleEndian(UInt16(header.utf8.count)) : littleEndian(UInt32(header.utf8.count))
  return [0x93] + "NUMPY".utf8 + [version, 0] + size + header.utf8 + values
}

func npy(descr: String, shape: String, _ values: [UInt8], version: UInt8 = 1) -> [UInt8] {
  let header = "{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(shape)), }\n"
  return npy(header, values, version: version)
}

func safetensors(_ header: String, _ data: [UInt8] = []) -> [UInt8] {
  littleEndian(UInt64(header.utf8.count)) + header.utf8 + data
}

func gzip(_ bytes: [UInt8]) -> [UInt8] {
  // zlib keeps a pointer to its stream.
  let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  stream.initialize(to: z_stream())
  deflateInit2_(
    stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size))
  defer {
    deflateEnd(stream)
    stream.deallocate()
  }
  var bytes = bytes
  return [UInt8](unsafeUninitializedCapacity: Int(deflateBound(stream, UInt(bytes.count)))) {
    output, count in
    bytes.withUnsafeMutableBufferPointer { input in
      stream.pointee.next_in = input.baseAddress
      stream.pointee.avail_in = UInt32(input.count)
      stream.pointee.next_out = output.baseAddress
      stream.pointee.avail_out = UInt32(output.count)
      deflate(stream, Z_FINISH)
    }
    count = Int(stream.pointee.total_out)
  }
}

/// SplitMix64.
struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
