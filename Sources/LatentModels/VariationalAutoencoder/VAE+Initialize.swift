import LatentKernels
import LatentNetworks

extension VAE {
  /// Glorot-uniform weights, zero biases, and the output's biases where the decoder's mean is that of
  /// the training data.
  public func initialize(for data: Rows, seed: UInt64) {
    parameters.initialize(seed: seed)
    let means = columnMeans(data)
    switch architecture.likelihood {
    case .bernoulli, .continuousBernoulli:
      // logit(p), p kept where it is finite
      let bounded = means.map { Float(min(max($0, 1e-3), 1 - 1e-3)) }
      let log = InstructionSet.best.kernels.log
      let (above, below) = (bounded.applying(log), bounded.map { 1 - $0 }.applying(log))
      setBias("decoder.logit.bias", zip(above, below).map { $0 - $1 })
    case .gaussian, .gaussianUnit, .gaussianShared, .gaussianDiagonal:
      setBias("decoder.mean.bias", means.map { Float($0) })
    }
  }

  private func setBias(_ name: String, _ values: [Float]) {
    for slot in parameters.slots where slot.name == name { parameters.write(values, to: slot) }
  }

  private func columnMeans(_ data: Rows) -> [Double] {
    guard configuration.standardization == nil else {
      return [Double](repeating: 0, count: data.columns)
    }
    var sums = [Double](repeating: 0, count: data.columns)
    var missing = [Int](repeating: 0, count: data.columns)
    if case .bytes(let values) = data.storage {
      var totals = [Int](repeating: 0, count: data.columns)
      values.withUnsafeBufferPointer { values in
        totals.withUnsafeMutableBufferPointer { totals in
          for row in 0..<data.count {
            for column in 0..<totals.count {
              totals[column] += Int(values[row * totals.count + column])
            }
          }
        }
      }
      sums = totals.map { Double($0) / 255 }
    } else {
      for row in 0..<data.count {
        for column in 0..<data.columns {
          let value = data.value(row, column)
          if value.isNaN { missing[column] += 1 } else { sums[column] += value }
        }
      }
    }
    return sums.indices.map { sums[$0] / Double(max(1, data.count - missing[$0])) }
  }
}
