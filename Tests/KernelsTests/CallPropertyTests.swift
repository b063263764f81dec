import Foundation
import LatentKernels
import Testing

/// Sizes, strides and places in memory of a call, made up.
struct CallCase: Shrinkable {
  var rows, columns, inner: Int
  /// Floats between rows, of the input and of the output, and before the first.
  var gap, otherGap, start: Int
  /// A function, layout, precision or other choice of the call.
  var choice: Int
  var threads: Int
  var set: InstructionSet
  var seed: UInt64

  init(_ random: inout SplitMix, rows: Int = 30, columns: Int = 120, inner: Int = 60) {
    (self.rows, self.columns) = (random.size(rows), random.size(columns))
    self.inner = random.size(inner)
    (gap, otherGap) = (Int(random.next() % 20), Int(random.next() % 20))
    start = Int(random.next() % 16)
    choice = Int(random.next() % 64)
    threads = Int(random.next() % 4) + 1
    set = random.choice(InstructionSet.available)
    seed = random.next()
  }

  var smaller: [CallCase] {
    replacing(\.rows, with: rows.shrunk()) + replacing(\.columns, with: columns.shrunk())
      + replacing(\.inner, with: inner.shrunk()) + replacing(\.gap, with: gap.shrunk(to: 0))
      + replacing(\.otherGap, with: otherGap.shrunk(to: 0))
      + replacing(\.start, with: start.shrunk(to: 0))
      + replacing(\.threads, with: threads.shrunk())
  }

  var description: String {
    "\(rows) x \(inner) x \(columns), gaps \(gap) and \(otherGap), start \(start), "
      + "choice \(choice), \(threads) threads, \(set), values of \(seed)"
  }

  func floats(_ count: Int, stream: UInt64, in range: ClosedRange<Double> = -1...1) -> [Float] {
    var random = SplitMix(state: seed &+ stream)
    return (0..<count).map { _ in Float(random.float(in: range)) }
  }

  /// All backends, the fused one on the case's set and threads.
  func backends() throws -> [(String, any Backend)] {
    var all: [(String, any Backend)] = [
      ("fused", try FusedBackend(threads: threads, instructionSet: set)),
      ("simd", try SIMDBackend(threads: threads)), ("reference", ReferenceBackend()),
    ]
    #if OpenBLAS
      all.append(("openblas", try OpenBLASBackend(threads: threads)))
    #endif
    return all
  }
}

/// A matrix inside an array of sevens: `start` before it, `gap` after each row.
private struct Framed {
  var memory: [Float]
  let start, rows, columns, stride: Int

  init(_ values: [Float], rows: Int, columns: Int, start: Int, gap: Int) {
    (self.start, self.rows, self.columns, stride) = (start, rows, columns, columns + gap)
    memory = [Float](repeating: 7, count: start + rows * stride + 3)
    for (index, value) in values.enumerated() {
      memory[start + index / columns * stride + index % columns] = value
    }
  }

  var values: [Float] {
    (0..<rows).flatMap { row in memory[(start + row * stride)...].prefix(columns) }
  }
  /// Whether all that is not the matrix's own is seven.
  var isIntact: Bool {
    memory.indices.allSatisfy { index in
      let (row, column) = max(0, index - start).quotientAndRemainder(dividingBy: stride)
      return index >= start && row < rows && column < columns || memory[index] == 7
    }
  }

  mutating func withMatrix<Result>(
    _ body: (UnsafeMutableMatrixPointer) throws -> Result
  ) throws -> Result {
    try memory.withUnsafeMutableBufferPointer {
      let end = start + (rows - 1) * stride + columns
      return try body(
        UnsafeMutableMatrixPointer(
          UnsafeMutableBufferPointer(rebasing: $0[start..<end]), rows: rows, columns: columns,
          stride: stride))
    }
  }
}

/// Calls on the caller's memory with made-up sizes, strides, places and threads, against double
/// precision; what lies beside the results stays. See ``PropertyTests`` for more cases.
@Suite struct CallPropertyTests {
  @Test func elementwiseFunctionsAgree() throws {
    try Property.check(count: 60) {
      CallCase(&$0, columns: 400)
    } message: { example in
      let kernels = try Kernels(example.set)
      let (name, path, exact) = CallTests.functions[example.choice % CallTests.functions.count]
      let range = name.hasPrefix("log") ? 0.01...40.0 : -20.0...20.0
      let x = example.floats(example.columns, stream: 1, in: range)
      var frame = Framed(x, rows: 1, columns: example.columns, start: example.start, gap: 0)
      try frame.withMatrix { matrix in
        let values = UnsafeMutableBufferPointer(start: matrix.baseAddress, count: x.count)
        try kernels[keyPath: path](UnsafeBufferPointer(values), into: values)
      }
      guard frame.isIntact else { return "\(name) wrote beside its values" }
      for (x, y) in zip(x, frame.values) {
        let expected = exact(Double(x))
        // e^-20 + 1 and the like: what the plain formula in double loses itself.
        guard abs(Double(y) - expected) <= 1e-6 * abs(expected) + 1e-15 else {
          return "\(name)(\(x)) is \(y), not \(expected)"
        }
      }
      return nil
    }
  }

  @Test func normalsAreTheCounters() throws {
    try Property.check(count: 20) {
      CallCase(&$0, columns: 300)
    } message: { example in
      let z = try Kernels(example.set).normals(
        example.columns, seed: example.seed, sample: UInt32(example.choice),
        row: UInt32(example.rows), epoch: UInt32(example.inner))
      let exact = CounterRandom(
        seed: example.seed, purpose: LATENT_PURPOSE_EPSILON, sample: UInt32(example.choice),
        row: UInt32(example.rows), epoch: UInt32(example.inner))
      let wrong = z.indices.first { abs(Double(z[$0]) - exact.normal($0)) > 4e-6 }
      return wrong.map { "dimension \($0): \(z[$0]), not \(exact.normal($0))" }
    }
  }

  @Test func gaussianLogDensitiesAgree() throws {
    try Property.check(count: 15) {
      CallCase(&$0)
    } message: { example in
      let (rows, columns, weight) = (example.rows, example.columns, Float(example.choice % 9 - 4))
      func framed(_ stream: UInt64, _ gap: Int) -> Framed {
        Framed(
          example.floats(rows * columns, stream: stream), rows: rows, columns: columns,
          start: example.start, gap: gap)
      }
      let (x, mean, spread) = (framed(1, example.gap), framed(2, example.otherGap), framed(3, 0))
      for (label, backend) in try example.backends() {
        var (a, b, c, densities) = (x, mean, spread, [Float](repeating: 7, count: rows))
        var (dMean, dSpread) = (framed(4, example.gap), framed(5, example.otherGap))
        try a.withMatrix { x in
          try b.withMatrix { mean in
            try c.withMatrix { spread in
              try dMean.withMatrix { dMean in
                try dSpread.withMatrix { dSpread in
                  try densities.withUnsafeMutableBufferPointer {
                    try backend.gaussianLogDensity(
                      of: UnsafeMatrixPointer(x), mean: UnsafeMatrixPointer(mean),
                      logVariance: UnsafeMatrixPointer(spread), into: $0, meanGradient: dMean,
                      logVarianceGradient: dSpread, weight: weight)
                  }
                }
              }
            }
          }
        }
        guard a.memory == x.memory, b.memory == mean.memory, c.memory == spread.memory else {
          return "\(label) wrote an input"
        }
        guard dMean.isIntact, dSpread.isIntact else { return "\(label) wrote between rows" }
        let (xs, means, spreads) = (x.values, mean.values, spread.values)
        let (dMeans, dSpreads) = (dMean.values, dSpread.values)
        for row in 0..<rows {
          var (sum, size) = (0.0, 0.0)
          for i in row * columns..<(row + 1) * columns {
            let (error, v) = (Double(xs[i]) - Double(means[i]), Double(spreads[i]))
            let square = error * error / exp(v)
            sum -= 0.5 * (log(2 * .pi) + v + square)
            size += 2 + square
            let w = Double(weight)
            guard abs(Double(dMeans[i]) - w * error / exp(v)) <= 1e-5 * abs(w) * (1 + square),
              abs(Double(dSpreads[i]) - w * 0.5 * (square - 1)) <= 1e-5 * abs(w) * (1 + square)
            else { return "\(label): gradients at \(i)" }
          }
          guard abs(Double(densities[row]) - sum) <= 1e-6 * size else {
            return "\(label): row \(row) is \(densities[row]), not \(sum)"
          }
        }
      }
      return nil
    }
  }

  @Test func packedLayersAgree() throws {
    try Property.check(count: 20) {
      CallCase(&$0)
    } message: { example in
      let (rows, inner, columns) = (example.rows, example.inner, example.columns)
      let activation = Activation.allCases[example.choice % Activation.allCases.count]
      let turned = example.choice / 8 % 2 == 1
      let weights = example.floats(inner * columns, stream: 1)
      let bias = example.choice / 16 % 2 == 1 ? nil : example.floats(columns, stream: 2)
      let layer = try PackedLinear(
        inputs: inner, outputs: columns, weights: weights,
        layout: turned ? .outputsByInputs : .inputsByOutputs, bias: bias, activation: activation)
      let input = Framed(
        example.floats(rows * inner, stream: 3), rows: rows, columns: inner, start: example.start,
        gap: example.gap)
      for (label, backend) in try example.backends() {
        var x = input
        var y = Framed(
          [], rows: rows, columns: columns, start: example.start, gap: example.otherGap)
        try x.withMatrix { x in
          try y.withMatrix { y in try layer.forward(UnsafeMatrixPointer(x), into: y, on: backend) }
        }
        guard x.memory == input.memory else { return "\(label) wrote its input" }
        guard y.isIntact else { return "\(label) wrote beside its output" }
        let (xs, ys) = (input.values, y.values)
        for row in 0..<rows {
          for column in 0..<columns {
            var (sum, size) = (Double(bias?[column] ?? 0), 1.0)
            for k in 0..<inner {
              let weight = turned ? weights[column * inner + k] : weights[k * columns + column]
              sum += Double(xs[row * inner + k]) * Double(weight)
              size += abs(Double(xs[row * inner + k]) * Double(weight))
            }
            let expected = Self.exact(activation, sum)
            guard abs(Double(ys[row * columns + column]) - expected) <= 1e-6 * size else {
              return "\(label), \(activation), transposed \(turned): row \(row), column \(column)"
            }
          }
        }
      }
      return nil
    }
  }

  @Test func covariancesAgree() throws {
    try Property.check(count: 6) {
      CallCase(&$0, rows: 600, columns: 40)
    } message: { example in
      let (count, columns) = (example.rows, example.columns)
      let precision: Precision = example.choice % 2 == 0 ? .double : .float
      let values = example.floats(count * columns, stream: 1, in: 3...5)
      let accumulator = try CovarianceAccumulator(
        columns: columns, precision: precision,
        backend: try FusedBackend(threads: example.threads, instructionSet: example.set))
      // In two parts.
      let cut = example.inner % (count + 1)
      for range in [0..<cut, cut..<count] where !range.isEmpty {
        var part = Matrix<Float>(rows: range.count, columns: columns)
        part.values = Array(values[range.lowerBound * columns..<range.upperBound * columns])
        try accumulator.add(Rows(part))
      }
      let found = accumulator.finish()
      guard found.count == count else { return "\(found.count) rows were counted" }
      let n = Double(count)
      let mean = (0..<columns).map { column in
        (0..<count).reduce(0) { $0 + Double(values[$1 * columns + column]) } / n
      }
      for i in 0..<columns {
        guard abs(found.mean[i] - mean[i]) < 1e-12 else { return "the mean of column \(i)" }
        for j in 0..<columns {
          let covariance =
            (0..<count).reduce(0) {
              $0 + (Double(values[$1 * columns + i]) - mean[i])
                * (Double(values[$1 * columns + j]) - mean[j])
            } / n
          guard abs(found.covariance[i, j] - covariance) < (precision == .double ? 1e-12 : 1e-5)
          else { return "\(precision): the covariance of columns \(i) and \(j)" }
        }
      }
      return nil
    }
  }

  /// The first layer by lists of ones has the bits of the dense products.
  @Test func listsOfOnesAgree() throws {
    try Property.check(count: 10) {
      CallCase(&$0, rows: 80, inner: 400)
    } message: { example in
      let density: Float? = example.choice % 7 == 6 ? nil : Float(example.choice % 7) / 16
      let backend = try FusedBackend(threads: example.threads, instructionSet: example.set)
      let bits = try [false, true].map { ones in
        try OnesTests.Layer(
          rows: example.rows, inner: example.inner, columns: example.columns, density: density,
          ones: ones, seed: example.seed
        ).run(on: backend)
      }
      return bits[0] == bits[1] ? nil : "other bits by lists of ones, density \(density ?? -1)"
    }
  }

  private static func exact(_ activation: Activation, _ x: Double) -> Double {
    switch activation {
    case .identity: x
    case .relu: max(x, 0)
    case .tanh: tanh(x)
    case .sigmoid: 1 / (1 + exp(-x))
    case .softplus: max(x, 0) + log1p(exp(-abs(x)))
    case .elu: x > 0 ? x : expm1(x)
    }
  }
}
