#if OpenBLAS
  import LatentKernels

  /// What an M-step needs of the rows: for each component Σ r, Σ r x and second moments, x less an origin
  /// and, with full squares, less the component's own center.
  struct MixtureStatistics {
    /// Σ w log p(x) at the parameters that the responsibilities come from, in nats.
    var logLikelihood: Double
    var counts: [Double]
    /// K x D.
    var centers: [Double]
    /// K x D, about the centers.
    var sums: [Double]
    /// K x D x D about the centers, K x D, or none.
    var squares: [Double]
    let columns: Int

    var components: Int { counts.count }
    var total: Double { counts.reduce(0, +) }

    /// Nothing seen yet.
    init(centers: [Double], components: Int, columns: Int) {
      logLikelihood = 0
      counts = [Double](repeating: 0, count: components)
      self.centers = centers
      sums = [Double](repeating: 0, count: components * columns)
      squares = [Double](repeating: 0, count: components * columns * columns)
      self.columns = columns
    }

    init(
      _ raw: [Double], _ layout: latent_mixture_layout, _ density: MixtureDensity,
      squares kind: latent_squares, columns: Int
    ) {
      let components = density.constants.count
      logLikelihood = raw[0]
      counts = Array(raw[layout.counts..<layout.counts + components])
      self.columns = columns
      sums = []
      squares = []
      for k in 0..<components {
        let start = layout.sums + k * layout.padded
        sums += raw[start..<start + columns]
      }
      switch kind {
      case LATENT_SQUARES_DIAGONAL:
        for k in 0..<components {
          let start = layout.squares + k * layout.padded
          squares += raw[start..<start + columns]
        }
      case LATENT_SQUARES_FULL:
        squares.reserveCapacity(components * columns * columns)
        for k in 0..<components {
          for i in 0..<columns {
            for j in 0..<columns {
              let (row, column) = (min(i, j), max(i, j))
              squares.append(
                raw[layout.squares + (k * layout.padded + row) * layout.padded + column])
            }
          }
        }
      default: break
      }
      centers =
        kind == LATENT_SQUARES_FULL
        ? density.centers : [Double](repeating: 0, count: components * columns)
    }

    /// Σ r x / Σ r of component `k`, less the origin.
    func mean(_ k: Int) -> [Double] {
      (0..<columns).map { centers[k * columns + $0] + sums[k * columns + $0] / counts[k] }
    }

    /// The covariance of component `k`'s rows about their mean, from full squares.
    func covariance(_ k: Int) -> Matrix<Double> {
      var result = Matrix<Double>(rows: columns, columns: columns)
      let shift = (0..<columns).map { sums[k * columns + $0] / counts[k] }
      for i in 0..<columns {
        for j in 0...i {
          let value =
            squares[(k * columns + i) * columns + j] / counts[k] - shift[i] * shift[j]
          result[i, j] = value
          result[j, i] = value
        }
      }
      return result
    }

    /// The variance of component `k`'s rows about their mean in column `d`, from either kind of squares.
    func variance(_ k: Int, _ d: Int) -> Double {
      let full = squares.count > counts.count * columns || columns == 1
      let at = full ? (k * columns + d) * columns + d : k * columns + d
      let shift = sums[k * columns + d] / counts[k]
      return squares[at] / counts[k] - shift * shift
    }
  }
#endif
