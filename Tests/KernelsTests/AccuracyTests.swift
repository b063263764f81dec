import Foundation
import LatentKernels
import Testing

typealias ElementwiseKernel =
  @convention(c) (
    Int, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?
  ) -> Void

struct ElementwiseCase: Sendable, CustomTestStringConvertible {
  let name: String
  /// The largest error promised, in units of the last place.
  let bound: Double
  let kernel: @Sendable (latent_kernels) -> ElementwiseKernel?
  let exact: @Sendable (Double) -> Double
  var testDescription: String { name }
}

let elementwiseCases = [
  ElementwiseCase(name: "exp", bound: 1.0, kernel: { $0.exp }, exact: { Foundation.exp($0) }),
  ElementwiseCase(name: "log", bound: 1.0, kernel: { $0.log }, exact: { Foundation.log($0) }),
  ElementwiseCase(name: "log1p", bound: 1.5, kernel: { $0.log1p }, exact: { Foundation.log1p($0) }),
  ElementwiseCase(
    name: "sigmoid", bound: 1.5, kernel: { $0.sigmoid },
    exact: { x in
      x >= 0
        ? 1 / (1 + Foundation.exp(-x)) : Foundation.exp(x) / (1 + Foundation.exp(x))
    }),
  ElementwiseCase(name: "tanh", bound: 2.0, kernel: { $0.tanh }, exact: { Foundation.tanh($0) }),
  ElementwiseCase(
    name: "softplus", bound: 2.0, kernel: { $0.softplus },
    exact: { max($0, 0) + Foundation.log1p(Foundation.exp(-abs($0))) }),
  ElementwiseCase(name: "erf", bound: 1.1, kernel: { $0.erf }, exact: { Foundation.erf($0) }),
  ElementwiseCase(
    name: "elu", bound: 1.0, kernel: { $0.elu }, exact: { $0 > 0 ? $0 : Foundation.expm1($0) }),
]

/// |found - exact| in units of the last place of a float at `exact`; IEEE's special values must be
/// met exactly.
func unitsInTheLastPlace(_ found: Float, _ exact: Double) -> Double {
  let rounded = Float(exact)
  if exact.isNaN || found.isNaN { return exact.isNaN && found.isNaN ? 0 : .infinity }
  if rounded.isInfinite || found.isInfinite {
    if rounded == found { return 0 }
    return rounded.isInfinite && exact.isFinite && abs(found) == .greatestFiniteMagnitude
      ? 1 : .infinity
  }
  if exact == 0 { return found == 0 ? 0 : .infinity }
  let ulp = max(
    Double(sign: .plus, exponent: exact.exponent - 23, significand: 1),
    Double(Float.leastNonzeroMagnitude))
  return abs(Double(found) - exact) / ulp
}

@Suite struct AccuracyTests {
  /// All 2³² floats with LATENT_EXHAUSTIVE set (five to six minutes on two cores), every 65,537th else, and the
  /// special values always.
  @Test(arguments: elementwiseCases)
  func staysWithinItsBound(_ example: ElementwiseCase) {
    let exhaustive = ProcessInfo.processInfo.environment["LATENT_EXHAUSTIVE"] != nil
    let stride: UInt64 = exhaustive ? 1 : 65_537
    let special: [Float] = [
      0, -0.0, 1, -1, .infinity, -.infinity, .nan, .leastNonzeroMagnitude,
      -.leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude,
      -.greatestFiniteMagnitude, 88.72283, 88.7229, -87.33655, -103.97208, -104, 0.625, 0.92,
      0x1p24,
    ]
    for set in exhaustive ? [InstructionSet.best] : InstructionSet.available {
      let kernel = example.kernel(set.kernels)
      var worst = (error: 0.0, input: Float(0))
      func check(_ inputs: [Float]) {
        for (x, found) in zip(inputs, inputs.applying(kernel)) {
          let error = unitsInTheLastPlace(found, example.exact(Double(x)))
          if error > worst.error { worst = (error, x) }
        }
      }
      check(special)
      var bits: UInt64 = 0
      while bits < 1 << 32 {
        let end = min(bits + 4096 * stride, 1 << 32)
        check(
          Swift.stride(from: bits, to: end, by: Int(stride)).map { Float(bitPattern: UInt32($0)) })
        bits = bits + 4096 * stride
      }
      let bound = set.keepsBits ? example.bound : 2 * example.bound + 2
      #expect(worst.error <= bound, "\(set): \(worst.error) at \(worst.input)")
    }
  }

  @Test func zerosKeepTheirSigns() {
    for set in InstructionSet.available {
      for example in elementwiseCases where ["tanh", "erf", "log1p"].contains(example.name) {
        let found = [Float(-0.0), 0].applying(example.kernel(set.kernels))
        #expect(found[0].sign == .minus && found[1].sign == .plus, "\(example.name) on \(set)")
      }
    }
  }

  /// The same bits on every instruction set that promises them.
  @Test(arguments: elementwiseCases)
  func keepsBits(_ example: ElementwiseCase) {
    let inputs = (0..<200_000).map { Float(bitPattern: UInt32(truncatingIfNeeded: $0 &* 21_474)) }
    let expected = inputs.applying(example.kernel(InstructionSet.scalar.kernels))
    for set in InstructionSet.available where set.keepsBits {
      let found = inputs.applying(example.kernel(set.kernels))
      let differing = inputs.indices.first {
        found[$0].bitPattern != expected[$0].bitPattern
          && !(found[$0].isNaN && expected[$0].isNaN)
      }
      #expect(differing == nil, "\(set) at \(inputs[differing ?? 0])")
    }
  }
}
