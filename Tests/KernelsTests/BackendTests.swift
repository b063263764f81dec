import Foundation
import LatentKernels
import Testing

/// Everything that must agree with the reference. A new backend, instruction set or number of
/// threads is one line here. LATENT_BACKENDS="fused avx" leaves those that have these words.
let backends: [(label: String, backend: any Backend)] = {
  var backends: [(label: String, backend: any Backend)] = [("reference", ReferenceBackend())]
  for threads in [1, 2] {
    backends.append(("simd, \(threads) threads", try! SIMDBackend(threads: threads)))
    #if OpenBLAS
      backends.append(("openblas, \(threads) threads", try! OpenBLASBackend(threads: threads)))
    #endif
  }
  for set in InstructionSet.available {
    for threads in set == .scalar ? [2] : [1, 2, 3, 8] {
      backends.append(
        (
          "fused \(set), \(threads) threads",
          try! FusedBackend(threads: threads, instructionSet: set)
        ))
    }
  }
  guard let words = ProcessInfo.processInfo.environment["LATENT_BACKENDS"] else { return backends }
  return backends.filter { $0.label.contains(words) }
}()

extension OperationKind {
  /// Those that LATENT_KINDS names, else all.
  static let wanted: [OperationKind] = {
    let words = ProcessInfo.processInfo.environment["LATENT_KINDS"]?.split(separator: ",")
    return allCases.filter { words?.contains(Substring($0.rawValue)) ?? true }
  }()
}

@Suite struct BackendTests {
  /// Every variant of an operation on every backend, against the same in double precision.
  @Test(arguments: OperationKind.wanted)
  func agreesWithReference(_ kind: OperationKind) {
    for example in cases where example.kind == kind {
      let operands = CaseOperands(example)
      let expected = Workbench<Double>.run(
        operands.operations, tensors: operands.tensors, run: operands.run,
        execute: ReferenceInterpreter<Double>().execute)
      #expect(expected.stray == [] && !expected.values.isEmpty)
      for (label, backend) in backends {
        let found = Workbench<Float>.run(
          operands.operations, tensors: operands.tensors, run: operands.run,
          execute: backend.execute)
        #expect(found.stray == [], "\(label) wrote where it must not: \(example)")
        for tensor in operands.tensors where tensor.role != .input {
          let error = relativeError(found.values[tensor.path]!, expected.values[tensor.path]!)
          #expect(error <= 1e-5, "\(label), \(tensor.name): \(example)")
        }
      }
    }
  }
}

/// |a - b| / |b| in the Euclidean norm; zero for two vectors of zeros.
func relativeError(_ a: [Double], _ b: [Double]) -> Double {
  let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  let norm = b.reduce(0) { $0 + $1 * $1 }
  return difference == 0 ? 0 : (difference / norm).squareRoot()
}
