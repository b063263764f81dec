import Foundation
import LatentKernels
import Testing

@Suite struct GaussianLogDensityTests {
  let kernels = try! Kernels()

  private func exact(_ x: Double, _ mean: Double, _ logVariance: Double) -> Double {
    -0.5 * (log(2 * .pi) + logVariance + (x - mean) * (x - mean) / exp(logVariance))
  }

  @Test func valuesAndGradients() throws {
    let (rows, columns) = (13, 21)
    let x = try kernels.normals(rows * columns, seed: 1)
    let mean = try kernels.normals(rows * columns, seed: 2)
    let logVariance = try kernels.normals(rows * columns, seed: 3)
    for (label, backend) in backends {
      let found = try backend.gaussianLogDensity(
        of: x, mean: mean, logVariance: logVariance, columns: columns, weight: -0.5)
      for row in 0..<rows {
        let range = row * columns..<(row + 1) * columns
        let expected = range.reduce(0) {
          $0 + exact(Double(x[$1]), Double(mean[$1]), Double(logVariance[$1]))
        }
        #expect(abs(Double(found.values[row]) - expected) < 1e-5 * abs(expected), "\(label)")
        for i in range {
          let (x, m, v) = (Double(x[i]), Double(mean[i]), Double(logVariance[i]))
          let step = 1e-5
          let dMean = (exact(x, m + step, v) - exact(x, m - step, v)) / (2 * step)
          let dVariance = (exact(x, m, v + step) - exact(x, m, v - step)) / (2 * step)
          #expect(abs(Double(found.meanGradient[i]) + 0.5 * dMean) < 1e-5 * max(1, abs(dMean)))
          #expect(
            abs(Double(found.logVarianceGradient[i]) + 0.5 * dVariance)
              < 1e-5 * max(1, abs(dVariance)))
        }
      }
    }
  }

  /// Log-variances are taken as they are, also where the variance itself is no float.
  @Test func smallAndLargeVariances() throws {
    let logVariance: [Float] = [-170, -120, -90, -88.8, -88, 0, 88, 89, 120, 170]
    let mean = [Float](repeating: 0, count: logVariance.count)
    for distance: Float in [0, 0.5, -3] {
      let x = logVariance.map { distance * Float(exp(Double($0) / 2)) }
      for (label, backend) in backends {
        let found = try backend.gaussianLogDensity(
          of: x, mean: mean, logVariance: logVariance, columns: 1, weight: -1)
        for (i, spread) in logVariance.enumerated() {
          let comment: Comment = "\(label): \(x[i]) of variance e^\(spread)"
          let expected = exact(Double(x[i]), 0, Double(spread))
          #expect(abs(Double(found.values[i]) - expected) < 3e-6 * max(1, abs(expected)), comment)
          let slope = Double(-x[i]) * exp(-Double(spread))
          if abs(slope) < Double(Float.greatestFiniteMagnitude), abs(slope) > 1e-37 {
            #expect(abs(Double(found.meanGradient[i]) / slope - 1) < 3e-5, comment)
          }
          let curve = (1 - Double(x[i]) * Double(x[i]) * exp(-Double(spread))) / 2
          #expect(abs(Double(found.logVarianceGradient[i]) - curve) < 1e-4, comment)
        }
      }
    }
  }

  /// At the mean the density has a logarithm however small the variance.
  @Test func variancesSmallerThanFloats() throws {
    let logVariance: [Float] = [-177, -178, -200, -1000, -3e38]
    let zeros = [Float](repeating: 0, count: logVariance.count)
    for (label, backend) in backends {
      let found = try backend.gaussianLogDensity(
        of: zeros, mean: zeros, logVariance: logVariance, columns: 1, weight: -1)
      for (i, spread) in logVariance.enumerated() {
        let expected = -0.5 * (log(2 * .pi) + Double(spread))
        #expect(abs(Double(found.values[i]) / expected - 1) < 1e-6, "\(label): e^\(spread)")
        #expect(found.meanGradient[i] == 0 && found.logVarianceGradient[i] == 0.5, "\(label)")
      }
    }
  }

  /// Spans give the arrays' bits; empty matrices are valid; overlaps and sizes are refused.
  @Test func edges() throws {
    let backend = try FusedBackend(threads: 1)
    let (x, mean): ([Float], [Float]) = ([1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5])
    let expected = try backend.gaussianLogDensity(of: x, mean: mean, logVariance: mean, columns: 3)
    var values = [Float](repeating: 0, count: 2)
    var dMean = [Float](repeating: 0, count: 6)
    var dVariance = dMean
    var a = values.mutableSpan
    var b = dMean.mutableSpan
    var c = dVariance.mutableSpan
    try backend.gaussianLogDensity(
      of: x.span, mean: mean.span, logVariance: mean.span, columns: 3, into: &a, meanGradient: &b,
      logVarianceGradient: &c)
    #expect(values == expected.values && dMean == expected.meanGradient)
    #expect(dVariance == expected.logVarianceGradient)
    #expect(
      try backend.gaussianLogDensity(of: [], mean: [], logVariance: [], columns: 3).values == [])
    #expect(throws: ShapeError.self) {
      try backend.gaussianLogDensity(of: x, mean: mean, logVariance: mean, columns: 4)
    }
    #expect(throws: ShapeError.self) {
      try backend.gaussianLogDensity(of: x, mean: mean, logVariance: [1], columns: 3)
    }
    try dMean.withUnsafeMutableBufferPointer { memory in
      let view = try UnsafeMatrixPointer(UnsafeBufferPointer(memory), rows: 1, columns: 3)
      #expect(throws: OverlapError.self) {
        try backend.gaussianLogDensity(
          of: view, mean: view, logVariance: view,
          into: UnsafeMutableBufferPointer(rebasing: memory[2..<3]))
      }
    }
  }
}
