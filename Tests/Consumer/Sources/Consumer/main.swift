// A trainer of its own on Latent's kernels and networks.
import Counting
import LatentKernels

/// Trains and returns the share of points it gets right.
func train(on backend: any Backend) throws -> Double {
  var classifier = try Classifier(count: 200, backend: backend)
  try checkClassifierGradients(&classifier)
  for _ in 0..<600 {
    _ = try classifier.loss()
    try classifier.backward()
    try classifier.step(2)
  }
  _ = try classifier.loss()
  return classifier.share
}

let fused = try FusedBackend()
try checkFusedLayer(fused)
try checkDensityGradients(fused)
let counting = try CountingBackend()
let shares = [try train(on: fused), try train(on: counting), try train(on: SIMDBackend())]
// 601 forward passes of two layers, 600 backward of three products, and the check's own.
let expected = 601 * 2 + 600 * 3 + 21
guard shares.allSatisfy({ $0 > 0.9 }), shares[0] == shares[1], counting.operations == expected
else {
  fatalError(
    "expected all above 0.9 and \(expected) operations, found \(shares) and "
      + "\(counting.operations)")
}
print("right: \(shares), operations counted: \(counting.operations)")
