import LatentKernels
import LatentNetworks
import Testing

/// Layers that somebody lays out himself.
@Suite struct ParameterLayoutTests {
  @discardableResult
  private func layer(_ columns: Int, _ slices: [ColumnSlice]) throws -> Parameters {
    var layout = ParameterLayout()
    _ = try layout.addLayer(
      inputs: 3, columns: columns, activation: .identity, slices: slices,
      inputNeedsGradient: false)
    return Parameters(layout)
  }

  /// A column has one name: else its gradient travelled twice, and past the end of what holds it.
  @Test func columnsAreNamedOnce() throws {
    let paired = [
      ColumnSlice(name: "mean", count: 20, paired: true),
      ColumnSlice(name: "logVariance", count: 20, start: 16, paired: true),
    ]
    #expect(try layer(64, paired).learnedCount == 2 * 20 * 4)
    for slices in [
      [ColumnSlice(name: "a", count: 16), ColumnSlice(name: "b", count: 16)],
      [ColumnSlice(name: "a", count: 5), ColumnSlice(name: "b", count: 5, start: 4)],
      paired + [ColumnSlice(name: "c", count: 1, start: 17)],
    ] {
      let error = #expect(throws: ShapeError.self) { try layer(64, slices) }
      #expect(error?.description.contains("each column has one name") == true)
    }
  }

  /// Gradients of columns behind others that have no name come back to their own lanes.
  @Test(arguments: [(8, 5, 3), (40, 30, 7), (16, 0, 16), (33, 32, 1)])
  func gradientsTravelWhereverTheyLie(columns: Int, start: Int, count: Int) throws {
    let parameters = try layer(columns, [ColumnSlice(name: "h", count: count, start: start)])
    let slices = GradientSlices(parameters)
    for slot in parameters.slots {
      try parameters.write((0..<slot.count).map { Float($0 + 1) }, to: slot, .gradients)
    }
    for slice in slices.slices {
      _ = slices.pack(slice, in: parameters.gradients)
      slices.unpack(slice, in: parameters.gradients)
    }
    for slot in parameters.slots {
      #expect(try parameters.read(slot, .gradients) == (0..<slot.count).map { Float($0 + 1) })
    }
  }

  /// A batch of no rows, whose memory may be none, on every backend: no output, and zero gradients.
  @Test(arguments: ["fused", "simd", "reference", "openblas"])
  func emptyBatches(name: String) throws {
    let backend: any Backend
    switch name {
    case "fused": backend = try FusedBackend(threads: 2)
    case "simd": backend = SIMDBackend()
    case "reference": backend = ReferenceBackend()
    default:
      #if OpenBLAS
        backend = try OpenBLASBackend(threads: 1)
      #else
        return
      #endif
    }
    let encoder = try Encoder(
      inputs: 7, hidden: [5], latentDimensions: 2, capacity: 4, backend: backend)
    let batch = try Matrix(rows: 3, columns: 7, values: (0..<21).map { Float($0) / 8 })
    try encoder.backward(batch, gradient: try encoder.forward(batch))
    let none = UnsafeBufferPointer<Float>(start: nil, count: 0)
    let nowhere = UnsafeMutableBufferPointer<Float>(start: nil, count: 0)
    try encoder.forward(none, mean: nowhere, logVariance: nowhere)
    try encoder.backward(
      input: none, meanGradient: none, logVarianceGradient: none, inputGradient: nowhere)
    for slot in encoder.parameters.slots {
      #expect(try encoder.parameters.read(slot, .gradients).allSatisfy { $0 == 0 })
    }
  }
}
