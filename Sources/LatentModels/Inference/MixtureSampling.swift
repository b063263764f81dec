#if OpenBLAS
  import LatentKernels

  /// Naive Monte Carlo and importance sampling where z is a mixture's component: what they are worth
  /// shows at once, since log p(x) is known.
  public struct MixtureSampling: Sendable {
    /// Where components are drawn from.
    public enum Proposal: String, CaseIterable, Sendable {
      /// π.
      case naive
      /// The responsibilities that the components would have with uncorrelated columns, a tenth of π
      /// beside them so that no weight runs away (Hesterberg 1995).
      case importance
    }

    /// Where components are drawn from.
    public var proposal: Proposal
    /// Draws of the component a row.
    public var samples: Int

    /// A proposal, and draws a row.
    public init(_ proposal: Proposal, samples: Int) {
      self.proposal = proposal
      self.samples = samples
    }

    /// log p(x) of each row; draws are keyed by seed, row and sample.
    ///
    /// - Parameter first: the number of the first row.
    /// - Throws: ``SettingError``, ``ShapeError``, or ``DataError``.
    public func estimate(
      _ model: GaussianMixture, _ rows: Rows, first firstRow: Int = 0,
      backend: FusedBackend? = nil, seed: UInt64 = 0, progress: (Int) -> Void = { _ in }
    ) throws -> [DensityEstimate] {
      guard 1...(1 << 24) ~= samples else {
        throw SettingError("The number of samples must be 1...\(1 << 24), found \(samples).")
      }
      guard 0...Int(UInt32.max) - rows.count ~= firstRow else {
        throw SettingError(
          "The number of the first of \(rows.count) rows must be 0...\(Int(UInt32.max) - rows.count), "
            + "found \(firstRow).")
      }
      let size = model.components
      let densities = try model.componentDensities(rows, backend: backend)
      let shares = try proposals(model, rows, backend)
      let logShares = InstructionSet.reproducible.logarithms(shares.values)
      let logWeights = InstructionSet.reproducible.logarithms(model.weights)
      let kernels = InstructionSet.reproducible.kernels
      let block = UnsafeMutableBufferPointer<Double>.allocate(capacity: min(samples, 1024))
      defer { block.deallocate() }
      var bits = [UInt32](repeating: 0, count: block.count)
      return (0..<rows.count).map { row in
        let ratios = (0..<size).map {
          logWeights[$0] + densities[row, $0] - logShares[row * size + $0]
        }
        var sum = LogMeanExp()
        for first in stride(from: 0, to: samples, by: block.count) {
          let count = min(block.count, samples - first)
          // A stream of its own for each block, a dimension for each sample.
          kernels.random_bits(
            count, seed, LATENT_PURPOSE_EPSILON, UInt32(first / block.count),
            UInt32(firstRow + row), .max, &bits)
          for draw in 0..<count {
            let uniform = (Double(bits[draw]) + 0.5) * 0x1p-32
            block[draw] = ratios[categorical(shares.row(row), at: uniform)]
          }
          sum.add(UnsafeMutableBufferPointer(rebasing: block[0..<count]))
        }
        progress((row + 1) * samples)
        return sum.estimate
      }
    }

    /// q(z = k | x), rows x K.
    private func proposals(
      _ model: GaussianMixture, _ rows: Rows, _ backend: FusedBackend?
    ) throws -> Matrix<Double> {
      var shares = Matrix<Double>(rows: rows.count, columns: model.components)
      if proposal == .importance {
        shares = try model.withoutCorrelations.responsibilities(rows, backend: backend)
      }
      for row in 0..<rows.count {
        for k in 0..<model.components {
          let prior = model.weights[k]
          shares[row, k] = proposal == .naive ? prior : 0.9 * shares[row, k] + 0.1 * prior
        }
      }
      return shares
    }
  }

  extension GaussianMixture {
    /// log p(x | z = k) of each row, rows x K.
    func componentDensities(_ rows: Rows, backend: FusedBackend?) throws -> Matrix<Double> {
      var result = Matrix<Double>(rows: rows.count, columns: components)
      for k in 0..<components {
        let single = try GaussianMixture(
          weights: [1], means: Matrix(rows: 1, columns: columns, values: Array(means.row(k))),
          covariances: .full([covariances.matrix(k, columns: columns)]))
        for (row, density) in try single.scoreSamples(rows, backend: backend).enumerated() {
          result[row, k] = density
        }
      }
      return result
    }

    /// The same components, their columns independent.
    var withoutCorrelations: GaussianMixture {
      var variances = Matrix<Double>(rows: components, columns: columns)
      for k in 0..<components {
        for d in 0..<columns { variances[k, d] = covariances.variance(k, d) }
      }
      return GaussianMixture(unchecked: weights, means, .diagonal(variances))
    }
  }
#endif
