import LatentIO
import LatentKernels
import Testing

@testable import LatentReport

struct PictureTests {
  @Test func greyRoundTrip() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/x.png"
    var image = GreyImage(height: 5, width: 256)
    for y in 0..<5 { for x in 0..<256 { image[y, x] = UInt8(truncatingIfNeeded: x &+ 31 &* y) } }
    try PNG.write(image, to: path)
    #expect(try PNG.readGrey(path) == image)
    #expect(try PNG.readColor(path)[2, 1] == Color(red: 63, green: 63, blue: 63))
    #expect(try directory.contents == ["x.png"])
  }

  @Test func colorRoundTrip() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/x.png"
    var image = ColorImage(height: 2, width: 3, repeating: Color(red: 1, green: 2, blue: 3))
    image[1, 2] = Color(red: 255, green: 0, blue: 128)
    try PNG.write(image, to: path)
    #expect(try PNG.readColor(path) == image)
    let once = try FileBytes.read(path, limit: 1 << 20)
    try PNG.write(image, to: path)
    #expect(try FileBytes.read(path, limit: 1 << 20) == once)
  }

  @Test func badPictures() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/x.png"
    #expect(failure { try PNG.readGrey(path) }.contains("No such file"))
    #expect(failure { try PNG.write(GreyImage(height: 0, width: 3), to: path) }.contains("0 x 3"))
    try PNG.write(GreyImage(height: 40, width: 40, repeating: 7), to: path)
    var bytes = try FileBytes.read(path, limit: 1 << 20)
    #expect(
      failure { try PNG.decodeGrey(Array(bytes.prefix(bytes.count - 20)), name: "x") }.contains(
        "damaged or cut short"))
    bytes[0] = 0
    #expect(failure { try PNG.decodeGrey(bytes, name: "x") }.contains("expected a PNG picture"))
  }

  /// A header of 13 bytes that claims gigabytes.
  @Test func hugePictures() {
    func header(_ width: UInt32, _ height: UInt32, _ crc: UInt32) -> [UInt8] {
      var bytes: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]
      bytes += "IHDR".utf8
      for number in [width, height] { bytes += bigEndian(number) }
      bytes += [8, 0, 0, 0, 0]
      bytes += bigEndian(crc)
      bytes += [0, 0, 0, 0]
      bytes += "IDAT".utf8
      bytes += bigEndian(0x35AF_061E as UInt32)
      return bytes
    }
    #expect(
      failure { try PNG.decodeGrey(header(100_000, 100_000, 0x8D39_5414), name: "x") }.contains(
        "1 to 67108864 pixels, found 100000 x 100000"))
    #expect(
      failure { try PNG.decodeColor(header(8000, 8000, 0x239A_F228), name: "x") }.contains(
        "claims 8000 x 8000 pixels, more than 45 bytes hold"))
  }

  @Test func gridPlacesImages() throws {
    let shape = ImageShape(height: 1, width: 2)
    let values = try Matrix<Float>(rows: 3, columns: 2, values: [0, 1, 0.5, 2, .nan, -1])
    let picture = try ImageGrid(columns: 2, enlargement: 3).image(of: values, shape: shape)
    // Gaps of 4, images of 3 x 6.
    #expect(picture.height == 4 + 2 * 7 && picture.width == 4 + 2 * 10)
    #expect(picture[0, 0] == 96 && picture[4, 3] == 96 && picture[4, 10] == 96)
    #expect((4..<10).map { picture[6, $0] } == [0, 0, 0, 255, 255, 255])
    #expect(picture[4, 14] == 128 && picture[4, 19] == 255)
    #expect(picture[11, 4] == 0 && picture[11, 9] == 0)
    #expect(picture[11, 14] == 96)  // no fourth image
  }

  @Test func reconstructionsStandBelowTheirInputs() throws {
    let shape = ImageShape(height: 1, width: 1)
    let inputs = try Matrix<Double>(rows: 3, columns: 1, values: [0.2, 0.4, 0.6])
    let outputs = try Matrix<Double>(rows: 3, columns: 1, values: [0.8, 1, 0])
    let picture = try ImageGrid(columns: 2, enlargement: 1).reconstructions(
      inputs: inputs, outputs: outputs, shape: shape)
    #expect(picture.width == 14 && picture.height == 4 + 4 * 5 + 8)
    let lines = [4, 9, 22, 27]
    #expect(lines.map { picture[$0, 4] } == [51, 204, 153, 0])
    #expect(lines.map { picture[$0, 9] } == [102, 255, 96, 96])
  }

  @Test func badGrids() throws {
    let grid = ImageGrid()
    let values = Matrix<Float>(rows: 2, columns: 4)
    let square = ImageShape(height: 2, width: 2)
    #expect(
      failure { try ImageGrid(enlargement: .max).image(of: values, shape: square) }.contains("256"))
    let many = Matrix<Float>(rows: 3000, columns: 4)
    #expect(
      failure { try ImageGrid(enlargement: 100).image(of: many, shape: square) }.contains("fewer"))
    #expect(try grid.image(of: values, shape: square).height > 0)
    #expect(
      failure { try grid.image(of: values, shape: ImageShape(height: 2, width: 3)) }.contains(
        "2 x 3"))
    #expect(
      failure { try grid.image(of: Matrix<Float>(rows: 0, columns: 4), shape: square) }.contains(
        "0 x 4"))
    #expect(
      failure { try ImageGrid(columns: 0).image(of: values, shape: square) }.contains("column"))
    #expect(
      failure {
        try grid.reconstructions(
          inputs: values, outputs: Matrix<Float>(rows: 1, columns: 4), shape: square)
      }.contains("as many outputs"))
  }
}
