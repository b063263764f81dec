import LatentKernels
import LatentNetworks

extension VAEImputation {
  /// Chains of all rows side by side: z ~ q(z|x), then x ~ p(x|z) where it is missing. After as many
  /// steps as count, to forget the start, means are averaged over ``samples`` steps, and draws are
  /// states as far apart as the chain is long.
  func pseudoGibbs(
    _ batches: BatchSource, rows: [Int], seed: UInt64, into filled: inout Filled
  ) throws {
    let kernels = InstructionSet.reproducible.kernels
    let passes = try VAEPasses(model, backend: backend)
    let original = filled.mean
    let draws = filled.draws.count
    for first in stride(from: 0, to: rows.count, by: VAE.evaluationBatch) {
      let part = Array(rows[first..<min(first + VAE.evaluationBatch, rows.count)])
      // As the model sees them: what is missing starts at zero.
      var x = try passes.load(batches, seed: seed, rows: part)
      var sums = [Double](repeating: 0, count: x.values.count)
      let size = model.architecture.latentDimensions
      var noise = [Float](repeating: 0, count: size)
      for step in 0..<2 * samples {
        let posterior = try passes.encoder.forward(x)
        let sigma = posterior.logVariance.values.map { $0 / 2 }.applying(kernels.exp)
        var z = posterior.mean
        for (place, row) in part.enumerated() {
          kernels.random_normal(
            size, seed, LATENT_PURPOSE_EPSILON, UInt32(step), UInt32(row), .max, &noise)
          for l in 0..<size { z[place, l] += sigma[place * size + l] * noise[l] }
        }
        let decoded = try passes.decoder.decode(z)
        let drawn = decoded.drawn(
          seed: seed &+ 0x9e37_79b9_7f4a_7c15 &* UInt64(step + 1), rows: part)
        // The states to keep: the last one of each of `draws` equal parts.
        let kept = step - samples + 1
        let finished = kept > 0 ? kept * draws / samples : 0
        let index = kept > 0 && finished > (kept - 1) * draws / samples ? finished - 1 : nil
        for (place, row) in part.enumerated() {
          for column in 0..<x.columns where original[row, column].isNaN {
            x[place, column] = drawn.mean[place, column]
            if step >= samples {
              sums[place * x.columns + column] += Double(decoded.mean[place, column])
            }
          }
          if let index {
            set({ Double(x[place, $0]) }, in: &filled.draws[index], row: row)
          }
        }
      }
      for (place, row) in part.enumerated() {
        set(
          { sums[place * x.columns + $0] / Double(samples) }, in: &filled.mean, row: row)
      }
    }
  }
}
