#if OpenBLAS
  import LatentKernels

  // EM where values are missing at random (Ghahramani and Jordan 1994). Given the observed columns o, the
  // expected row is affine in x_o, x̂ = μ + T (x_o - μ_o) with T = Σ_·o Σ_oo⁻¹: so the statistics of all
  // columns are those of the observed ones, multiplied by T, plus the conditional covariance of the rest.

  /// How component k fills in what a group of rows lacks.
  struct Completion {
    /// T, D x |o|; the identity in the observed rows.
    let map: Matrix<Double>
    /// Cov[x | x_o], D x D; zero in observed rows and columns.
    let covariance: Matrix<Double>

    init(_ covariance: Matrix<Double>, observed: [Int]) throws {
      let columns = covariance.rows
      let known = Set(observed)
      let missing = (0..<columns).filter { !known.contains($0) }
      guard let inverse = SymmetricMatrix.inverse(covariance.principal(observed)) else {
        throw SingularCovarianceError("a component")
      }
      var cross = Matrix<Double>(rows: missing.count, columns: observed.count)
      for (i, m) in missing.enumerated() {
        for (j, o) in observed.enumerated() { cross[i, j] = covariance[m, o] }
      }
      let regression = cross.times(inverse)
      let explained = regression.times(cross.transposed)
      var map = Matrix<Double>(rows: columns, columns: observed.count)
      var rest = Matrix<Double>(rows: columns, columns: columns)
      for (j, o) in observed.enumerated() { map[o, j] = 1 }
      for (i, m) in missing.enumerated() {
        for j in observed.indices { map[m, j] = regression[i, j] }
        for (j, n) in missing.enumerated() {
          rest[m, n] = covariance[m, n] - (explained[i, j] + explained[j, i]) / 2
        }
      }
      self.map = map
      self.covariance = rest
    }
  }

  extension MixtureSample {
    /// Of this rank's rows.
    func incompleteExpectation(_ model: GaussianMixture) throws -> MixtureStatistics {
      let components = model.components
      var sum = MixtureStatistics(
        centers: model.means.values, components: components, columns: columns)
      for group in groups {
        guard let rows = group.rows else {
          for k in 0..<components {
            let count = group.totalWeight * model.weights[k]
            sum.counts[k] += count
            sum.addSquares(
              model.covariances.matrix(k, columns: columns), times: count, component: k)
          }
          continue
        }
        let marginal = model.marginal(group.observed)
        let density = try MixtureDensity(
          marginal, precision: rows.precision, instructionSet: backend.instructionSet)
        let part = try rows.statistics(density, squares: LATENT_SQUARES_FULL)
        sum.logLikelihood += part.logLikelihood
        for k in 0..<components {
          let completion = try Completion(
            model.covariances.matrix(k, columns: columns), observed: group.observed)
          sum.counts[k] += part.counts[k]
          sum.add(part, through: completion, component: k)
          sum.addSquares(completion.covariance, times: part.counts[k], component: k)
        }
      }
      return sum
    }
  }

  extension MixtureStatistics {
    fileprivate mutating func addSquares(
      _ matrix: Matrix<Double>, times factor: Double, component k: Int
    ) {
      for i in matrix.values.indices {
        squares[k * columns * columns + i] += factor * matrix.values[i]
      }
    }

    /// T s and T S Tᵀ for the sums s and squares S of the observed columns.
    fileprivate mutating func add(
      _ part: MixtureStatistics, through completion: Completion, component k: Int
    ) {
      let observed = part.columns
      var moments = Matrix<Double>(rows: observed, columns: observed + 1)
      for i in 0..<observed {
        for j in 0..<observed {
          moments[i, j] = part.squares[(k * observed + i) * observed + j]
        }
        moments[i, observed] = part.sums[k * observed + i]
      }
      // [T S | T s]
      let mapped = completion.map.times(moments)
      for d in 0..<columns { sums[k * columns + d] += mapped[d, observed] }
      addSquares(
        mapped.columns(0..<observed).times(completion.map.transposed), times: 1, component: k)
    }
  }

  extension GaussianMixture {
    /// The mixture of some of the columns.
    func marginal(_ observed: [Int]) -> GaussianMixture {
      var means = Matrix<Double>(rows: components, columns: observed.count)
      for k in 0..<components {
        for (j, o) in observed.enumerated() { means[k, j] = self.means[k, o] }
      }
      let part: MixtureCovariances =
        switch covariances {
        case .full(let all): .full(all.map { $0.principal(observed) })
        case .tied(let shared): .tied(shared.principal(observed))
        case .spherical(let variances): .spherical(variances)
        case .diagonal(let variances):
          .diagonal(variances.selecting(columns: observed))
        case .factorAnalytic(let all):
          .factorAnalytic(
            all.map { covariance in
              FactorCovariance(
                loadings: covariance.loadings.transposed.selecting(columns: observed).transposed,
                uniquenesses: observed.map { covariance.uniquenesses[$0] })
            })
        }
      return GaussianMixture(unchecked: weights, means, part)
    }
  }

  extension Matrix<Double> {
    /// The rows and columns with these indices.
    func principal(_ indices: [Int]) -> Matrix<Double> {
      var result = Matrix<Double>(rows: indices.count, columns: indices.count)
      for (i, row) in indices.enumerated() {
        for (j, column) in indices.enumerated() { result[i, j] = self[row, column] }
      }
      return result
    }

    func selecting(columns indices: [Int]) -> Matrix<Double> {
      var result = Matrix<Double>(rows: rows, columns: indices.count)
      for row in 0..<rows {
        for (j, column) in indices.enumerated() { result[row, j] = self[row, column] }
      }
      return result
    }
  }
#endif
