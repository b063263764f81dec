import Foundation

/// What a mixture's pass means, in plain loops and double precision.
public enum ReferenceMixture {
  /// Does what ``FusedBackend/run(_:workspace:)`` does, one row after another.
  public static func run(_ pass: MixturePass) {
    let (columns, components) = (Int(pass.columns), Int(pass.components))
    let layout = pass.layout
    for row in 0..<pass.rows {
      let x = (0..<columns).map { value(pass, row, $0) - pass.shift[$0] }
      let densities = (0..<components).map { logDensity(pass, x, $0) }
      let best = densities.max()!
      let label = densities.firstIndex(of: best)!
      let level = best.isFinite ? best : 0
      let total = densities.reduce(0) { $0 + exp($1 - level) }
      let evidence = level + log(total)
      let weight = pass.weights?[row] ?? 1
      pass.log_density?[row] = evidence
      pass.labels?[row] = Int32(label)
      if weight > 0 { pass.statistics?[0] += weight * (pass.hard ? best : evidence) }
      for k in 0..<components {
        let share =
          pass.hard
          ? (k == label ? 1 : 0) : best.isFinite ? exp(densities[k] - evidence) : 0
        pass.responsibilities?[row * components + k] = share
        guard let statistics = pass.statistics else { continue }
        let r = share * weight
        statistics[layout.counts + k] += r
        let full = pass.squares == LATENT_SQUARES_FULL
        let y = (0..<columns).map { x[$0] - (full ? pass.centers[k * columns + $0] : 0) }
        for i in 0..<columns {
          statistics[layout.sums + k * layout.padded + i] += r * y[i]
          if pass.squares == LATENT_SQUARES_DIAGONAL {
            statistics[layout.squares + k * layout.padded + i] += r * y[i] * y[i]
          }
          guard full else { continue }
          for j in i..<columns {
            statistics[layout.squares + (k * layout.padded + i) * layout.padded + j] +=
              r * y[i] * y[j]
          }
        }
      }
    }
  }

  private static func value(_ pass: MixturePass, _ row: Int, _ column: Int) -> Double {
    let index = row * pass.stride + column
    return pass.single
      ? Double(pass.x.assumingMemoryBound(to: Float.self)[index])
      : pass.x.assumingMemoryBound(to: Double.self)[index]
  }

  /// log π + log N(x | center, (Wᵀ W)⁻¹) of a row less the shift.
  private static func logDensity(_ pass: MixturePass, _ x: [Double], _ k: Int) -> Double {
    let columns = x.count
    let y = (0..<columns).map { x[$0] - pass.centers[k * columns + $0] }
    var distance = 0.0
    for j in 0..<columns {
      var whitened = 0.0
      switch pass.density {
      case LATENT_DENSITY_DIAGONAL: whitened = pass.whiteners[k * columns + j] * y[j]
      case LATENT_DENSITY_TIED:
        for i in 0...j { whitened += pass.whiteners[j * columns + i] * y[i] }
      default:
        for i in 0...j { whitened += pass.whiteners[(k * columns + j) * columns + i] * y[i] }
      }
      distance += whitened * whitened
    }
    return pass.constants[k] - distance / 2
  }
}
