import LatentKernels
import LatentNetworks
import Testing

/// Encoder and decoder on the caller's memory: the bits of the passes on matrices.
@Suite struct MemoryTests {
  let backend = try! FusedBackend(threads: 2)
  let rows = 9
  let columns = 21
  let latents = 5

  private func noise(_ count: Int, _ stream: UInt32) throws -> [Float] {
    try Kernels().normals(count, seed: 4, row: stream)
  }

  @Test func encoder() throws {
    func make() throws -> Encoder {
      try Encoder(
        inputs: columns, hidden: [17], latentDimensions: latents, capacity: 12, backend: backend)
    }
    let (first, second) = (try make(), try make())
    let batch = try Matrix(rows: rows, columns: columns, values: noise(rows * columns, 0))
    let gradient = DiagonalGaussian(
      mean: try Matrix(rows: rows, columns: latents, values: noise(rows * latents, 1)),
      logVariance: try Matrix(rows: rows, columns: latents, values: noise(rows * latents, 2)))
    let posterior = try first.forward(batch)
    let expected = try #require(try first.backward(batch, gradient: gradient))

    var mean = [Float](repeating: 0, count: rows * latents)
    var logVariance = mean
    var inputGradient = [Float](repeating: 0, count: rows * columns)
    var m = mean.mutableSpan
    var v = logVariance.mutableSpan
    var d = inputGradient.mutableSpan
    try second.forward(batch.values.span, mean: &m, logVariance: &v)
    try second.backward(
      input: batch.values.span, meanGradient: gradient.mean.values.span,
      logVarianceGradient: gradient.logVariance.values.span, inputGradient: &d)
    #expect(mean == posterior.mean.values && logVariance == posterior.logVariance.values)
    #expect(inputGradient == expected.values)
    for (a, b) in zip(first.parameters.slots, second.parameters.slots) {
      try #expect(first.parameters.read(a, .gradients) == second.parameters.read(b, .gradients))
    }
    // An empty batch has an empty posterior and zero gradients.
    let empty = Matrix<Float>(rows: 0, columns: latents)
    let none = Matrix<Float>(rows: 0, columns: columns)
    #expect(try first.forward(none).mean.values == [])
    try first.backward(none, gradient: DiagonalGaussian(mean: empty, logVariance: empty))
    for slot in first.parameters.slots {
      try #expect(first.parameters.read(slot, .gradients).allSatisfy { $0 == 0 })
    }
  }

  @Test func decoder() throws {
    func make() throws -> Decoder {
      try Decoder(
        latentDimensions: latents, hidden: [17], dimensions: columns, capacity: 12,
        backend: backend)
    }
    let (first, second) = (try make(), try make())
    let z = try Matrix(rows: rows, columns: latents, values: noise(rows * latents, 3))
    let dy = try Matrix(rows: rows, columns: columns, values: noise(rows * columns, 4))
    let expected = (try first.forward(z), try first.backward(z, outputGradient: dy))
    var output = [Float](repeating: 0, count: rows * columns)
    var dz = [Float](repeating: 0, count: rows * latents)
    var y = output.mutableSpan
    var d = dz.mutableSpan
    try second.forward(z.values.span, into: &y)
    try second.backward(
      latents: z.values.span, outputGradient: dy.values.span, latentsGradient: &d)
    #expect(output == expected.0.values && dz == expected.1.values)
  }

  @Test func refuses() throws {
    let encoder = try Encoder(
      inputs: 4, hidden: [3], latentDimensions: 2, capacity: 2, backend: backend)
    var room = [Float](repeating: 0, count: 16)
    try room.withUnsafeMutableBufferPointer { room in
      func x(_ count: Int) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(rebasing: room[..<count])
      }
      func place(_ range: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(rebasing: room[range])
      }
      let (two, last) = (place(12..<14), place(14..<16))
      #expect(throws: ShapeError.self) { try encoder.forward(x(8), mean: two, logVariance: last) }
      #expect(throws: ShapeError.self) { try encoder.forward(x(5), mean: two, logVariance: last) }
      #expect(throws: ShapeError.self) { try encoder.forward(x(12), mean: two, logVariance: last) }
      // One buffer for both, or parts of it; and the input that the way back needs.
      for (mean, logVariance) in [
        (12..<14, 12..<14), (12..<14, 13..<15), (3..<5, 12..<14), (12..<14, 0..<2),
      ] {
        #expect(throws: OverlapError.self) {
          try encoder.forward(x(4), mean: place(mean), logVariance: place(logVariance))
        }
      }
      try encoder.forward(x(4), mean: two, logVariance: last)
      #expect(throws: OverlapError.self) {
        try encoder.backward(
          input: x(4), meanGradient: UnsafeBufferPointer(two),
          logVarianceGradient: UnsafeBufferPointer(two),
          inputGradient: UnsafeMutableBufferPointer(rebasing: room[2..<6]))
      }
      #expect(throws: ShapeError.self) {
        try encoder.backward(
          input: x(8), meanGradient: UnsafeBufferPointer(two),
          logVarianceGradient: UnsafeBufferPointer(two))
      }
    }
  }
}
