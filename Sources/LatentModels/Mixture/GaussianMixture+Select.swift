#if OpenBLAS
  import LatentIO
  import LatentKernels

  /// How many components to take, by different lights.
  public struct MixtureSelection: Sendable {
    /// What decides between numbers of components.
    public enum Criterion: String, CaseIterable, Codable, Sendable {
      /// −2 log L + k log n (Schwarz 1978).
      case bic
      /// −2 log L + 2 k (Akaike 1974).
      case aic
      /// BIC and the entropy of the clusters (Biernacki, Celeux and Govaert 2000).
      case icl
      /// The log-likelihood of rows kept aside.
      case heldOut
    }

    /// One number of components.
    public struct Candidate: Sendable, Equatable {
      /// How many components this candidate has.
      public let components: Int
      /// Free parameters.
      public let parameterCount: Int
      /// log p of all rows, in nats.
      public let logLikelihood: Double
      /// Bayesian information criterion; lower is better.
      public let bic: Double
      /// Akaike's information criterion; lower is better.
      public let aic: Double
      /// Integrated completed likelihood, on BIC's scale; lower is better.
      public let icl: Double
      /// Mean log p of a held-out row under models fitted to the others, in nats; nil unless asked for, and where
      /// the rows outside a fold do not allow the fit.
      public let heldOut: Double?
      /// What the fit had to say, one sentence each.
      public let warnings: [String]
    }

    /// In the order asked for.
    public let candidates: [Candidate]
    /// Fitted to all rows, in the same order.
    public let models: [GaussianMixture]

    /// Where in ``candidates`` a criterion is best, of those that have it; nil where none has.
    public func best(by criterion: Criterion) -> Int? {
      let costs = candidates.map { candidate -> Double? in
        switch criterion {
        case .bic: candidate.bic
        case .aic: candidate.aic
        case .icl: candidate.icl
        case .heldOut: candidate.heldOut.map { -$0 }
        }
      }
      return costs.indices.filter { costs[$0] != nil }.min { costs[$0]! < costs[$1]! }
    }
  }

  extension GaussianMixture {
    /// Fits mixtures of different sizes, to choose by BIC, AIC, ICL, or the likelihood of held-out rows.
    ///
    /// - Parameters:
    ///   - components: the sizes to try, such as `1...12`.
    ///   - configuration: everything else.
    ///   - folds: with 2 or more, every row is held out once, in so many parts, and scored by a model
    ///     fitted to the others.
    ///   - sampleWeights: one number >= 0 a row, whose sum then stands for the number of rows.
    ///   - communicator: the ranks that hold the rows; `rows` and `sampleWeights` are this rank's own.
    /// - Throws: ``SettingError``, and what
    ///   ``fit(_:_:sampleWeights:backend:communicator:onIteration:)`` throws.
    public static func select(
      components: some Sequence<Int>, _ rows: some RowSource, _ configuration: MixtureConfiguration,
      folds: Int = 0, sampleWeights: [Double]? = nil, backend: FusedBackend? = nil,
      communicator: any Communicator = SerialCommunicator()
    ) throws -> MixtureSelection {
      let backend = try backend ?? FusedBackend()
      let share = try RowShare(rows.count, of: communicator)
      guard folds == 0 || 2...max(2, share.total) ~= folds else {
        throw SettingError(
          "Between 2 and \(share.total) folds fit \(share.total) rows, or 0 for none, found \(folds)."
        )
      }
      if case .given = configuration.initialization {
        throw SettingError("A given start fits one number of components; choose kMeans.")
      }
      let components = Array(components)
      guard let most = components.max() else {
        throw SettingError("Name at least one number of components to choose from.")
      }
      // The largest fit is the first to be impossible.
      var largest = configuration
      largest.components = most
      try MixtureFitter.validate(rows, largest, sampleWeights, share, communicator)
      let parts = self.parts(of: share, folds, seed: configuration.seed)
      let size = try communicator.sum(count: 1) {
        [sampleWeights?.reduce(0, +) ?? Double(rows.count)]
      }[0]
      let held = rows as? Rows
      guard parts.isEmpty || held != nil else {
        throw SettingError(
          "Rows that stream have no folds; choose by BIC, AIC or ICL with folds 0.")
      }
      var candidates: [MixtureSelection.Candidate] = []
      var models: [GaussianMixture] = []
      for count in components {
        var configuration = configuration
        configuration.components = count
        let (model, report) = try fit(
          rows, configuration, sampleWeights: sampleWeights, backend: backend,
          communicator: communicator)
        let criteria = try model.criteria(
          rows, sampleWeights: sampleWeights, backend: backend, communicator: communicator)
        var heldOut: Double?
        var warnings = report.warnings
        for part in parts {
          let rows = held!
          let other: GaussianMixture
          do {
            other = try fit(
              rows.selecting(part.training), configuration,
              sampleWeights: sampleWeights.map { all in part.training.map { all[$0] } },
              backend: backend, communicator: communicator
            ).model
          } catch let error as any LatentError where !(error is CommunicationError) {
            heldOut = nil
            warnings.append(
              "\(count) components have no held-out likelihood, as the rows outside a fold do not allow the fit: "
                + error.description)
            break
          }
          let sums = try communicator.sum(count: 1) {
            // What was added before is on rank 0, so that one rank alone adds as ever.
            var sum = communicator.rank == 0 ? heldOut ?? 0 : 0
            let densities = try other.scoreSamples(rows.selecting(part.heldOut), backend: backend)
            for (row, density) in zip(part.heldOut, densities) {
              sum += (sampleWeights?[row] ?? 1) * density
            }
            return [sum]
          }
          heldOut = sums[0]
        }
        models.append(model)
        candidates.append(
          MixtureSelection.Candidate(
            components: count, parameterCount: model.parameterCount,
            logLikelihood: criteria.logLikelihood, bic: criteria.bic, aic: criteria.aic,
            icl: criteria.icl,
            heldOut: heldOut.map { $0 / size },
            warnings: warnings))
      }
      return MixtureSelection(candidates: candidates, models: models)
    }

    /// Rows of all ranks dealt to folds by random keys; both lists, of this rank's rows, ascend.
    private static func parts(
      of share: RowShare, _ folds: Int, seed: UInt64
    ) -> [(training: [Int], heldOut: [Int])] {
      guard folds > 0 else { return [] }
      let count = share.total
      let random = CounterRandom(seed: seed, purpose: LATENT_PURPOSE_SHUFFLE, sample: 0xff_ffff)
      let order = (0..<count).sorted { (random.bits($0), $0) < (random.bits($1), $1) }
      var fold = [Int](repeating: 0, count: count)
      for (place, row) in order.enumerated() { fold[row] = place % folds }
      fold = Array(fold[share.first..<share.first + share.count])
      return (0..<folds).map { part in
        (fold.indices.filter { fold[$0] != part }, fold.indices.filter { fold[$0] == part })
      }
    }
  }
#endif
