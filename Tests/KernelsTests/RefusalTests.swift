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

  /// A product in place would read what it has just written.
  @Test func productInPlace() throws {
    var plan = Plan()
    let (values, weights) = (Storage<Float>(count: 3 * 16), Storage<Float>(count: 16 * 16))
    var product = PlanOperation()
    product.kind = LATENT_OP_LINEAR_FORWARD
    product.inner = 16
    product.columns = 16
    product.input = Operand(buffer: plan.addBuffer(values), stride: 16, offset: 0)
    product.weights = Operand(buffer: plan.addBuffer(weights), stride: 0, offset: 0)
    product.output = product.input
    plan.append(product)
    let error = #expect(throws: OverlapError.self) { try plan.check(rows: 3) }
    #expect(error?.description.contains("writes over another of its operands") == true)
  }

  /// Memory of less than nothing is the program's mistake, which ends it.
  @Test func elementsOfAStorage() async {
    await #expect(processExitsWith: .failure) { _ = Storage<Float>(count: -1) }
    await #expect(processExitsWith: .failure) { _ = Storage<Float>(count: -1, holding: 0..<0) }
  }

  @Test func normalsThatNothingHolds() throws {
    #expect(throws: SettingError.self) { try Kernels().normals(1 << 48, seed: 1) }
    #expect(throws: ShapeError.self) { try Kernels().normals(-1, seed: 1) }
  }

  @Test(arguments: [(0, [0], 1), (-1, [], 1), (4, [0, 10], 1), (2, [0, 9, 8], 1), (0, [0], 0)])
  func groupsOfRows(count: Int, bounds: [Int], ranks: Int) {
    #expect(throws: ShapeError.self) { try RowGroups(count, bounds: bounds, ranks: ranks) }
  }

  @Test(arguments: [Int.min, -1, 0, 65, 1 << 40, .max])
  func threadsOfABackend(_ threads: Int) throws {
    let makers: [@Sendable () throws -> any Backend] = [
      { try FusedBackend(threads: threads) }, { try SIMDBackend(threads: threads) },
    ]
    for make in makers {
      let error = #expect(throws: SettingError.self) { try make() }
      #expect(error?.description == "The number of threads must be 1...64, found \(threads).")
    }
    #if OpenBLAS
      #expect(throws: SettingError.self) { try OpenBLASBackend(threads: threads) }
    #endif
  }
}
