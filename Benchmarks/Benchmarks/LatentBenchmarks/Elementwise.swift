import LatentKernels
import Workloads

/// Functions and random numbers, in the first-level cache and on one thread.
func elementwiseBenchmarks() {
  let count = 2048
  typealias Function =
    @convention(c) (Int, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?) ->
    Void
  let functions: [(String, KeyPath<latent_kernels, Function?> & Sendable)] = [
    ("exp", \.exp), ("log", \.log), ("log1p", \.log1p), ("tanh", \.tanh), ("sigmoid", \.sigmoid),
    ("softplus", \.softplus), ("elu", \.elu), ("erf", \.erf),
  ]
  for set in InstructionSet.available {
    for (name, path) in functions {
      register("\(name) \(set.rawValue)", rates: Amount(samples: 1), threads: 1) {
        let function = set.kernels[keyPath: path]!
        let x = Storage<Float>(count: count)
        let y = Storage<Float>(count: count)
        SyntheticRows.fillNormal(x.pointer, count: count, row: 0, scale: 3)
        if name.hasPrefix("log") {
          for index in 0..<count { x.pointer[index] = abs(x.pointer[index]) + 1e-3 }
        }
        return Work(amount: Amount(samples: Double(count))) {
          function(count, x.pointer, y.pointer)
        }
      }
    }
    register("random bits \(set.rawValue)", rates: Amount(samples: 1), threads: 1) {
      let words = Storage<UInt32>(count: count)
      let draw = set.kernels.random_bits!
      return Work(amount: Amount(samples: Double(count))) {
        draw(count, 1, LATENT_PURPOSE_EPSILON, 0, 0, 0, words.pointer)
      }
    }
    register("random normal \(set.rawValue)", rates: Amount(samples: 1), threads: 1) {
      let normals = Storage<Float>(count: count)
      let draw = set.kernels.random_normal!
      return Work(amount: Amount(samples: Double(count))) {
        draw(count, 1, LATENT_PURPOSE_EPSILON, 0, 0, 0, normals.pointer)
      }
    }
  }
}
