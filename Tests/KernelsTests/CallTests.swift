import Foundation
import LatentKernels
import Testing

/// Single kernels on the caller's memory: values against double precision, refusals, and that nothing
/// but the result is written.
@Suite struct CallTests {
  let kernels = try! Kernels()
  static let functions:
    [(String, KeyPath<Kernels, Elementwise> & Sendable, @Sendable (Double) -> Double)] = [
      ("exp", \.exp, { exp($0) }), ("log", \.log, { log($0) }), ("log1p", \.log1p, { log1p($0) }),
      ("tanh", \.tanh, { tanh($0) }), ("sigmoid", \.sigmoid, { 1 / (1 + exp(-$0)) }),
      ("softplus", \.softplus, { log1p(exp($0)) }), ("elu", \.elu, { $0 > 0 ? $0 : expm1($0) }),
      ("erf", \.erf, { erf($0) }),
    ]

  @Test(arguments: functions.indices)
  func elementwise(_ index: Int) throws {
    let (name, path, exact) = Self.functions[index]
    let function = kernels[keyPath: path]
    let x = (0..<37).map { Float($0 + 1) * 0.17 }
    let y = function(x)
    for i in x.indices {
      let expected = exact(Double(x[i]))
      #expect(abs(Double(y[i]) - expected) <= 4e-7 * abs(expected), "\(name)(\(x[i]))")
    }
    // The same through every door.
    var inPlace = x
    function(inPlace: &inPlace)
    var buffered = [Float](repeating: -1, count: x.count)
    try x.withUnsafeBufferPointer { x in
      try buffered.withUnsafeMutableBufferPointer { try function(x, into: $0) }
    }
    var spanned = [Float](repeating: -1, count: x.count)
    var span = spanned.mutableSpan
    try function(x.span, into: &span)
    #expect(inPlace == y && buffered == y && spanned == y)
    #expect(function([]) == [])
  }

  @Test func refusesSizesAndPartialOverlap() throws {
    var values = [Float](repeating: 0.5, count: 8)
    #expect(throws: ShapeError.self) {
      try values.withUnsafeMutableBufferPointer {
        try kernels.exp(UnsafeBufferPointer(rebasing: $0[..<3]), into: $0)
      }
    }
    #expect(throws: OverlapError.self) {
      try values.withUnsafeMutableBufferPointer {
        try kernels.exp(
          UnsafeBufferPointer(rebasing: $0[..<4]),
          into: UnsafeMutableBufferPointer(rebasing: $0[1..<5]))
      }
    }
    try values.withUnsafeMutableBufferPointer { try kernels.exp(UnsafeBufferPointer($0), into: $0) }
    #expect(values == kernels.exp([Float](repeating: 0.5, count: 8)))
  }

  @Test func normalsAreTheCounters() throws {
    let z = try kernels.normals(100, seed: 5, row: 3, epoch: 2)
    let exact = CounterRandom(
      seed: 5, purpose: LATENT_PURPOSE_EPSILON, sample: 0, row: 3, epoch: 2)
    for i in z.indices { #expect(abs(Double(z[i]) - exact.normal(i)) < 2e-6) }
    var span = [Float](repeating: 0, count: 100)
    var view = span.mutableSpan
    try kernels.normals(seed: 5, row: 3, epoch: 2, into: &view)
    #expect(span == z)
    #expect(throws: SettingError.self) { try kernels.normals(1, seed: 0, sample: 1 << 24) }
    #expect(throws: ShapeError.self) { try kernels.normals(-1, seed: 0) }
  }

  @Test func viewsRefuseWhatDoesNotFit() throws {
    let values = [Float](repeating: 0, count: 12)
    try values.withUnsafeBufferPointer { values in
      _ = try UnsafeMatrixPointer(values, rows: 3, columns: 4)
      // The last row needs no room between rows.
      _ = try UnsafeMatrixPointer(values, rows: 3, columns: 2, stride: 5)
      _ = try UnsafeMatrixPointer(values, rows: 0, columns: 4)
      for (rows, columns, stride) in [
        (4, 4, 4), (3, 4, 3), (-1, 4, 4), (3, -1, 4), (3, 2, 6), (3, 2, -4),
        (1 << 40, 1 << 40, 1 << 40),
        (Int.max, 2, 2), (2, 2, .max),
      ] {
        #expect(throws: ShapeError.self) {
          try UnsafeMatrixPointer(values, rows: rows, columns: columns, stride: stride)
        }
      }
    }
  }
}
