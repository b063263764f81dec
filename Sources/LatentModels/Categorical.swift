/// Where a number in [0, 1) falls among cumulative probabilities; the last that is above 0, where rounding
/// leaves it beyond all.
func categorical(_ probabilities: some Collection<Double>, at uniform: Double) -> Int {
  var left = uniform
  var last = 0
  for (index, probability) in probabilities.enumerated() where probability > 0 {
    left -= probability
    if left < 0 { return index }
    last = index
  }
  return last
}
