import LatentKernels

/// log |d standardized / d original| of each row, over the values that were observed: what makes their
/// densities those of the original units.
struct StandardizationJacobian {
  private let data: BatchSource
  private let complete: Double
  /// Of each column; empty where no value is missing, or nothing is standardized.
  private let columns: [Double]

  fileprivate init(_ model: VAE, _ data: BatchSource) {
    self.data = data
    complete = model.logJacobian
    let scale = data.hasMissing ? model.configuration.standardization?.scale : nil
    columns = (scale ?? []).map { -InstructionSet.reproducible.logarithm($0) }
  }

  subscript(row: Int) -> Double {
    guard !columns.isEmpty else { return complete }
    return columns.indices.reduce(0.0) { data.isObserved(row, $1) ? $0 + columns[$1] : $0 }
  }

  /// Over all ranks' rows, summed in their order.
  func mean(over communicator: any Communicator) throws -> Double {
    guard try !communicator.all(columns.isEmpty) else { return complete }
    let sum = try communicator.inTurn(from: [0.0]) { sum in
      sum[0] = data.held.reduce(sum[0]) { $0 + self[$1] }
    }
    return sum[0] / Double(max(1, data.count))
  }
}

extension VAE {
  /// Of rows as the model takes them.
  func jacobian(of data: BatchSource) -> StandardizationJacobian {
    StandardizationJacobian(self, data)
  }
}
