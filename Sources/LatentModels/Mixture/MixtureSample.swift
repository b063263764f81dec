#if OpenBLAS
  import LatentKernels

  /// The rows that a mixture is fitted to or scores, grouped by which of their columns are observed.
  ///
  /// Of several ranks each holds a part of the rows, and groups them by itself. Rows without gaps are one group. Every group is a table of its own, on which the marginal of the model
  /// is exact: the same passes serve complete and incomplete data.
  final class MixtureSample {
    let count: Int
    let columns: Int
    let origin: [Double]
    let groups: [Group]
    let backend: FusedBackend
    let communicator: any Communicator
    /// Whether no rank has a row with gaps.
    let isComplete: Bool
    /// Of all ranks.
    let totalWeight: Double
    private let weights: [Double]?

    /// Rows that share their observed columns.
    struct Group {
      /// Ascending; empty for rows that are missing altogether.
      let observed: [Int]
      /// Their places in the sample; nil where the group is the whole sample in its order.
      let indices: [Int]?
      /// The observed columns; nil where there are none.
      let rows: MixtureRows?
      let totalWeight: Double
    }

    /// - Parameter first: the number of this rank's first row, for messages.
    /// - Throws: ``DataError`` for an infinite value, or a missing one in rows that are not in memory.
    init(
      _ source: any RowSource, origin: [Double], weights: [Double]?, precision: MixturePrecision,
      backend: FusedBackend, communicator: any Communicator = SerialCommunicator(),
      first: Int = 0
    ) throws {
      self.communicator = communicator
      (count, columns) = (source.count, source.columns)
      (self.origin, self.weights, self.backend) = (origin, weights, backend)
      let all = try communicator.sum(count: 2) {
        [
          try source.findMissing(first: first) ? 1 : 0,
          weights?.reduce(0, +) ?? Double(source.count),
        ]
      }
      let missing = all[0] > 0
      isComplete = !missing
      totalWeight = all[1]
      guard let rows = source as? Rows, missing else {
        guard !missing else {
          throw DataError(
            "Rows that stream must have all their values; a mixture fits through gaps only in memory."
          )
        }
        groups = [
          Group(
            observed: Array(0..<source.columns), indices: nil,
            rows: MixtureRows(
              source, origin: origin, weights: weights, precision: precision, backend: backend,
              communicator: communicator),
            totalWeight: weights?.reduce(0, +) ?? Double(source.count))
        ]
        return
      }
      var order: [[Int]] = []
      var members: [[Int]: [Int]] = [:]
      for row in 0..<rows.count {
        let observed = (0..<rows.columns).filter { !rows.value(row, $0).isNaN }
        if members[observed] == nil { order.append(observed) }
        members[observed, default: []].append(row)
      }
      let workspace = MixtureWorkspace()
      groups = order.map { observed in
        let indices = members[observed]!
        let groupWeights = weights.map { all in indices.map { all[$0] } }
        var values: [Double] = []
        values.reserveCapacity(indices.count * observed.count)
        for row in indices { for column in observed { values.append(rows.value(row, column)) } }
        let table =
          observed.isEmpty
          ? nil
          : MixtureRows(
            Rows(
              // As many values as appended.
              try! Matrix(rows: indices.count, columns: observed.count, values: values)),
            origin: observed.map { origin[$0] }, weights: groupWeights, precision: precision,
            backend: backend, workspace: workspace)
        return Group(
          observed: observed, indices: indices, rows: table,
          totalWeight: groupWeights?.reduce(0, +) ?? Double(indices.count))
      }
    }

    /// The E-step: what the M-step of the model's kind needs of all ranks' rows, at the model's parameters
    /// (means less the origin), in one message.
    func expectation(_ model: GaussianMixture) throws -> MixtureStatistics {
      if isComplete, let rows = groups[0].rows {
        let density = try MixtureDensity(
          model, precision: rows.precision, instructionSet: backend.instructionSet)
        return try rows.allStatistics(density, squares: model.covarianceKind.squares)
      }
      return try MixtureStatistics.all(
        communicator, centers: model.means.values, components: model.components, columns: columns,
        squares: LATENT_SQUARES_FULL
      ) { try incompleteExpectation(model) }
    }

    /// Runs a pass that writes for each row, in the sample's order.
    func evaluate(
      _ model: GaussianMixture, logDensity: Bool = false, responsibilities: Bool = false,
      labels: Bool = false
    ) throws -> RowEvaluation {
      let components = model.components
      var result = RowEvaluation(
        logDensity: [Double](repeating: 0, count: logDensity ? count : 0),
        responsibilities: [Double](
          repeating: 0, count: responsibilities ? count * components : 0),
        labels: [Int32](repeating: 0, count: labels ? count : 0))
      for group in groups {
        let part = try evaluate(
          group, model, logDensity: logDensity, responsibilities: responsibilities, labels: labels)
        guard let indices = group.indices else { return part }
        for (from, to) in indices.enumerated() {
          if logDensity { result.logDensity[to] = part.logDensity[from] }
          if labels { result.labels[to] = part.labels[from] }
          guard responsibilities else { continue }
          for k in 0..<components {
            result.responsibilities[to * components + k] =
              part.responsibilities[from * components + k]
          }
        }
      }
      return result
    }

    /// The same for one group, in its own order.
    func evaluate(
      _ group: Group, _ model: GaussianMixture, logDensity: Bool, responsibilities: Bool,
      labels: Bool
    ) throws -> RowEvaluation {
      let count = group.indices?.count ?? count
      guard let rows = group.rows else { return RowEvaluation(prior: model, count: count) }
      let marginal =
        group.observed.count == columns ? model : model.marginal(group.observed)
      let density = try MixtureDensity(
        marginal, precision: rows.precision, instructionSet: backend.instructionSet)
      var result = RowEvaluation(
        logDensity: [Double](repeating: 0, count: logDensity ? count : 0),
        responsibilities: [Double](
          repeating: 0, count: responsibilities ? count * model.components : 0),
        labels: [Int32](repeating: 0, count: labels ? count : 0))
      try result.logDensity.withUnsafeMutableBufferPointer { densities in
        try result.responsibilities.withUnsafeMutableBufferPointer { shares in
          try result.labels.withUnsafeMutableBufferPointer { names in
            try rows.write(
              density,
              into: MixtureRows.Outputs(
                logDensity: logDensity ? densities.baseAddress : nil,
                responsibilities: responsibilities ? shares.baseAddress : nil,
                labels: labels ? names.baseAddress : nil))
          }
        }
      }
      return result
    }
  }

  /// What a pass writes for each row; empty where it was not asked for.
  struct RowEvaluation {
    var logDensity: [Double]
    var responsibilities: [Double]
    var labels: [Int32]

    init(logDensity: [Double], responsibilities: [Double], labels: [Int32]) {
      self.logDensity = logDensity
      self.responsibilities = responsibilities
      self.labels = labels
    }

    /// Of rows of which nothing is known.
    init(prior model: GaussianMixture, count: Int) {
      logDensity = [Double](repeating: 0, count: count)
      responsibilities = (0..<count).flatMap { _ in model.weights }
      let best = model.weights.firstIndex(of: model.weights.max()!)!
      labels = [Int32](repeating: Int32(best), count: count)
    }
  }

  extension RowSource {
    /// Whether any value is missing.
    ///
    /// - Parameter offset: the number of the first row.
    /// - Throws: ``DataError`` naming the first infinite value.
    func findMissing(first offset: Int = 0) throws -> Bool {
      var missing = false
      try forEachChunk(multipleOf: 1) { first, rows in
        func scan<Value: BinaryFloatingPoint>(_ values: [Value]) throws {
          for i in values.indices where !values[i].isFinite {
            guard values[i].isNaN else {
              throw DataError(
                "Row \(offset + first + i / columns + 1), column \(i % columns + 1) is infinite; a mixture needs "
                  + "finite numbers, or NaN where a value is missing.")
            }
            missing = true
          }
        }
        switch rows.storage {
        case .bytes: break
        case .floats(let values): try scan(values)
        case .doubles(let values): try scan(values)
        }
      }
      return missing
    }
  }
#endif
