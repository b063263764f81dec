import LatentKernels
import LatentNetworks

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
    let start = parameters.read(slot)
    let gradient = parameters.read(slot, .gradients)
    let norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    func loss(at distance: Double) throws -> Double {
      parameters.write(
        zip(start, gradient).map { $0 + Float(distance / norm) * $1 }, to: slot)
      parameters.refreshTransposed()
      return try classifier.loss()
    }
    let slope = (try loss(at: 0.01) - loss(at: -0.01)) / 0.02
    parameters.write(start, to: slot)
    parameters.refreshTransposed()
    expectClose(slope, norm, 0.01, slot.name)
  }
}

/// log N(x | μ, σ²) and its gradients against differences.
func checkDensityGradients(_ backend: any Backend) throws {
  let x: [Float] = [0.3, -1.2, 2, 0.1, 0.7, -0.4]
  let mean: [Float] = [0, -1, 1.5, 0.2, 0.1, 0]
  let logVariance: [Float] = [0.5, -0.3, 0, 0.2, -1, 1]
  func total(_ mean: [Float], _ logVariance: [Float]) throws -> Double {
    try backend.gaussianLogDensity(of: x, mean: mean, logVariance: logVariance, columns: 3)
      .values.reduce(0.0) { $0 + Double($1) }
  }
  let density = try backend.gaussianLogDensity(
    of: x, mean: mean, logVariance: logVariance, columns: 3)
  for index in x.indices {
    func moved(_ values: [Float], _ step: Float) -> [Float] {
      var values = values
      values[index] += step
      return values
    }
    let step: Float = 0x1p-7
    expectClose(
      (try total(moved(mean, step), logVariance) - total(moved(mean, -step), logVariance))
        / (2 * Double(step)), Double(density.meanGradient[index]), 0.001, "mean \(index)")
    expectClose(
      (try total(mean, moved(logVariance, step)) - total(mean, moved(logVariance, -step)))
        / (2 * Double(step)), Double(density.logVarianceGradient[index]), 0.001,
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
