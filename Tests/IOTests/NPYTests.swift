import Foundation
import LatentKernels
import Testing

@testable import LatentIO

struct NPYTests {
  @Test func roundTripsFloats() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/x.npy"
    let floats = try Matrix<Float>(
      rows: 2, columns: 3, values: [1, -0.1, .pi, 0, .leastNonzeroMagnitude, .infinity])
    try NPY.write(floats, to: path)
    #expect(try Dataset.load(path).rows.matrix(of: Float.self) == floats)
    let doubles = try Matrix<Double>(rows: 3, columns: 1, values: [1, -0.1, .pi])
    try NPY.write(doubles, to: path)
    #expect(try Dataset.load(path).rows.matrix(of: Double.self) == doubles)
    #expect(try directory.contents == ["x.npy"])
  }

  /// The bytes that numpy.save writes for [[1, 2]] in float32.
  @Test func writesWhatNumPyWrites() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/x.npy"
    try NPY.write(Matrix<Float>(rows: 1, columns: 2, values: [1, 2]), to: path)
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }"
    let padded = header + String(repeating: " ", count: 117 - header.utf8.count) + "\n"
    let expected = npy(padded, [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
    #expect(try Array(Data(contentsOf: URL(fileURLWithPath: path))) == expected)
  }

  @Test(
    arguments: [
      ("<f4", littleEndian(Float(0).bitPattern) + littleEndian(Float(5).bitPattern)),
      ("<f8", littleEndian(Double(0).bitPattern) + littleEndian(Double(5).bitPattern)),
      ("|i1", [0, 5]), ("<i2", [0, 0, 5, 0]), ("<i4", [0, 0, 0, 0, 5, 0, 0, 0]),
      ("<i8", littleEndian(Int64(0)) + littleEndian(Int64(5))),
    ] as [(String, [UInt8])])
  func types(_ descr: String, _ bytes: [UInt8]) throws {
    for version in [1, 2, 3] as [UInt8] {
      let data = try load(npy(descr: descr, shape: "1, 2", bytes, version: version))
      #expect(values(data) == [0, 5])
    }
  }

  @Test func bytesAreGreyAndBoolsAreBinary() throws {
    #expect(values(try load(npy(descr: "|u1", shape: "1, 2", [51, 255]))) == [0.2, 1])
    #expect(values(try load(npy(descr: "|u1", shape: "1, 2", [1, 0]))) == [1, 0])
    #expect(values(try load(npy(descr: "|b1", shape: "1, 2", [1, 0]))) == [1, 0])
  }

  @Test func shapes() throws {
    let vector = try load(npy(descr: "|i1", shape: "3,", [1, 2, 3]))
    #expect(vector.rows.count == 3 && vector.rows.columns == 1)
    let images = try load(npy(descr: "|i1", shape: "2, 1, 2", [1, 2, 3, 4]))
    #expect(images.imageShape == ImageShape(height: 1, width: 2))
    #expect(failure { try load(npy(descr: "|i1", shape: "", [1])) }.contains("0 dimensions"))
    #expect(failure { try load(npy(descr: "|i1", shape: "1,1,1,1", [1])) }.contains("reshape"))
    #expect(failure { try load(npy(descr: "|i1", shape: "0, 4", [])) }.contains("expected some"))
  }

  @Test func columnsAndLabels() throws {
    let file = npy(descr: "|i1", shape: "2, 4", [1, 2, 3, 4, 5, 6, 7, 8])
    let data = try load(file, LoadOptions(columns: ["4", "1-2"], label: "3"))
    #expect(values(data) == [4, 1, 2, 8, 5, 6])
    #expect(data.labels == ["3", "7"])
    // Labels are categories, also where bytes are grey or binary.
    let binary = npy(descr: "|u1", shape: "2, 3", [0, 1, 1, 1, 0, 7])
    let labelled = try load(binary, LoadOptions(label: "3"))
    #expect(values(labelled) == [0, 1, 1, 0])
    #expect(labelled.labels == ["1", "7"])
    #expect(try load(binary, LoadOptions(label: "1")).labels == ["0", "1"])
    #expect(failure { try load(binary, LoadOptions(label: "1", labelsPath: "x")) }.contains("both"))
  }

  @Test func unreadableTypes() {
    for descr in [">f4", "<f2", "<c8", "<U5", "|O", ">i8"] {
      let sentence = failure { try load(npy(descr: descr, shape: "1, 1", [0, 0, 0, 0])) }
      #expect(sentence.contains("found dtype \"\(descr)\"; save x.astype(np.float32)"))
    }
    let records = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"
    #expect(failure { try load(npy(records, [0, 0, 0, 0])) }.contains("structured"))
  }

  @Test func fortranOrder() {
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }"
    #expect(
      failure { try load(npy(header, [0, 0, 0, 0])) }.contains("save np.ascontiguousarray(x)"))
  }

  @Test func badFiles() {
    #expect(failure { try load(npy(descr: "<f4", shape: "2, 2", [0, 0])) }.contains("cut short"))
    #expect(
      failure { try load(npy(descr: "|i1", shape: "1, 1", [0, 0])) }.contains("expected the end"))
    #expect(failure { try load(Array("\u{1}".utf8), name: "x.npy") }.contains("cut short"))
    #expect(failure { try load(Array("a,b\n1,2\n".utf8), name: "x.npy") }.contains("starts an NPY"))
    let power = "4611686018427387904"
    let shapes = ["\(power), \(power)", "\(power),", "99999999999999999999,", "-1, 2", "1 2"]
    for shape in shapes {
      #expect(!failure { try load(npy(descr: "<f8", shape: shape, [0])) }.isEmpty)
    }
    for header in ["", "{", "{}", "{'descr': '<f4'}", "{'shape': (1,", "{'descr': '<f4", "{1: 2}"] {
      #expect(failure { try load(npy(header, [])) }.contains("NPY header"))
    }
    let huge: [UInt8] = [0x93] + "NUMPY".utf8 + [2, 0, 255, 255, 255, 255]
    #expect(failure { try load(huge) }.contains("more than 1 MiB"))
    #expect(
      failure { try load(npy(descr: "<f4", shape: "1,", [0, 0, 0, 0], version: 9)) }.contains(
        "version"))
  }
}
