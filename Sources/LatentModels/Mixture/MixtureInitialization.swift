#if OpenBLAS
  import LatentKernels

  /// Where EM starts: computed from rows whose gaps are filled with the columns' means.
  struct MixtureStart {
    let rows: MixtureRows
    let configuration: MixtureConfiguration
    /// Of the columns, 1 where one is constant: k-means measures in their square roots, so that no unit
    /// outweighs another.
    let variances: [Double]
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
    }

    /// The start of a restart, means less the origin.
    func model(restart: Int) throws -> GaussianMixture {
      if case .given(let model) = configuration.initialization {
        return model.shifted(by: rows.origin, sign: -1)
      }
      let random = configuration.initialization == .randomPoints
      let means = try random ? randomPoints(restart) : lloyd(plusPlus(restart))
      // The covariance of all rows, whichever component they are nearest to.
      let whole = try statistics(
        of: [Double](repeating: 0, count: columns), squares: LATENT_SQUARES_FULL)
      let covariance = floor.apply(whole.covariance(0))
      let start = GaussianMixture(
        unchecked: [Double](repeating: 1 / Double(components), count: components),
        try Matrix(rows: components, columns: columns, values: means),
        MixtureCovariances(
          configuration.covariance, all: covariance, components: components, floor: floor))
      guard !random else { return start }
      let kind = configuration.covariance
      let clusters = try statistics(
        of: means, squares: kind == .tied ? LATENT_SQUARES_FULL : kind.squares)
      var result = start.maximized(clusters, floor: floor, scatter: nil)
      if case .factorAnalytic(let factors) = kind {
        result.covariances = .factorAnalytic(
          (0..<components).map {
            let occupied = clusters.counts[$0] > 0
            return FactorCovariance(
              principalAxesOf: occupied ? clusters.covariance($0) : covariance, factors: factors,
              floor: floor)
          })
      }
      return result
    }

    /// Unit spheres (in the columns' own units) around points less the origin.
    func density(_ points: [Double]) -> MixtureDensity {
      let deviations = variances.map { 1 / $0.squareRoot() }
      let count = points.count / columns
      return MixtureDensity(
        spheres: rows.precision == .double ? points : points.map { Double(Float($0)) },
        count: count, whiteners: (0..<count).flatMap { _ in deviations })
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
    init(
      _ kind: CovarianceKind, all covariance: Matrix<Double>, components: Int,
      floor: CovarianceFloor
    ) {
      let columns = covariance.rows
      switch kind {
      case .full: self = .full([Matrix<Double>](repeating: covariance, count: components))
      case .tied: self = .tied(covariance)
      case .diagonal:
        var variances = Matrix<Double>(rows: components, columns: columns)
        for k in 0..<components {
          for d in 0..<columns { variances[k, d] = covariance[d, d] }
        }
        self = .diagonal(variances)
      case .spherical:
        let sum = (0..<columns).reduce(0) { $0 + covariance[$1, $1] }
        let variance = floor.applySpherical(sum / Double(columns))
        self = .spherical([Double](repeating: variance, count: components))
      case .factorAnalytic(let factors):
        let start = FactorCovariance(
          principalAxesOf: covariance, factors: factors, floor: floor)
        self = .factorAnalytic([FactorCovariance](repeating: start, count: components))
      }
    }
  }
#endif
