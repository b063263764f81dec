#if OpenBLAS
  import LatentKernels

  /// Where EM starts: computed from rows whose gaps are filled with the columns' means.
  struct MixtureStart {
    let rows: MixtureRows
    let configuration: MixtureConfiguration
    /// Of the columns, a typical one where one is constant.
    let variances: [Double]
    /// What k-means measures each column in.
    private var units: [Double]
    let floor: CovarianceFloor
    var columns: Int { rows.columns }
    var components: Int { configuration.components }

    static let maximumLloydIterations = 100
    /// Lloyd's iterations end when the distances fall by less than this fraction: EM goes on from there.
    static let lloydTolerance = 1e-5

    init(
      rows: MixtureRows, configuration: MixtureConfiguration, variances: [Double],
      floor: CovarianceFloor
    ) {
      self.rows = rows
      self.configuration = configuration
      self.variances = variances
      self.floor = floor
      units = variances.map { $0.squareRoot() }
    }

    /// The start of a restart, means less the origin.
    func model(restart: Int) throws -> GaussianMixture {
      if case .given(let model) = configuration.initialization {
        return model.shifted(by: rows.origin, sign: -1)
      }
      var start = self
      // Columns count by their deviations, so that no unit outweighs another; but alike where components are
      // spheres, which measure so, and at every second restart: clusters that lie along the columns of large
      // variance are met so, and by no number of starts otherwise.
      if configuration.covariance == .spherical || restart % 2 == 1 {
        let mean = variances.reduce(0) { $0 + $1 / Double(columns) }
        start.units = [Double](repeating: mean.squareRoot(), count: columns)
      }
      return try start.seeded(restart)
    }

    private func seeded(_ restart: Int) throws -> GaussianMixture {
      let random = configuration.initialization == .randomPoints
      let means = try random ? randomPoints(restart) : lloyd(plusPlus(restart))
      // The covariance of all rows, whichever component they are nearest to.
      let kind = configuration.covariance
      let whole = try statistics(
        of: [Double](repeating: 0, count: columns),
        squares: kind == .tied ? LATENT_SQUARES_FULL : kind.squares)
      let start = GaussianMixture(
        unchecked: [Double](repeating: 1 / Double(components), count: components),
        try Matrix(rows: components, columns: columns, values: means),
        MixtureCovariances(kind, of: whole, components: components, floor: floor))
      guard !random else { return start }
      let clusters = try statistics(
        of: means, squares: kind == .tied ? LATENT_SQUARES_FULL : kind.squares)
      var result = start.maximized(clusters, floor: floor, scatter: nil)
      if case .factorAnalytic(let factors) = kind,
        case .factorAnalytic(let ofAll) = start.covariances
      {
        result.covariances = .factorAnalytic(
          (0..<components).map {
            guard clusters.counts[$0] > 0 else { return ofAll[$0] }
            return FactorCovariance(
              principalAxesOf: clusters.covariance($0), factors: factors, floor: floor)
          })
      }
      return result
    }

    /// Spheres of radius 1, in the ``units``, around points less the origin.
    func density(_ points: [Double]) -> MixtureDensity {
      let scales = units.map { 1 / $0 }
      let count = points.count / columns
      return MixtureDensity(
        spheres: rows.precision == .double ? points : points.map { Double(Float($0)) },
        count: count, whiteners: (0..<count).flatMap { _ in scales })
    }

    /// Every rank's rows given to their nearest points.
    private func statistics(
      of points: [Double], squares: latent_squares
    ) throws -> MixtureStatistics {
      try rows.allStatistics(density(points), squares: squares, hard: true)
    }

    /// Lloyd's iterations; a point that loses all its rows stays where it is.
    private func lloyd(_ start: [Double]) throws -> [Double] {
      var points = start
      var last = -Double.infinity
      for _ in 0..<Self.maximumLloydIterations {
        let clusters = try statistics(of: points, squares: LATENT_SQUARES_NONE)
        var moved = points
        for k in 0..<components where clusters.counts[k] > 0 {
          moved.replaceSubrange(k * columns..<(k + 1) * columns, with: clusters.mean(k))
        }
        let gain = clusters.logLikelihood - last
        if moved == points || gain < Self.lloydTolerance * abs(clusters.logLikelihood) { break }
        last = clusters.logLikelihood
        points = moved
      }
      return points
    }
  }

  extension MixtureCovariances {
    /// The covariance of all rows, in the shape of a kind.
    ///
    /// - Parameter whole: statistics of one component, with the squares that the kind needs.
    init(
      _ kind: CovarianceKind, of whole: MixtureStatistics, components: Int, floor: CovarianceFloor
    ) {
      let columns = whole.columns
      func covariance() -> Matrix<Double> { floor.apply(whole.covariance(0)) }
      switch kind {
      case .full: self = .full([Matrix<Double>](repeating: covariance(), count: components))
      case .tied: self = .tied(covariance())
      case .diagonal:
        var variances = Matrix<Double>(rows: components, columns: columns)
        for d in 0..<columns {
          let variance = floor.apply(whole.variance(0, d), column: d)
          for k in 0..<components { variances[k, d] = variance }
        }
        self = .diagonal(variances)
      case .spherical:
        let sum = (0..<columns).reduce(0) { $0 + whole.variance(0, $1) }
        let variance = floor.applySpherical(sum / Double(columns))
        self = .spherical([Double](repeating: variance, count: components))
      case .factorAnalytic(let factors):
        let start = FactorCovariance(
          principalAxesOf: covariance(), factors: factors, floor: floor)
        self = .factorAnalytic([FactorCovariance](repeating: start, count: components))
      }
    }
  }
#endif
