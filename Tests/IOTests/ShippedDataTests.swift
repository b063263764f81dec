import LatentKernels
import Testing

@testable import LatentIO

struct ShippedDataTests {
  @Test func digits() throws {
    let data = try Dataset.digits()
    #expect(data.rows.count == 1797)
    #expect(data.imageShape == ImageShape(height: 8, width: 8))
    let counts = (0...9).map { digit in data.labels!.count { $0 == String(digit) } }
    #expect(counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    // The first image, as levels of 16.
    let first = (0..<64).map { Int((data.rows.value(0, $0) * 16).rounded()) }
    #expect(
      first == [
        0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0, 0, 3, 15, 2, 0, 11, 8, 0, 0, 4, 12, 0,
        0, 8, 8, 0, 0, 5, 8, 0, 0, 9, 8, 0, 0, 4, 11, 0, 1, 12, 7, 0, 0, 2, 14, 5, 10, 12, 0, 0, 0,
        0, 6, 13, 10, 0, 0, 0,
      ])
    guard case .bytes(let bytes) = data.rows.storage else { return #expect(Bool(false)) }
    // All 17 levels, each within half a byte.
    let levels = (0...16).map { (level: Int) -> UInt8 in UInt8((Double(level) * 255 / 16).rounded())
    }
    #expect(Set(bytes) == Set(levels))
  }

  @Test func digitsSplit() throws {
    let (training, heldOut) = try Dataset.digitsSplit()
    #expect(training.rows.count == 1500)
    #expect(heldOut.rows.count == 297)
    #expect(heldOut.labels?.last == "8")
    #expect(Set(heldOut.labels!).count == 10)
  }

  @Test func iris() throws {
    let data = try Dataset.iris()
    #expect(data.rows.count == 150)
    #expect(data.columnNames == ["sepal_length", "sepal_width", "petal_length", "petal_width"])
    #expect(Set(data.labels!) == ["setosa", "versicolor", "virginica"])
    // Rows 35 and 38 as Fisher printed them, not as UCI has them.
    #expect(values(data.selecting([34, 37])) == [4.9, 3.1, 1.5, 0.2, 4.9, 3.6, 1.4, 0.1])
  }

  @Test func faithful() throws {
    let data = try Dataset.faithful()
    #expect(data.rows.count == 272 && data.rows.columns == 2)
    let sums = (0..<2).map { column in (0..<272).reduce(0) { $0 + data.rows.value($1, column) } }
    #expect(abs(sums[0] / 272 - 3.487783) < 1e-6)
    #expect(abs(sums[1] / 272 - 70.89706) < 1e-5)
  }

  @Test func names() throws {
    for name in Dataset.shippedNames { #expect(try Dataset.named(name).name == name) }
    #expect(failure { try Dataset.named("mnist") }.contains("digits, iris, faithful"))
  }
}
