#if OpenBLAS
  import LatentKernels

  extension MixtureStatistics {
    /// Those of all ranks' rows, from each rank's own: one message, with symmetric squares sent once.
    ///
    /// - Parameters:
    ///   - centers: K x D, what sums and squares are about; the same on all ranks.
    ///   - kind: the squares that `own` gathers.
    ///   - own: the pass over this rank's rows.
    static func all(
      _ communicator: any Communicator, centers: [Double], components: Int, columns: Int,
      squares kind: latent_squares, own: () throws -> MixtureStatistics
    ) throws -> MixtureStatistics {
      guard communicator.size > 1 else { return try own() }
      let squares =
        switch kind {
        case LATENT_SQUARES_FULL: columns * (columns + 1) / 2
        case LATENT_SQUARES_DIAGONAL: columns
        default: 0
        }
      let count = 1 + components * (1 + columns + squares)
      let sum = try communicator.sum(count: count) {
        try own().packed(isFull: kind == LATENT_SQUARES_FULL)
      }
      return MixtureStatistics(
        packed: sum, centers: centers, components: components, columns: columns,
        isFull: kind == LATENT_SQUARES_FULL)
    }

    private func packed(isFull: Bool) -> [Double] {
      let start = [logLikelihood] + counts + sums
      guard isFull else { return start + squares }
      var result = start
      result.reserveCapacity(start.count + components * columns * (columns + 1) / 2)
      for k in 0..<components {
        for i in 0..<columns {
          let row = (k * columns + i) * columns
          result += squares[row...row + i]
        }
      }
      return result
    }

    private init(
      packed: [Double], centers: [Double], components: Int, columns: Int, isFull: Bool
    ) {
      self.columns = columns
      self.centers = centers
      logLikelihood = packed[0]
      counts = Array(packed[1...components])
      let first = 1 + components * (1 + columns)
      sums = Array(packed[1 + components..<first])
      guard isFull else {
        squares = Array(packed[first...])
        return
      }
      squares = [Double](repeating: 0, count: components * columns * columns)
      var next = first
      for k in 0..<components {
        for i in 0..<columns {
          for j in 0...i {
            squares[(k * columns + i) * columns + j] = packed[next]
            squares[(k * columns + j) * columns + i] = packed[next]
            next += 1
          }
        }
      }
    }
  }
#endif
