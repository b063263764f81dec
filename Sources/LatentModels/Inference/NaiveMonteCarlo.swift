import LatentKernels

/// log p(x) ≈ log 1/K Σ p(x|zₖ), zₖ ~ p(z); or, the first attempt of many, zₖ uniform over the box
/// [−b, b]ᴸ, each weighted by its prior density times the box's volume. Both fail as z gains dimensions,
/// since hardly a draw explains x.
public struct NaiveMonteCarlo: DensityEstimator {
  public static let name = "naive"
  public var samples: Int
  /// Half the box's side, in standard deviations of the prior; nil: z from the prior. What lies
  /// outside the box is missed.
  public var box: Double?

  /// K draws a row, from the prior or, if given half its side, from a box.
  public init(samples: Int, box: Double? = nil) {
    self.samples = samples
    self.box = box
  }

  public func estimate(
    _ model: VAE, _ data: BatchSource, rows: Range<Int>, backend: any Backend, seed: UInt64,
    progress: (Int) -> Void
  ) throws -> [DensityEstimate] {
    try data.check(rows: rows)
    guard let box else {
      let plan = try DrawPlan(model, data, latents: .prior, samples: samples, seed: seed)
      return plan.estimates(rows, samples: samples, model: model, backend: backend, progress) {
        plan, index in Double(plan.logDensities[index])
      }
    }
    // Far beyond any prior's mass, and its square is a float.
    guard box > 0, box <= 1e18 else {
      throw SettingError("Half the side of the box must be above 0 and at most 1e18, found \(box).")
    }
    let plan = try DrawPlan(
      model, data, latents: .given(gradient: false), samples: samples, seed: seed)
    let size = plan.latentDimensions
    // log of N(z | 0, I) (2 b)ᴸ at z = 0.
    let peak = Double(size) * (InstructionSet.reproducible.logarithm(2 * box) - halfLogOfTwoPi)
    func fill(_ rows: Range<Int>, _ samples: Range<Int>) {
      plan.fillBox(half: Float(box), rows: rows, samples: samples, seed: seed)
    }
    func logWeight(_ plan: DrawPlan, _ index: Int) -> Double {
      let z = plan.latents + index * plan.latentStride
      var squares = 0.0
      for l in 0..<size { squares += Double(z[l]) * Double(z[l]) }
      return Double(plan.logDensities[index]) + peak - squares / 2
    }
    return plan.estimates(
      rows, samples: samples, model: model, backend: backend, progress, prepare: fill,
      logWeight: logWeight)
  }
}

/// ½ log 2π.
let halfLogOfTwoPi = 0.918_938_533_204_672_741_8

extension DrawPlan {
  /// z uniform on [−half, half)ᴸ, keyed by data row and sample.
  func fillBox(half: Float, rows: Range<Int>, samples: Range<Int>, seed: UInt64) {
    let kernels = InstructionSet.reproducible.kernels
    let size = latentDimensions
    var bits = [UInt32](repeating: 0, count: size)
    var z = latents
    for row in rows {
      for sample in samples {
        kernels.random_bits(
          size, seed, LATENT_PURPOSE_PRIOR, UInt32(sample), UInt32(row), .max, &bits)
        for l in 0..<size { z[l] = (Float(bits[l] >> 8) * 0x1p-23 - 1) * half }
        z += latentStride
      }
    }
  }
}
