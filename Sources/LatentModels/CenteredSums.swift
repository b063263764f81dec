/// Sums about a center that the mean is near, after a first sweep: the center's own rounding is mended, and what
/// is left of a constant column is a unit or two in its last place (Chan, Golub and LeVeque 1983, the corrected
/// two-pass algorithm). A plain sum of a hundred thousand values is off by 1e-12 of them.
struct CenteredSums {
  /// Of all values: how many they are, or their weights.
  var total: Double
  /// Of errors, value − center, and of their squares.
  var errors, squares: Double

  func mean(center: Double) -> Double { center + errors / total }

  /// Divided by the total.
  var variance: Double {
    let shift = errors / total
    return squares / total - shift * shift
  }
}

/// Whether a column varies: a deviation of a few units in the last place of its mean is rounding, of these sums or
/// of the arithmetic that made the values. Its unit does not matter.
func varies(deviation: Double, mean: Double) -> Bool { deviation > 8 * Double.ulpOfOne * abs(mean) }
