import Foundation
import LatentKernels
import Testing

@Suite struct PackedLinearTests {
  let backend = try! FusedBackend(threads: 2)
  let kernels = try! Kernels()

  private func noise(_ count: Int, _ stream: UInt32) throws -> [Float] {
    try kernels.normals(count, seed: 11, row: stream)
  }

  private func exact(_ activation: Activation, _ x: Double) -> Double {
    switch activation {
    case .identity: x
    case .relu: max(x, 0)
    case .tanh: tanh(x)
    case .sigmoid: 1 / (1 + exp(-x))
    case .softplus: log1p(exp(x))
    case .elu: x > 0 ? x : expm1(x)
    }
  }

  /// Against plain loops in double, on both layouts and every backend.
  @Test(arguments: Activation.allCases)
  func agreesWithLoops(_ activation: Activation) throws {
    for (rows, inputs, outputs) in [(1, 1, 1), (7, 19, 50), (9, 5, 112), (3, 0, 4)] {
      let x = try noise(rows * inputs, 0)
      let w = try noise(inputs * outputs, 1)
      let b = try noise(outputs, 2)
      let transposed = (0..<outputs).flatMap { o in (0..<inputs).map { w[$0 * outputs + o] } }
      let plain = try PackedLinear(
        inputs: inputs, outputs: outputs, weights: w, bias: b, activation: activation)
      let turned = try PackedLinear(
        inputs: inputs, outputs: outputs, weights: transposed, layout: .outputsByInputs, bias: b,
        activation: activation)
      let y = try plain.forward(rows: rows, x, on: backend)
      #expect(try turned.forward(rows: rows, x, on: backend) == y)
      for (label, other) in backends {
        let found = try plain.forward(rows: rows, x, on: other)
        for row in 0..<rows {
          for o in 0..<outputs {
            let sum = (0..<inputs).reduce(Double(b[o])) {
              $0 + Double(x[row * inputs + $1]) * Double(w[$1 * outputs + o])
            }
            let expected = exact(activation, sum)
            #expect(
              abs(Double(found[row * outputs + o]) - expected) < 1e-5 * max(1, abs(expected)),
              "\(label), \(rows) x \(inputs) x \(outputs)")
          }
        }
      }
    }
  }

  /// Columns of larger matrices, read and written in place; what lies between rows stays.
  @Test(arguments: [(50, 64), (50, 61), (3, 16), (48, 64), (128, 160)])
  func strides(_ outputs: Int, _ stride: Int) throws {
    let (rows, inputs) = (21, 10)
    let layer = try PackedLinear(
      inputs: inputs, outputs: outputs, weights: try noise(inputs * outputs, 1),
      bias: try noise(outputs, 2), activation: .tanh)
    let x = try noise(rows * inputs, 0)
    let expected = try layer.forward(rows: rows, x, on: backend)
    // x and y side by side in rows of one table, which ends with y's last value.
    let width = stride + 16
    var table = [Float](repeating: 77, count: (rows - 1) * width + 16 + outputs)
    for row in 0..<rows {
      for i in 0..<inputs { table[row * width + i] = x[row * inputs + i] }
    }
    let before = table
    try table.withUnsafeMutableBufferPointer { table in
      try layer.forward(
        UnsafeMatrixPointer(
          UnsafeBufferPointer(table), rows: rows, columns: inputs, stride: width),
        into: UnsafeMutableMatrixPointer(
          UnsafeMutableBufferPointer(rebasing: table[16...]), rows: rows, columns: outputs,
          stride: width), on: backend)
    }
    for index in table.indices {
      let (row, column) = (index / width, index % width - 16)
      if 0..<outputs ~= column {
        #expect(table[index] == expected[row * outputs + column])
      } else {
        #expect(table[index] == before[index], "row \(row), column \(column)")
      }
    }
  }

  @Test func spansAndRefusals() throws {
    let layer = try PackedLinear(inputs: 2, outputs: 3, weights: [1, 2, 3, 4, 5, 6])
    let x: [Float] = [1, 0, 0, 1]
    var y = [Float](repeating: 0, count: 6)
    var span = y.mutableSpan
    try layer.forward(rows: 2, x.span, into: &span, on: backend)
    #expect(y == [1, 2, 3, 4, 5, 6])
    #expect(try layer.forward(rows: 0, [], on: backend) == [])
    #expect(throws: ShapeError.self) { try layer.forward(rows: 3, x, on: backend) }
    #expect(throws: ShapeError.self) { try layer.forward(rows: 1, x, on: backend) }
    #expect(throws: ShapeError.self) { try layer.forward(rows: .max, x, on: backend) }
    // Before there is room for the output, whether values are missing or there are none to miss.
    for inputs in [0, 1, 3] {
      let small = try PackedLinear(
        inputs: inputs, outputs: 1, weights: [Float](repeating: 1, count: inputs))
      for rows in [Int.min, -1, 1 << 40, Int.max / 3 + 1, .max] {
        #expect(throws: ShapeError.self) { try small.forward(rows: rows, [], on: backend) }
      }
    }
    let wide = try PackedLinear(inputs: 0, outputs: 1 << 20, weights: [])
    #expect(throws: ShapeError.self) { try wide.forward(rows: 1 << 30, [], on: backend) }
    #expect(throws: ShapeError.self) { try layer.forward(rows: -1, x, on: backend) }
    #expect(throws: ShapeError.self) { try PackedLinear(inputs: 2, outputs: 3, weights: [1]) }
    #expect(throws: ShapeError.self) {
      try PackedLinear(inputs: .max, outputs: 3, weights: [])
    }
    #expect(throws: ShapeError.self) {
      try PackedLinear(inputs: 1, outputs: 1, weights: [1], bias: [])
    }
    var memory = [Float](repeating: 0, count: 8)
    #expect(throws: OverlapError.self) {
      try memory.withUnsafeMutableBufferPointer {
        try layer.forward(
          rows: 2, UnsafeBufferPointer(rebasing: $0[..<4]),
          into: UnsafeMutableBufferPointer(rebasing: $0[2...]), on: backend)
      }
    }
  }
}
