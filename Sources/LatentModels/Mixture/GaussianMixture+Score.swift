#if OpenBLAS
  import LatentKernels

  extension GaussianMixture {
    /// log p(x) of each row in nats, every constant included; a NaN is a missing value, and the density is
    /// then that of the observed columns. -∞ for a row so far off that squares overflow.
    ///
    /// - Throws: ``ShapeError`` when the columns do not fit, ``DataError`` for an infinite value.
    public func scoreSamples(
      _ rows: Rows, precision: MixturePrecision = .double, backend: FusedBackend? = nil
    ) throws -> [Double] {
      let (sample, model) = try prepared(rows, precision, backend)
      // ∞ − ∞ among what is whitened.
      return try sample.evaluate(model, logDensity: true).logDensity.map {
        $0.isNaN ? -.infinity : $0
      }
    }

    /// The mean of log p(x) over the rows, in nats.
    ///
    /// - Throws: ``ShapeError`` when the columns do not fit, ``DataError`` for an infinite value.
    public func score(
      _ rows: Rows, precision: MixturePrecision = .double, backend: FusedBackend? = nil
    ) throws -> Double {
      let densities = try scoreSamples(rows, precision: precision, backend: backend)
      return densities.reduce(0, +) / Double(max(rows.count, 1))
    }

    /// The likeliest component of each row, the first of equals.
    ///
    /// - Throws: ``ShapeError`` when the columns do not fit, ``DataError`` for an infinite value.
    public func predict(
      _ rows: Rows, precision: MixturePrecision = .double, backend: FusedBackend? = nil
    ) throws -> [Int] {
      let (sample, model) = try prepared(rows, precision, backend)
      return try sample.evaluate(model, labels: true).labels.map { Int($0) }
    }

    /// p(z = k | x), rows x K.
    ///
    /// - Throws: ``ShapeError`` when the columns do not fit, ``DataError`` for an infinite value or a row so
    ///   far off that no component has a density there.
    public func predictProbabilities(
      _ rows: Rows, precision: MixturePrecision = .double, backend: FusedBackend? = nil
    ) throws -> Matrix<Double> {
      let shares = try responsibilities(rows, precision: precision, backend: backend)
      for row in 0..<rows.count { try check(shares.row(row), of: rows, row: row) }
      return shares
    }

    /// - Throws: ``DataError`` unless the shares of a row are probabilities.
    func check(_ shares: ArraySlice<Double>, of rows: Rows, row: Int) throws {
      guard !(shares.reduce(0, +) > 0.5) else { return }
      let column = (0..<rows.columns).filter { !rows.value(row, $0).isNaN }
        .max { abs(rows.value(row, $0)) < abs(rows.value(row, $1)) }!
      throw DataError(
        "Row \(row + 1) lies so far from all components that none has a density there: column \(column + 1) "
          + "is \(rows.value(row, column)); check it, or drop the row.")
    }

    /// The same, of which the shares of a row so far off are all 0.
    func responsibilities(
      _ rows: Rows, precision: MixturePrecision = .double, backend: FusedBackend? = nil
    ) throws -> Matrix<Double> {
      let (sample, model) = try prepared(rows, precision, backend)
      let shares = try sample.evaluate(model, responsibilities: true).responsibilities
      return try Matrix(rows: rows.count, columns: components, values: shares)
    }

    /// -2 log L + p log n (Schwarz 1978): the smaller the better.
    /// - Throws: ``ShapeError`` when the columns do not fit, ``DataError`` for an infinite value.
    public func bic(_ rows: Rows, backend: FusedBackend? = nil) throws -> Double {
      let total = try scoreSamples(rows, backend: backend).reduce(0, +)
      return -2 * total + Double(parameterCount) * logarithm(Double(rows.count))
    }

    /// -2 log L + 2 p (Akaike 1974).
    /// - Throws: ``ShapeError`` when the columns do not fit, ``DataError`` for an infinite value.
    public func aic(_ rows: Rows, backend: FusedBackend? = nil) throws -> Double {
      let total = try scoreSamples(rows, backend: backend).reduce(0, +)
      return -2 * total + 2 * Double(parameterCount)
    }

    /// BIC plus twice the entropy of the responsibilities, which asks for components that are apart
    /// (Biernacki, Celeux and Govaert 2000).
    ///
    /// - Throws: ``ShapeError`` when the columns do not fit, ``DataError`` for an infinite value.
    public func icl(_ rows: Rows, backend: FusedBackend? = nil) throws -> Double {
      try criteria(rows, backend: backend).icl
    }

    /// All three from one pass over all ranks' rows.
    func criteria(
      _ rows: some RowSource, sampleWeights: [Double]? = nil, backend: FusedBackend?,
      communicator: any Communicator = SerialCommunicator()
    ) throws -> (bic: Double, aic: Double, icl: Double, logLikelihood: Double) {
      let backend = try backend ?? FusedBackend()
      let sums = try communicator.sum(count: 3) {
        var (total, entropy) = (0.0, 0.0)
        try rows.forEachChunk(multipleOf: 1) { first, chunk in
          let (sample, model) = try prepared(chunk, .double, backend)
          let found = try sample.evaluate(model, logDensity: true, responsibilities: true)
          func weight(_ row: Int) -> Double { sampleWeights?[first + row] ?? 1 }
          for (row, density) in found.logDensity.enumerated() { total += weight(row) * density }
          let logs = InstructionSet.reproducible.logarithms(found.responsibilities)
          for (i, share) in found.responsibilities.enumerated() where share > 0 {
            entropy -= weight(i / components) * share * logs[i]
          }
        }
        return [total, entropy, sampleWeights?.reduce(0, +) ?? Double(rows.count)]
      }
      let (total, entropy, size) = (sums[0], sums[1], sums[2])
      let bic = -2 * total + Double(parameterCount) * logarithm(size)
      return (bic, -2 * total + 2 * Double(parameterCount), bic + 2 * entropy, total)
    }

    private func logarithm(_ size: Double) -> Double {
      InstructionSet.reproducible.logarithms([max(size, 1)])[0]
    }

    /// The rows about the mixture's own mean, and the model about it too.
    func prepared(
      _ rows: Rows, _ precision: MixturePrecision, _ backend: FusedBackend?
    ) throws -> (sample: MixtureSample, model: GaussianMixture) {
      guard rows.columns == columns else {
        throw ShapeError("The model expects \(columns) columns, the rows have \(rows.columns).")
      }
      let origin = mean
      let sample = try MixtureSample(
        rows, origin: origin, weights: nil, precision: precision,
        backend: try backend ?? FusedBackend())
      return (sample, shifted(by: origin, sign: -1))
    }

    /// E[x], D numbers.
    public var mean: [Double] {
      (0..<columns).map { d in
        (0..<components).reduce(0) { $0 + weights[$1] * means[$1, d] }
      }
    }
  }
#endif
