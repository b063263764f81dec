import LatentKernels
import LatentNetworks

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Fails unless both are within `tolerance` of the larger one.
func expectClose(_ found: Double, _ expected: Double, _ tolerance: Double, _ name: String) {
  guard abs(found - expected) <= tolerance * max(abs(found), abs(expected), 1e-3) else {
    fatalError("\(name): expected \(expected), found \(found)")
  }
}

/// The classifier's gradients of every parameter tensor against differences of its own loss, along
/// each tensor's gradient.
func checkClassifierGradients(_ classifier: inout Classifier) throws {
  _ = try classifier.loss()
  try classifier.backward()
  let parameters = classifier.encoder.parameters
  // The log-variance heads have no part in the loss.
  for slot in parameters.slots where !slot.name.contains("LogVariance") {
    let start = try parameters.read(slot)
    let gradient = try parameters.read(slot, .gradients)
    let norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    func loss(at distance: Double) throws -> Double {
      try parameters.write(
        zip(start, gradient).map { $0 + Float(distance / norm) * $1 }, to: slot)
      parameters.refreshTransposed()
      return try classifier.loss()
    }
    let slope = (try loss(at: 0.01) - loss(at: -0.01)) / 0.02
    try parameters.write(start, to: slot)
    parameters.refreshTransposed()
    expectClose(slope, norm, 0.01, slot.name)
  }
}

/// log N(x | μ, σ²) against its definition in double, and its gradients against differences of that: those of
/// the floats themselves would be rounding above all.
func checkDensityGradients(_ backend: any Backend) throws {
  let x: [Float] = [0.3, -1.2, 2, 0.1, 0.7, -0.4]
  let mean: [Float] = [0, -1, 1.5, 0.2, 0.1, 0]
  let logVariance: [Float] = [0.5, -0.3, 0, 0.2, -1, 1]
  func exact(_ index: Int, mean shift: Double = 0, logVariance more: Double = 0) -> Double {
    let error = Double(x[index]) - Double(mean[index]) - shift
    let spread = Double(logVariance[index]) + more
    return -0.5 * (log(2 * Double.pi) + spread + error * error * exp(-spread))
  }
  let density = try backend.gaussianLogDensity(
    of: x, mean: mean, logVariance: logVariance, columns: 3)
  for row in 0..<2 {
    let expected = (3 * row..<3 * row + 3).reduce(0.0) { $0 + exact($1) }
    expectClose(Double(density.values[row]), expected, 1e-6, "row \(row)")
  }
  let step = 1e-5
  for index in x.indices {
    expectClose(
      Double(density.meanGradient[index]),
      (exact(index, mean: step) - exact(index, mean: -step)) / (2 * step), 1e-4, "mean \(index)")
    expectClose(
      Double(density.logVarianceGradient[index]),
      (exact(index, logVariance: step) - exact(index, logVariance: -step)) / (2 * step), 1e-4,
      "log-variance \(index)")
  }
}

/// A fused layer on columns of larger matrices, in place.
func checkFusedLayer(_ backend: any Backend) throws {
  let layer = try PackedLinear(
    inputs: 2, outputs: 3, weights: [1, 0, -1, 0, 1, 2], bias: [0, 0.5, 0], activation: .relu)
  var table: [Float] = [1, 2, 9, 9, 9, 7, 3, -1, 9, 9, 9, 7]  // rows of x, y and a seventh column
  try table.withUnsafeMutableBufferPointer { table in
    try layer.forward(
      UnsafeMatrixPointer(UnsafeBufferPointer(table), rows: 2, columns: 2, stride: 6),
      into: UnsafeMutableMatrixPointer(
        UnsafeMutableBufferPointer(rebasing: table[2...]), rows: 2, columns: 3, stride: 6),
      on: backend)
  }
  guard table == [1, 2, 1, 2.5, 3, 7, 3, -1, 3, 0, 0, 7] else {
    fatalError("the fused layer wrote \(table)")
  }
}
