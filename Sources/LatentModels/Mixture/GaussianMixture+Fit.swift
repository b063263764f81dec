#if OpenBLAS
  import LatentKernels

  /// How a fit went.
  public struct MixtureReport: Sendable, Equatable {
    /// The mean log-likelihood of a row, in nats, at the parameters with which each iteration began: one
    /// list for each restart.
    public var lowerBounds: [[Double]] = []
    /// By restart.
    public var converged: [Bool] = []
    /// Iterations of each restart.
    public var iterations: [Int] = []
    /// Which restart was kept.
    public var best = 0
    /// log p of all rows at the fitted parameters, in nats.
    public var logLikelihood = -Double.infinity
    /// The same for a row (of weight 1).
    public var meanLogLikelihood = -Double.infinity
    /// Sentences about what a user should know: not converged, empty components, raised covariances.
    public var warnings: [String] = []
  }

  /// Where EM stands before an iteration.
  public struct MixtureIteration: Sendable {
    /// From 0.
    public let restart: Int
    /// From 0: the model is then the start.
    public let iteration: Int
    /// The mean log-likelihood of a row under the model, in nats.
    public let lowerBound: Double
    /// The fitted mixture.
    public let model: GaussianMixture
  }

  extension GaussianMixture {
    /// Fits a mixture by EM.
    ///
    /// A NaN is a missing value: EM then uses what is observed of its row, exactly.
    ///
    /// Several ranks fit one mixture, each with its own part of the rows in their order: all of them start
    /// from the same rows as one rank alone and have the same model, which differs from that one's by the
    /// rounding of sums. An iteration sends one message.
    /// - Parameters:
    ///   - rows: in memory, or any source that streams: the model has the same bits. Rows that stream need
    ///     all their values.
    ///   - sampleWeights: one number >= 0 a row; an integer weight equals so many copies of the row.
    ///   - backend: the threads and instruction set; all cores if nil.
    ///   - communicator: the ranks that hold the rows; `rows` and `sampleWeights` are this rank's own.
    ///   - onIteration: told of every iteration, for progress and pictures; what it throws ends the fit,
    ///     on all ranks if it throws on all.
    /// - Throws: ``SettingError`` or ``ShapeError`` for settings that do not fit the rows, ``DataError`` for
    ///   values that no mixture takes, ``SingularCovarianceError`` for a collapse where the floor is 0.
    public static func fit(
      _ rows: some RowSource, _ configuration: MixtureConfiguration, sampleWeights: [Double]? = nil,
      backend: FusedBackend? = nil, communicator: any Communicator = SerialCommunicator(),
      onIteration: ((MixtureIteration) throws -> Void)? = nil
    ) throws -> (model: GaussianMixture, report: MixtureReport) {
      let backend = try backend ?? FusedBackend()
      let fitter = try MixtureFitter(
        rows, configuration, sampleWeights: sampleWeights, backend: backend,
        communicator: communicator)
      return try fitter.fit(onIteration)
    }
  }

  /// This rank's rows, and the settings of one fit.
  struct MixtureFitter {
    let configuration: MixtureConfiguration
    let sample: MixtureSample
    let floor: CovarianceFloor
    private let constantColumns: [Int]
    let start: MixtureStart
    let scatter: TotalScatter?

    init(
      _ rows: some RowSource, _ configuration: MixtureConfiguration, sampleWeights: [Double]?,
      backend: FusedBackend, communicator: any Communicator
    ) throws {
      let share = try RowShare(rows.count, of: communicator)
      try Self.validate(rows, configuration, sampleWeights, share, communicator)
      self.configuration = configuration
      let moments = try ColumnMoments(rows, weights: sampleWeights, communicator: communicator)
      sample = try MixtureSample(
        rows, origin: moments.means, weights: sampleWeights, precision: configuration.precision,
        backend: backend, communicator: communicator, first: share.first)
      // An infinite value has been named by now.
      try moments.checkFinite()
      if configuration.precision == .float { try moments.checkFloat() }
      let hasGaps = !sample.isComplete
      try communicator.unanimously {
        if hasGaps {
          try configuration.checkMemory(columns: rows.columns, hasGaps: true)
        }
      }
      constantColumns = moments.constantColumns
      floor = CovarianceFloor(
        fraction: configuration.covarianceFloor, variances: moments.variances)
      start = MixtureStart(
        rows: sample.isComplete
          ? sample.groups[0].rows!
          : MixtureRows(
            (rows as! Rows).filled(with: moments.means), origin: moments.means,
            weights: sampleWeights,
            precision: configuration.precision, backend: backend, communicator: communicator),
        configuration: configuration, variances: moments.variances, floor: floor)
      let needsScatter = configuration.covariance == .tied && sample.isComplete
      scatter = needsScatter ? try start.rows.totalScatter() : nil
    }

    /// - Throws: on all ranks, what settings, rows or weights do not allow.
    static func validate(
      _ rows: some RowSource, _ configuration: MixtureConfiguration, _ weights: [Double]?,
      _ share: RowShare, _ communicator: any Communicator
    ) throws {
      try communicator.unanimously { try configuration.validate(columns: rows.columns) }
      guard share.total > 0, rows.columns > 0 else {
        throw ShapeError(
          "A mixture needs at least one row and one column, found \(share.total) x \(rows.columns)."
        )
      }
      if let weights {
        let positive = try communicator.sum(count: 1) {
          guard weights.count == rows.count else {
            throw ShapeError("\(rows.count) rows have \(weights.count) sample weights.")
          }
          if let row = weights.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
            throw DataError(
              "Sample weights must be 0 or positive numbers, found \(weights[row]) for row "
                + "\(share.first + row + 1).")
          }
          return [Double(weights.count { $0 > 0 })]
        }
        guard positive[0] > 0 else {
          throw DataError("All sample weights are 0; at least one must be positive.")
        }
      }
      let distinct = try rows.countDistinct(
        upTo: configuration.components, weights: weights, communicator: communicator)
      guard distinct >= configuration.components else {
        throw SettingError(
          "\(configuration.components) components need as many distinct rows, found \(distinct).")
      }
    }

    /// EM from every start; the best is kept.
    func fit(
      _ onIteration: ((MixtureIteration) throws -> Void)?
    ) throws -> (model: GaussianMixture, report: MixtureReport) {
      var report = MixtureReport()
      var best: GaussianMixture?
      let given = if case .given = configuration.initialization { true } else { false }
      for restart in 0..<(given ? 1 : configuration.restarts) {
        let run = try climb(from: start.model(restart: restart)) { iteration, bound, model in
          try onIteration?(
            MixtureIteration(
              restart: restart, iteration: iteration, lowerBound: bound,
              model: model.shifted(by: sample.origin, sign: 1)))
        }
        report.lowerBounds.append(run.bounds)
        report.converged.append(run.converged)
        report.iterations.append(run.bounds.count)
        if best == nil || run.logLikelihood > report.logLikelihood {
          best = run.model
          report.best = restart
          report.logLikelihood = run.logLikelihood
        }
      }
      let model = best!
      report.meanLogLikelihood = report.logLikelihood / sample.totalWeight
      report.warnings = warnings(model, report)
      return (model.shifted(by: sample.origin, sign: 1), report)
    }

    /// EM from one start until the bound rises by less than the tolerance.
    private func climb(
      from start: GaussianMixture, report: (Int, Double, GaussianMixture) throws -> Void
    ) throws -> (
      model: GaussianMixture, bounds: [Double], converged: Bool, logLikelihood: Double
    ) {
      var model = start
      var bounds: [Double] = []
      var converged = false
      while bounds.count < configuration.maximumIterations && !converged {
        let statistics = try sample.expectation(model)
        let bound = statistics.logLikelihood / sample.totalWeight
        guard bound.isFinite, statistics.total > 0 else {
          throw DataError(
            "The log-likelihood left the range of numbers after \(bounds.count) iterations; "
              + "rescale the columns.")
        }
        try report(bounds.count, bound, model)
        model = model.maximized(statistics, floor: floor, scatter: scatter)
        if let last = bounds.last {
          converged = abs(bound - last) < configuration.tolerance
        }
        bounds.append(bound)
      }
      let logLikelihood = try sample.expectation(model).logLikelihood
      return (model, bounds, converged, logLikelihood)
    }

    private func warnings(_ model: GaussianMixture, _ report: MixtureReport) -> [String] {
      var result: [String] = []
      if !report.converged[report.best] {
        result.append(
          "EM did not converge in \(report.iterations[report.best]) iterations to a tolerance of "
            + "\(configuration.tolerance) nats a row; raise --iterations or --tolerance.")
      }
      for k in 0..<model.components where model.weights[k] * sample.totalWeight < 0.5 {
        result.append(
          "Component \(k + 1) is empty: it has a weight of \(model.weights[k]); use fewer components."
        )
      }
      for column in constantColumns {
        result.append(
          "Column \(column + 1) is constant: its density is that of the covariance floor; leave it out where "
            + "likelihoods are compared, or to see whether components have collapsed.")
      }
      let bound = (0..<model.components).filter { floor.binds(model, $0) }.map { "\($0 + 1)" }
      if !bound.isEmpty, constantColumns.isEmpty {
        result.append(
          "A variance is on the covariance floor, \(configuration.covarianceFloor) of the columns', in "
            + (bound.count == 1
              ? "component \(bound[0])" : "components \(bound.joined(separator: ", "))")
            + ": either few rows are there, or columns nearly determine each other. Use fewer components, leave "
            + "a column out, or lower --covariance-floor.")
      }
      return result
    }
  }
#endif
