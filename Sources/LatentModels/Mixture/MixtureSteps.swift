#if OpenBLAS
  import LatentKernels

  // The M-steps: from sufficient statistics to parameters, means less the origin.

  extension GaussianMixture {
    /// The parameters that maximize the expected complete log-likelihood, under the floor.
    ///
    /// A component that no row belongs to keeps its mean and covariance, with the weight that is left to it.
    /// - Parameter scatter: of all rows, for tied covariances from statistics without squares.
    func maximized(
      _ statistics: MixtureStatistics, floor: CovarianceFloor, scatter: TotalScatter?
    ) -> GaussianMixture {
      let total = statistics.total
      var result = self
      result.weights = statistics.counts.map { $0 / total }
      let occupied = statistics.counts.map { $0 > 1e-12 * total }
      for k in 0..<components where occupied[k] {
        result.means.values.replaceSubrange(
          k * columns..<(k + 1) * columns, with: statistics.mean(k))
      }
      switch covariances {
      case .full(var all):
        for k in 0..<components where occupied[k] {
          all[k] = floor.apply(statistics.covariance(k))
        }
        result.covariances = .full(all)
      case .tied(var shared):
        shared =
          scatter?.within(statistics, means: result.means, occupied: occupied)
          ?? statistics.pooledCovariance(occupied: occupied)
        result.covariances = .tied(floor.apply(shared))
      case .diagonal(var variances):
        for k in 0..<components where occupied[k] {
          for d in 0..<columns {
            variances[k, d] = floor.apply(statistics.variance(k, d), column: d)
          }
        }
        result.covariances = .diagonal(variances)
      case .spherical(var variances):
        for k in 0..<components where occupied[k] {
          var sum = 0.0
          for d in 0..<columns { sum += statistics.variance(k, d) }
          variances[k] = floor.applySpherical(sum / Double(columns))
        }
        result.covariances = .spherical(variances)
      case .factorAnalytic(var all):
        for k in 0..<components where occupied[k] {
          all[k] = all[k].maximized(statistics.covariance(k), floor: floor)
        }
        result.covariances = .factorAnalytic(all)
      }
      return result
    }
  }

  extension CovarianceKind {
    /// What the M-step of this kind needs a pass to gather.
    var squares: latent_squares {
      switch self {
      case .full, .factorAnalytic: LATENT_SQUARES_FULL
      case .tied: LATENT_SQUARES_NONE
      case .diagonal, .spherical: LATENT_SQUARES_DIAGONAL
      }
    }
  }

  /// Σ w x xᵀ over all rows less the origin: it does not change from one iteration to the next, and a tied
  /// covariance needs nothing else but the components' means.
  struct TotalScatter {
    let matrix: Matrix<Double>

    /// (Σ w x xᵀ - Σₖ Nₖ mₖ mₖᵀ) / Σ w.
    func within(
      _ statistics: MixtureStatistics, means: Matrix<Double>, occupied: [Bool]
    ) -> Matrix<Double> {
      let total = statistics.total
      var result = matrix
      for i in 0..<result.rows {
        for j in 0...i {
          var sum = result[i, j]
          for k in 0..<means.rows where occupied[k] {
            sum -= statistics.counts[k] * means[k, i] * means[k, j]
          }
          result[i, j] = sum / total
          result[j, i] = sum / total
        }
      }
      return result
    }
  }

  extension MixtureStatistics {
    /// The components' covariances averaged by their counts, from full squares.
    func pooledCovariance(occupied: [Bool]) -> Matrix<Double> {
      var result = Matrix<Double>(rows: columns, columns: columns)
      let total = total
      for k in 0..<components where occupied[k] {
        let covariance = covariance(k)
        for i in result.values.indices {
          result.values[i] += counts[k] / total * covariance.values[i]
        }
      }
      return result
    }
  }

  extension FactorCovariance {
    /// The most inner steps of one M-step: they cost little beside a pass over the rows.
    static let maximumSteps = 200

    /// Λ Λᵀ + Ψ ≈ S for the rows' own covariance S: factor analysis, by EM steps from here until the
    /// uniquenesses stand still.
    func maximized(_ covariance: Matrix<Double>, floor: CovarianceFloor) -> FactorCovariance {
      var result = self
      for _ in 0..<Self.maximumSteps {
        let next = result.step(covariance, floor: floor)
        let isStill = zip(next.uniquenesses, result.uniquenesses).allSatisfy {
          abs($0 - $1) <= 1e-13 * $1
        }
        result = next
        if isStill { break }
      }
      return result
    }

    /// One EM step (Rubin and Thayer 1982) with the factors' covariance as a parameter that is then folded
    /// into the loadings (Liu, Rubin and Wu 1998).
    private func step(_ covariance: Matrix<Double>, floor: CovarianceFloor) -> FactorCovariance {
      let (columns, factors) = (loadings.rows, loadings.columns)
      // B = (I + Λᵀ Ψ⁻¹ Λ)⁻¹ Λᵀ Ψ⁻¹: E[z | x] = B (x - μ), Cov[z | x] = (I + Λᵀ Ψ⁻¹ Λ)⁻¹.
      var precision = Matrix<Double>(rows: factors, columns: factors)
      for f in 0..<factors {
        for g in 0...f {
          var sum = f == g ? 1.0 : 0
          for d in 0..<columns { sum += loadings[d, f] * loadings[d, g] / uniquenesses[d] }
          precision[f, g] = sum
          precision[g, f] = sum
        }
      }
      guard let posterior = SymmetricMatrix.inverse(precision) else { return self }
      var scaled = loadings.transposed
      for f in 0..<factors { for d in 0..<columns { scaled[f, d] /= uniquenesses[d] } }
      let b = posterior.times(scaled)
      let cross = covariance.times(b.transposed)  // Σ x E[z]ᵀ / N, D x factors
      var second = b.times(cross)  // E[z zᵀ]
      for i in second.values.indices { second.values[i] += posterior.values[i] }
      for f in 0..<factors {
        for g in 0..<f {
          let mean = (second[f, g] + second[g, f]) / 2
          second[f, g] = mean
          second[g, f] = mean
        }
      }
      guard let expansion = SymmetricMatrix.cholesky(second) else { return self }
      let loadings = cross.times(SymmetricMatrix.inverse(lower: expansion).transposed)
      let uniquenesses = (0..<columns).map { d in
        var value = covariance[d, d]
        for f in 0..<factors { value -= loadings[d, f] * loadings[d, f] }
        return floor.apply(value, column: d)
      }
      return FactorCovariance(loadings: loadings, uniquenesses: uniquenesses)
    }

    /// The principal axes of a covariance, a start for EM: probabilistic PCA's solution (Tipping and Bishop
    /// 1999) in units of the floor's deviations.
    init(principalAxesOf covariance: Matrix<Double>, factors: Int, floor: CovarianceFloor) {
      let columns = covariance.rows
      let deviations = (0..<columns).map {
        max(covariance[$0, $0], floor.fraction * floor.variances[$0], 1e-300).squareRoot()
      }
      var correlation = covariance
      for i in 0..<columns {
        for j in 0..<columns { correlation[i, j] /= deviations[i] * deviations[j] }
      }
      loadings = Matrix(rows: columns, columns: factors)
      uniquenesses = deviations.map { $0 * $0 }
      guard let (values, vectors) = SymmetricMatrix.eigen(correlation) else { return }
      let rest = values.prefix(max(columns - factors, 0))
      let noise = max(rest.reduce(0, +) / Double(max(rest.count, 1)), 1e-3)
      for f in 0..<factors {
        let e = columns - 1 - f
        let scale = max(values[e] - noise, 1e-3).squareRoot()
        for d in 0..<columns { loadings[d, f] = vectors[e, d] * scale * deviations[d] }
      }
      for d in 0..<columns {
        var value = covariance[d, d]
        for f in 0..<factors { value -= loadings[d, f] * loadings[d, f] }
        uniquenesses[d] = max(value, 0.05 * deviations[d] * deviations[d])
      }
    }
  }
#endif
