#if OpenBLAS
  import LatentKernels

  extension GaussianMixture {
    /// Draws rows: z ~ Categorical(π), then x ~ N(μ_z, Σ_z). Row i is the same however many are drawn.
    ///
    /// - Returns: rows x D, and the component of each.
    /// - Throws: ``SettingError`` unless `count` is positive and what this machine's memory holds,
    ///   ``SingularCovarianceError``.
    public func sample(
      _ count: Int, seed: UInt64 = 0
    ) throws -> (rows: Matrix<Double>, labels: [Int]) {
      // A label beside each row.
      try checkCount(count, of: "samples", values: Double(columns + 1))
      return try draw(0..<count, seed: seed)
    }

    /// Some rows of those that ``sample(_:seed:)`` draws, however many.
    ///
    /// - Parameter numbers: of the rows, from 0, in any order.
    /// - Returns: numbers.count x D, and the component of each.
    /// - Throws: ``SettingError`` for a number below 0 or above 2³² − 1, ``SingularCovarianceError``.
    public func sample(
      rows numbers: [Int], seed: UInt64 = 0
    ) throws -> (rows: Matrix<Double>, labels: [Int]) {
      if let number = numbers.first(where: { !(0...Int(UInt32.max) ~= $0) }) {
        throw SettingError("The number of a row must be 0...\(UInt32.max), found \(number).")
      }
      return try draw(numbers, seed: seed)
    }

    private func draw(
      _ numbers: some Collection<Int>, seed: UInt64
    ) throws -> (rows: Matrix<Double>, labels: [Int]) {
      let factors = try (0..<components).map { k in
        guard
          let factor = SymmetricMatrix.cholesky(covariances.matrix(k, columns: columns))
        else { throw SingularCovarianceError("component \(k + 1)") }
        return factor
      }
      let kernels = InstructionSet.reproducible.kernels
      var result = Matrix<Double>(rows: numbers.count, columns: columns)
      var labels: [Int] = []
      labels.reserveCapacity(numbers.count)
      var normals = [Float](repeating: 0, count: columns)
      for (row, number) in numbers.enumerated() {
        let number = UInt32(number)
        let random = CounterRandom(seed: seed, purpose: LATENT_PURPOSE_PRIOR, row: number)
        let k = categorical(weights, at: random.uniform(0))
        labels.append(k)
        normals.withUnsafeMutableBufferPointer {
          kernels.random_normal(
            columns, seed, LATENT_PURPOSE_OBSERVATION, 0, number, 0, $0.baseAddress)
        }
        for i in 0..<columns {
          var value = means[k, i]
          for j in 0...i { value += factors[k][i, j] * Double(normals[j]) }
          result[row, i] = value
        }
      }
      return (result, labels)
    }
  }
#endif
