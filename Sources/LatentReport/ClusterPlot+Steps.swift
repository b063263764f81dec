#if OpenBLAS
  import Foundation
  import LatentKernels
  import LatentModels

  extension ClusterPlot {
    /// EM from one blob to the clusters: every component begins between the Gaussian of all rows and
    /// its own, half way or, where that would end in other clusters, nearer.
    ///
    /// - Returns: em-steps.png, six panels.
    /// - Throws: what a fit throws, ``SettingError`` or ``DataError`` where the rows drawn are too few for it.
    public func steps(
      to fitted: GaussianMixture, _ configuration: MixtureConfiguration, backend: FusedBackend
    ) throws -> ColorImage {
      var configuration = configuration
      (configuration.restarts, configuration.tolerance) = (1, 0)
      // Another than was asked for where the columns were standardized.
      configuration.covariance = fitted.covarianceKind
      var canvas = Canvas(width: 1360, height: 900)
      for (panel, (iteration, model)) in try path(
        to: fitted, configuration, backend: backend
      ).enumerated() {
        let (column, line) = (Double(panel % 3), Double(panel / 3))
        let frame = Frame(
          left: 100 + 450 * column, top: 44 + 446 * line, right: 430 + 450 * column,
          bottom: 384 + 446 * line)
        let score = String(format: "%.4g", try model.score(rows, backend: backend))
        try draw(
          model, in: frame, on: &canvas,
          title: "\(iteration == 0 ? "start" : "step \(iteration)"): log p \(score)",
          backend: backend)
      }
      return canvas.image
    }

    /// The model after some of the iterations.
    private func path(
      to fitted: GaussianMixture, _ configuration: MixtureConfiguration, backend: FusedBackend
    ) throws -> [(iteration: Int, model: GaussianMixture)] {
      let target = try fitted.score(rows, backend: backend)
      var configuration = configuration
      var path: [(iteration: Int, model: GaussianMixture)] = []
      for part in [0.5, 0.7, 0.9] {
        path = [(0, try start(part, of: fitted, configuration, backend: backend))]
        for iteration in [1, 2, 5, 10, 50] {
          configuration.maximumIterations = iteration - path.last!.iteration
          configuration.initialization = .given(path.last!.model)
          let model = try GaussianMixture.fit(rows, configuration, backend: backend).model
          path.append((iteration, model))
        }
        if try path.last!.model.score(rows, backend: backend) > target - 0.01 { break }
      }
      return path
    }

    private func start(
      _ part: Double, of model: GaussianMixture, _ configuration: MixtureConfiguration,
      backend: FusedBackend
    ) throws -> GaussianMixture {
      var single = configuration
      (single.components, single.maximumIterations) = (1, 1)
      single.initialization = .kMeans
      let blob = try GaussianMixture.fit(rows, single, backend: backend).model
      let count = model.components
      let blobs = try Matrix(
        rows: count, columns: rows.columns, values: (0..<count).flatMap { _ in blob.means.values })
      let covariances: MixtureCovariances =
        switch (blob.covariances, model.covariances) {
        case (.full(let one), .full(let all)): .full(all.map { Self.between(one[0], $0, part) })
        case (.tied(let one), .tied(let shared)): .tied(Self.between(one, shared, part))
        case (.diagonal(let one), .diagonal(let all)):
          .diagonal(
            Self.between(
              try Matrix(
                rows: count, columns: rows.columns,
                values: (0..<count).flatMap { _ in one.values }), all, part))
        case (.spherical(let one), .spherical(let all)):
          .spherical(all.map { one[0] + part * ($0 - one[0]) })
        default: model.covariances
        }
      return try GaussianMixture(
        weights: [Double](repeating: 1 / Double(count), count: count),
        means: Self.between(blobs, model.means, part), covariances: covariances)
    }

    private static func between(
      _ one: Matrix<Double>, _ other: Matrix<Double>, _ part: Double
    ) -> Matrix<Double> {
      var result = one
      for i in result.values.indices {
        result.values[i] += part * (other.values[i] - one.values[i])
      }
      return result
    }
  }
#endif
