import LatentKernels
import LatentNetworks
import Workloads

private let threads = FusedBackend.allowedThreads
private let rates = Amount(flops: 1, samples: 1)

private func backend(_ name: String) throws -> any Backend {
  try BackendChoice().backend(name, threads: threads)
}

/// Single products with bias and activation, dX and dW.
func productBenchmarks() {
  for (inputs, columns) in [(784, 400), (400, 784)] {
    for product in SingleLayer.Product.allCases {
      for name in BackendChoice.names {
        for batch in batches {
          register(
            "gemm \(product.rawValue) \(inputs)x\(columns) \(name) \(batch)", rates: rates,
            threads: threads
          ) {
            let layer = try SingleLayer(
              product, rows: batch, inputs: inputs, columns: columns, activation: .relu,
              backend: backend(name))
            return Work(amount: Amount(flops: layer.flops, samples: Double(batch))) { layer() }
          }
        }
      }
    }
  }
}

/// Gaussian log-density with its gradient, from the cache to memory.
func densityBenchmarks() {
  for name in BackendChoice.names {
    for batch in batches + [20_000] {
      register(
        "gaussian log-density \(name) \(batch)", rates: Amount(bytes: 1, samples: 1),
        threads: threads
      ) {
        let density = try GaussianDensity(rows: batch, dimensions: 784, backend: backend(name))
        return Work(amount: Amount(bytes: density.bytes, samples: Double(batch))) { density() }
      }
    }
  }
}

/// Encoder and decoder through the public API, gradients written out.
func passBenchmarks() {
  typealias Pass = @Sendable (NetworkPasses) throws -> Void
  let passes: [(String, @Sendable (NetworkPasses) -> Double, Pass)] = [
    ("encoder forward", { $0.encoderForwardFLOPs }, { try $0.encoderForward() }),
    ("encoder backward", { $0.encoderBackwardFLOPs }, { try $0.encoderBackward() }),
    ("decoder forward", { $0.decoderForwardFLOPs }, { try $0.decoderForward() }),
    ("decoder backward", { $0.decoderBackwardFLOPs }, { try $0.decoderBackward() }),
  ]
  for shape in NetworkShape.allCases {
    for (pass, flops, call) in passes {
      for name in BackendChoice.names {
        for batch in batches {
          register(
            "\(pass) \(shape.rawValue) \(name) \(batch)", rates: rates, threads: threads
          ) {
            let work = try NetworkPasses(shape, batch: batch, backend: backend(name))
            return Work(amount: Amount(flops: flops(work), samples: Double(batch))) {
              try call(work)
            }
          }
        }
      }
    }
  }
}

/// The whole step.
func stepBenchmarks() {
  for shape in NetworkShape.allCases {
    for likelihood in [Likelihood.bernoulli, .gaussian] {
      for name in BackendChoice.names {
        for batch in batches {
          register(
            "step \(shape.rawValue) \(likelihood.rawValue) \(name) \(batch)", rates: rates,
            threads: threads
          ) {
            let step = try ELBOStep(
              shape, likelihood: likelihood, batch: batch, backend: backend(name))
            return Work(amount: Amount(flops: step.flops, samples: Double(batch))) { step() }
          }
        }
      }
    }
  }
}
