import Foundation
import LatentKernels
import Testing

#if arch(x86_64)
  /// exp and log in double, held to what CKernels/kernels/elementary_double.h says, against the 64-bit
  /// mantissas of x87.
  @Suite struct MixtureElementaryTests {
    private func worst(
      _ inputs: [Double], _ kernel: KeyPath<latent_kernels, Kernel?>, _ exact: (Float80) -> Float80
    ) -> Double {
      var found = inputs
      found.withUnsafeMutableBufferPointer {
        InstructionSet.best.kernels[keyPath: kernel]!($0.count, $0.baseAddress, $0.baseAddress)
      }
      return zip(inputs, found).reduce(0) { worst, pair in
        let expected = exact(Float80(pair.0))
        let unit = Float80(max(Double(expected).magnitude.ulp, .leastNonzeroMagnitude))
        return max(worst, Double(((Float80(pair.1) - expected) / unit).magnitude))
      }
    }
    typealias Kernel =
      @convention(c) (
        Int, UnsafePointer<Double>?, UnsafeMutablePointer<Double>?
      ) -> Void

    @Test func exponential() {
      var inputs = [Double]()
      for i in 0..<200_000 { inputs.append(-708 + Double(i) * 0.007_086_131) }
      for i in 0..<100_000 { inputs.append(Double(i - 50_000) * 1.37e-5) }
      #expect(worst(inputs, \.exp_double) { exp($0) } < 0.98)
    }

    @Test func logarithm() {
      var inputs = [Double]()
      for i in 0..<200_000 {
        let significand = 1 + Double(i) / 200_001
        inputs.append(Double(sign: .plus, exponent: i % 2040 - 1020, significand: significand))
      }
      for i in 0..<100_000 { inputs.append(0.5 + Double(i) * 1.0007e-5) }
      #expect(worst(inputs, \.log_double) { log($0) } < 0.9)
    }

    @Test func specialValues() {
      var x: [Double] = [0, -.infinity, .infinity, -1000, 1000, -745.2, -744, .nan, -0.0]
      x.withUnsafeMutableBufferPointer {
        InstructionSet.best.kernels.exp_double($0.count, $0.baseAddress, $0.baseAddress)
      }
      #expect(x[0] == 1 && x[1] == 0 && x[2] == .infinity && x[3] == 0 && x[4] == .infinity)
      #expect(x[5] == 0 && x[6] == exp(-744) && x[7].isNaN && x[8] == 1)
      var y: [Double] = [0, -0.0, -1, .infinity, .nan, 1, .leastNonzeroMagnitude, -.infinity]
      y.withUnsafeMutableBufferPointer {
        InstructionSet.best.kernels.log_double($0.count, $0.baseAddress, $0.baseAddress)
      }
      #expect(y[0] == -.infinity && y[1] == -.infinity && y[2].isNaN && y[3] == .infinity)
      #expect(
        y[4].isNaN && y[5] == 0 && abs(y[6] - log(.leastNonzeroMagnitude)) < 1e-12 && y[7].isNaN)
    }
  }
#endif
