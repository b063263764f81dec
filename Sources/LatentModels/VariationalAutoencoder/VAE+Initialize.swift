import LatentKernels
import LatentNetworks

extension VAE {
  /// Glorot-uniform weights, zero biases, and the output's biases where the decoder's mean is that of
  /// the training data (of a continuous Bernoulli, whose mean is not the logistic function, near it).
  ///
  /// - Parameters:
  ///   - data: rows of the model's columns.
  ///   - communicator: ranks of which each gives its rows: the same bits for any number of them.
  /// - Throws: ``ShapeError`` when rows have another width than the model; ``DataError`` for a column without any
  ///   value; a ``CommunicationError`` when a
  ///   rank is lost.
  public func initialize(
    for data: Rows, seed: UInt64, over communicator: any Communicator = SerialCommunicator()
  ) throws {
    try communicator.unanimously {
      guard data.columns == architecture.dimensions else {
        throw ShapeError(
          "The model expects \(architecture.dimensions) columns, the rows have \(data.columns).")
      }
    }
    parameters.initialize(seed: seed)
    let means = try columnMeans(data, over: communicator)
    switch architecture.likelihood {
    case .bernoulli, .continuousBernoulli:
      // logit(p), p kept where it is finite
      let bounded = means.map { Float(min(max($0, 1e-3), 1 - 1e-3)) }
      let log = InstructionSet.reproducible.kernels.log
      let (above, below) = (bounded.applying(log), bounded.map { 1 - $0 }.applying(log))
      try setBias("decoder.logit.bias", zip(above, below).map { $0 - $1 })
    case .gaussian, .gaussianUnit, .gaussianShared, .gaussianDiagonal:
      try setBias("decoder.mean.bias", means.map { Float($0) })
    }
  }

  private func setBias(_ name: String, _ values: [Float]) throws {
    for slot in parameters.slots where slot.name == name { try parameters.write(values, to: slot) }
  }

  private func columnMeans(
    _ data: Rows, over communicator: any Communicator
  ) throws -> [Double] {
    let columns = data.columns
    guard configuration.standardization == nil else {
      return [Double](repeating: 0, count: columns)
    }
    // Sums, then how many values there are.
    let all = try communicator.inTurn(from: [Double](repeating: 0, count: 2 * columns)) { all in
      if case .bytes(let values) = data.storage {
        // Whole numbers: exact.
        for row in 0..<data.count {
          for column in 0..<columns { all[column] += Double(values[row * columns + column]) }
        }
        for column in 0..<columns { all[columns + column] += Double(data.count) }
      } else {
        for row in 0..<data.count {
          for column in 0..<columns {
            let value = data.value(row, column)
            guard !value.isNaN else { continue }
            all[column] += value
            all[columns + column] += 1
          }
        }
      }
    }
    // Of all ranks' rows, so that all of them throw, or none.
    let hasValues = all[columns...].contains { $0 > 0 }
    if hasValues, let column = (0..<columns).first(where: { all[columns + $0] == 0 }) {
      throw DataError("Column \(column + 1) has no value in any row; leave it out.")
    }
    let scale = if case .bytes = data.storage { 255.0 } else { 1.0 }
    return (0..<columns).map { all[$0] / scale / max(1, all[columns + $0]) }
  }
}
