import LatentKernels
import Testing

/// Settings that nothing can be computed with are refused before anything is.
@Suite struct RefusalTests {
  /// Rows that no run can count.
  @Test(arguments: [Int.min, -1, 1 << 31, 1 << 32, 1 << 33, .max])
  func rowsOfAPlan(_ rows: Int) throws {
    let error = #expect(throws: ShapeError.self) { try Plan().check(rows: rows) }
    #expect(error?.description.hasSuffix("found \(rows).") == true)
    try Plan().check(rows: 0)
  }
}
