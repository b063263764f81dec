#if OpenBLAS
  import LatentKernels

  // The rows that k-means, or EM, starts from. Rows are drawn by passes in their order, so that those that
  // stream give the same ones as those in memory.

  extension MixtureStart {
    /// Different rows, each as likely as its weight says.
    func randomPoints(_ restart: Int) throws -> [Double] {
      var chosen: [Double] = []
      for k in 0..<components {
        // Duplicates of a point that is chosen go with it.
        func free(_ piece: MixturePiece) -> [Double] {
          var mass = weights(of: piece)
          for row in mass.indices {
            for point in 0..<k
            where piece.equals(row, chosen[point * columns..<(point + 1) * columns]) {
              mass[row] = 0
            }
          }
          return mass
        }
        chosen += try draw([uniform(restart, k)], mass: free)[0]
      }
      return chosen
    }

    /// Greedy k-means++: of some rows drawn with probability proportional to their squared distances from
    /// the points so far, the next point is the one that leaves the least distance.
    func plusPlus(_ restart: Int) throws -> [Double] {
      var points = try draw([uniform(restart, 0)], mass: weights)[0]
      guard components > 1 else { return points }
      var nearest = Nearest(self)
      var sums = try nearest.costs(of: [points])[0]
      nearest.add(0)
      // 2 + log K, as Arthur and Vassilvitskii tried.
      let trials = components > 20 ? 5 : components > 7 ? 4 : components > 2 ? 3 : 2
      for k in 1..<components {
        let candidates = try draw(
          (0..<trials).map { uniform(restart, k, trial: $0) }, sums: sums,
          mass: nearest.masses)
        let costs = try nearest.costs(of: candidates)
        let totals = costs.map { $0.reduce(0, +) }
        let best = totals.indices.min { totals[$0] < totals[$1] }!
        points += candidates[best]
        sums = costs[best]
        nearest.add(best)
      }
      return points
    }

    func weights(of piece: MixturePiece) -> [Double] {
      rows.weights.map { Array($0[piece.first..<piece.first + piece.count]) }
        ?? [Double](repeating: 1, count: piece.count)
    }

    /// The squared distances of a piece's rows from a point.
    func distances(_ piece: MixturePiece, to point: [Double]) -> [Double] {
      // Rounding may leave a trifle of a distance that is zero.
      rows.logDensities(piece, density(point)).map { $0 < -1e-12 ? -2 * $0 : 0 }
    }

    private func uniform(_ restart: Int, _ number: Int, trial: Int = 0) -> Double {
      let random = CounterRandom(
        seed: configuration.seed, purpose: LATENT_PURPOSE_INITIALIZATION,
        sample: UInt32(truncatingIfNeeded: restart) & 0xff_ffff, row: UInt32(number))
      return random.uniform(2 * trial) + random.uniform(2 * trial + 1) * 0x1p-24
    }

    /// A row for each of some uniform numbers, with probability proportional to the rows' masses: the row
    /// at which the masses of all ranks, added in the order of the rows, pass that part of their sum.
    ///
    /// - Parameter sums: of all masses, by rank, where they are known.
    private func draw(
      _ uniforms: [Double], sums known: [Double]? = nil, mass: (MixturePiece) -> [Double]
    ) throws -> [[Double]] {
      let communicator = rows.communicator
      let sums =
        try known
        ?? communicator.byRank(count: 1) {
          var sum = 0.0
          try rows.forEachPiece { piece in for value in mass(piece) { sum += value } }
          return [sum]
        }.map { $0[0] }
      let total = sums.reduce(0, +)
      let places = uniforms.map { Place($0 * total, in: sums) }
      let drawn = try communicator.sum(count: uniforms.count * columns) {
        var left = places.map { $0?.rank == communicator.rank ? $0!.left : -1 }
        var drawn = [[Double]](repeating: [], count: uniforms.count)
        try rows.forEachPiece { piece in
          guard left.contains(where: { $0 >= 0 }) else { return }
          let masses = mass(piece)
          for draw in uniforms.indices where left[draw] >= 0 {
            // Rounding may leave a trifle after the last row: it is that row then.
            var last: Int?
            for row in masses.indices where masses[row] > 0 {
              last = row
              left[draw] -= masses[row]
              if left[draw] < 0 { break }
            }
            if let last { drawn[draw] = piece.row(last) }
          }
        }
        return drawn.flatMap { $0.isEmpty ? [Double](repeating: 0, count: columns) : $0 }
      }
      var result = (0..<uniforms.count).map { Array(drawn[$0 * columns..<($0 + 1) * columns]) }
      // All masses are 0 where every row is a point already: any row will do.
      for draw in uniforms.indices where places[draw] == nil { result[draw] = try firstRow() }
      return result
    }

    /// Where a part of the sum of all masses lies.
    private struct Place {
      let rank: Int
      /// Less the masses of the ranks before; never below 0.
      let left: Double

      /// Nil where all masses are 0.
      init?(_ part: Double, in sums: [Double]) {
        var (left, found) = (part, nil as (Int, Double)?)
        for (rank, sum) in sums.enumerated() where sum > 0 {
          found = (rank, left)
          if left < sum { break }
          left -= sum
        }
        guard let found else { return nil }
        (rank, self.left) = found
      }
    }

    private func firstRow() throws -> [Double] {
      let found = try rows.communicator.byRank(count: 1 + columns) {
        var result: [Double] = []
        try rows.forEachPiece { if $0.first == 0, $0.count > 0 { result = [1] + $0.row(0) } }
        return result.isEmpty ? [Double](repeating: 0, count: 1 + columns) : result
      }
      return Array(found.first { $0[0] > 0 }![1...])
    }
  }

  /// The squared distances of all rows to the nearest of some points: kept for rows in memory, computed
  /// again in every pass over those that stream. Minima are exact, so that the bits are the same.
  private struct Nearest {
    private let start: MixtureStart
    /// Of rows that stream.
    private var points: [[Double]] = []
    /// Of rows in memory.
    private var held: [Double] = []
    private var isFirst = true
    /// What was tried last.
    private var candidates: [[Double]] = []
    private var left: [[Double]] = []

    init(_ start: MixtureStart) { self.start = start }

    /// Distances times weights.
    func masses(_ piece: MixturePiece) -> [Double] {
      zip(distances(piece), start.weights(of: piece)).map { $0 * $1 }
    }

    private func distances(_ piece: MixturePiece) -> [Double] {
      guard !start.rows.isHeld else { return held }
      var nearest: [Double]?
      for point in points {
        let found = start.distances(piece, to: point)
        nearest = nearest.map { zip($0, found).map { min($0, $1) } } ?? found
      }
      return nearest!
    }

    /// What the weighted distances of all rows would sum to with each candidate beside the points: for each
    /// of them, by rank.
    mutating func costs(of candidates: [[Double]]) throws -> [[Double]] {
      var left: [[Double]] = []
      let byRank = try start.rows.communicator.byRank(count: candidates.count) {
        var costs = [Double](repeating: 0, count: candidates.count)
        try start.rows.forEachPiece { piece in
          let weights = start.weights(of: piece)
          let before = isFirst ? nil : distances(piece)
          for (index, point) in candidates.enumerated() {
            var nearest = start.distances(piece, to: point)
            if let before { for i in nearest.indices { nearest[i] = min(before[i], nearest[i]) } }
            for i in nearest.indices { costs[index] += nearest[i] * weights[i] }
            if start.rows.isHeld { left.append(nearest) }
          }
        }
        return costs
      }
      (self.candidates, self.left) = (candidates, left)
      return candidates.indices.map { index in byRank.map { $0[index] } }
    }

    /// Makes one of the last candidates a point.
    mutating func add(_ index: Int) {
      isFirst = false
      if start.rows.isHeld { held = left[index] } else { points.append(candidates[index]) }
      (candidates, left) = ([], [])
    }
  }
#endif
