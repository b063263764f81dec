import Foundation
import LatentKernels
import Testing

@testable import LatentIO

struct TensorFileTests {
  private func example() throws -> TensorFile {
    TensorFile(
      metadata: ["format": "latent", "quote\"\n\u{1}": "é漢😀\\"],
      tensors: [
        "w": Tensor(try Matrix<Float>(rows: 2, columns: 3, values: [1, 2, 3, .nan, 5, -0.0])),
        "step": try Tensor(shape: [], values: .uint64([.max])),
        "b": Tensor([0.1, 0.2] as [Double]),
        "bytes": try Tensor(shape: [3], values: .uint8([1, 2, 255])),
        "none": try Tensor(shape: [0, 5], values: .float32([])),
        "signed": try Tensor(shape: [1, 1], values: .int64([.min])),
        "counts": try Tensor(shape: [2], values: .uint32([7, .max])),
      ])
  }

  private func read(_ bytes: [UInt8]) throws -> TensorFile {
    try TensorFile(ByteStream(bytes, name: "m"))
  }

  @Test func roundTripsBits() throws {
    let directory = try TemporaryDirectory()
    let (a, b) = (directory.path + "/a", directory.path + "/b")
    let file = try example()
    try file.write(to: a)
    let again = try TensorFile(contentsOf: a)
    #expect(again.metadata == file.metadata)
    #expect(again.tensors.keys.sorted() == file.tensors.keys.sorted())
    #expect(again.tensors["step"] == file.tensors["step"])
    #expect(again.tensors["none"] == file.tensors["none"])
    // NaN is not equal to itself: bytes are compared.
    try again.write(to: b)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: a))
    #expect(try bytes == Data(contentsOf: URL(fileURLWithPath: b)))
    #expect(bytes.prefix(8).reduce(0) { $0 + Int($1) } > 0 && Int(bytes[0]) % 8 == 0)
  }

  @Test func writesCanonicalBytes() throws {
    let path = try TemporaryDirectory()
    let file = TensorFile(
      metadata: ["b": "2", "a": "1"],
      tensors: [
        "z": Tensor([1] as [Double]), "b": Tensor([2] as [Float]), "a": Tensor([3] as [Float]),
      ])
    try file.write(to: path.path + "/m")
    let header =
      #"{"__metadata__":{"a":"1","b":"2"},"#
      + #""z":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"#
      + #""a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"#
      + #""b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}"#
    let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    let data =
      littleEndian(1.0.bitPattern) + littleEndian(Float(3).bitPattern)
      + littleEndian(Float(2).bitPattern)
    #expect(
      try Array(Data(contentsOf: URL(fileURLWithPath: path.path + "/m")))
        == safetensors(padded, data))
  }

  /// The format has that name for something else: such a file could not be read back.
  @Test func tensorsCannotBeCalledMetadata() throws {
    let directory = try TemporaryDirectory()
    let file = TensorFile(tensors: ["__metadata__": Tensor([1] as [Float])])
    #expect(failure { try file.write(to: directory.path + "/m") }.contains("another name"))
    #expect(try directory.contents == [])
  }

  @Test func readsOtherWriters() throws {
    let header =
      #" {"b" : {"data_offsets":[4, 8],"dtype":"F32","shape":[ 1 ]} ,"#
      + "\n" + #""a\u0041\ud83d\ude00":{"dtype":"U32","shape":[],"data_offsets":[0,4]}}"#
    let file = try read(
      safetensors(String(header.dropFirst()) + "  ", [1, 0, 0, 0, 0, 0, 0x80, 0x3F]))
    #expect(file.tensors["aA😀"]?.values == .uint32([1]))
    #expect(file.tensors["b"]?.values == .float32([1]))
    #expect(try read(safetensors("{}")).tensors.isEmpty)
  }

  @Test(arguments: [
    ("[]", "starts with"), ("{", "a string"), ("{}x", "nothing but spaces"),
    (#"{"a":1}"#, "an object"),
    (#"{"a":{}}"#, "should have dtype"),
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
      "twice"
    ),
    (#"{"a":{"dtype":"F32","dtype":"F64","shape":[1],"data_offsets":[0,4]}}"#, "once each"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}"#, "once each"),
    (#"{"__metadata__":{"a":"1","a":"2"}}"#, "twice"), (#"{"__metadata__":{"a":1}}"#, "a string"),
    (#"{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}"#, "found \"BF16\""),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "does not fit"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "to start at byte 0"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#, "does not fit"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, "two data_offsets"),
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
      "to start at byte 4"
    ),
    (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "non-negative"),
    (#"{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#, "end of a list"),
    (
      #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#,
      "more than any file"
    ),
    (#"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}}"#, "does not fit"),
    (
      #"{"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}"#,
      "found 4:"
    ),
    (#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#, "64 bits"),
    (#"{"\ud800":{}}"#, "surrogates"), (#"{"\ud800\u0041":{}}"#, "surrogate"),
    (#"{"\udc00\u0041":{}}"#, "a pair of surrogates"),
    (#"{"\u+123":{}}"#, "hexadecimal"),
    (#"{"\x":{}}"#, "an escape of JSON at byte 3"),
    ("{\"a\u{1}\":{}}", "control"), ("{\"\\", "an escape"),
  ])
  func badHeaders(_ header: String, _ expected: String) {
    #expect(failure { try read(safetensors(header, [0, 0, 0, 0])) }.contains(expected))
  }

  @Test func badFiles() {
    #expect(failure { try read([1, 2, 3]) }.contains("cut short"))
    #expect(failure { try read([UInt8](repeating: 255, count: 16)) }.contains("at most 100 MB"))
    #expect(
      failure { try read(littleEndian(UInt64(99_999_999)) + "{}".utf8) }.contains("cut short"))
    #expect(failure { try read(safetensors("{}", [0])) }.contains("expected the end"))
    let header = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
    #expect(
      failure { try read(safetensors(header, [0, 0, 0, 0])) }.contains(
        "tensor \"a\", found 4:"))
    #expect(
      failure { try read(littleEndian(UInt64(5)) + [0x7B, 0x22, 0xFF, 0x22, 0x3A]) }.contains(
        "UTF-8"))
  }

  @Test func tensorsMustFitTheirShape() {
    #expect(failure { try Tensor(shape: [2], values: .uint8([1])) }.contains("needs as many"))
    #expect(failure { try Tensor(shape: [-1], values: .uint8([])) }.contains("needs as many"))
    #expect(failure { try Tensor(shape: [.max, 2], values: .uint8([])) }.contains("needs as many"))
  }
}
