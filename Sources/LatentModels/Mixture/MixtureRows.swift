#if OpenBLAS
  import LatentKernels

  /// Complete rows ready for passes: values of the wanted precision, weights, and the origin that is
  /// subtracted from every row so that large offsets do not cancel.
  final class MixtureRows {
    let count: Int
    let columns: Int
    /// D; part of the values already where they were rounded to float.
    let origin: [Double]
    let weights: [Double]?
    let backend: FusedBackend
    private let values: Values
    private let workspace: MixtureWorkspace

    private enum Values {
      case doubles([Double])
      /// Less `origin` when `shifted`.
      case floats([Float], shifted: Bool)
    }

    init(
      _ rows: Rows, origin: [Double], weights: [Double]? = nil, precision: MixturePrecision,
      backend: FusedBackend, workspace: MixtureWorkspace = MixtureWorkspace()
    ) {
      count = rows.count
      columns = rows.columns
      self.origin = origin
      self.weights = weights
      self.backend = backend
      self.workspace = workspace
      switch (precision, rows.storage) {
      case (.double, .doubles(let doubles)): values = .doubles(doubles)
      case (.double, _): values = .doubles(rows.matrix(of: Double.self).values)
      case (.float, .floats(let floats)): values = .floats(floats, shifted: false)
      case (.float, _):
        var floats: [Float] = []
        floats.reserveCapacity(rows.count * rows.columns)
        for row in 0..<rows.count {
          for column in 0..<rows.columns {
            floats.append(Float(rows.value(row, column) - origin[column]))
          }
        }
        values = .floats(floats, shifted: true)
      }
    }

    var precision: MixturePrecision {
      if case .doubles = values { .double } else { .float }
    }

    /// Σ w x xᵀ of all rows less the origin, in double whatever the precision: a tied covariance is a small
    /// difference of it.
    func totalScatter() throws -> TotalScatter {
      let center = MixtureDensity(
        spheres: [Double](repeating: 0, count: columns), count: 1,
        whiteners: [Double](repeating: 1, count: columns))
      var sum = Matrix<Double>(rows: columns, columns: columns)
      func add(_ part: MixtureRows) {
        let squares = part.run(center, squares: LATENT_SQUARES_FULL)!.squares
        for i in squares.indices { sum.values[i] += squares[i] }
      }
      guard precision == .float else {
        add(self)
        return TotalScatter(matrix: sum)
      }
      for first in stride(from: 0, to: count, by: latent_mixture_wave_rows()) {
        let range = first..<min(count, first + latent_mixture_wave_rows())
        let table = try Matrix(
          rows: range.count, columns: columns, values: range.flatMap { row($0) })
        add(
          MixtureRows(
            Rows(table), origin: [Double](repeating: 0, count: columns),
            weights: weights.map { Array($0[range]) }, precision: .double, backend: backend,
            workspace: workspace))
      }
      return TotalScatter(matrix: sum)
    }

    /// The values of one row less the origin.
    func row(_ index: Int) -> [Double] {
      let start = index * columns
      return switch values {
      case .doubles(let all): (0..<columns).map { all[start + $0] - origin[$0] }
      case .floats(let all, let shifted):
        (0..<columns).map { Double(all[start + $0]) - (shifted ? 0 : origin[$0]) }
      }
    }

    /// What a pass may write for each row.
    struct Outputs {
      var logDensity: UnsafeMutablePointer<Double>?
      var responsibilities: UnsafeMutablePointer<Double>?
      var labels: UnsafeMutablePointer<Int32>?
    }

    /// One pass with a model whose means are less the origin.
    ///
    /// - Returns: its statistics; none where `squares` is nil.
    @discardableResult
    func run(
      _ density: MixtureDensity, squares: latent_squares?, hard: Bool = false,
      into outputs: Outputs = Outputs()
    ) -> MixtureStatistics? {
      var pass = MixturePass()
      pass.density = density.kind
      pass.squares = squares ?? LATENT_SQUARES_NONE
      pass.hard = hard
      pass.columns = UInt32(columns)
      pass.components = UInt32(density.constants.count)
      pass.rows = count
      pass.stride = columns
      pass.log_density = outputs.logDensity
      pass.responsibilities = outputs.responsibilities
      pass.labels = outputs.labels
      let layout = pass.layout
      var raw = [Double](repeating: 0, count: squares == nil ? 0 : layout.total)
      let shift: [Double]
      if case .floats(_, shifted: true) = values {
        shift = [Double](repeating: 0, count: columns)
      } else {
        shift = origin
      }
      shift.withUnsafeBufferPointer { shift in
        density.centers.withUnsafeBufferPointer { centers in
          density.whiteners.withUnsafeBufferPointer { whiteners in
            density.constants.withUnsafeBufferPointer { constants in
              raw.withUnsafeMutableBufferPointer { raw in
                (weights ?? []).withUnsafeBufferPointer { weights in
                  pass.shift = shift.baseAddress
                  pass.centers = centers.baseAddress
                  pass.whiteners = whiteners.baseAddress
                  pass.constants = constants.baseAddress
                  pass.statistics = squares == nil ? nil : raw.baseAddress
                  pass.weights = self.weights == nil ? nil : weights.baseAddress
                  switch values {
                  case .doubles(let values):
                    values.withUnsafeBytes {
                      pass.x = $0.baseAddress
                      backend.run(pass, workspace: workspace)
                    }
                  case .floats(let values, _):
                    pass.single = true
                    values.withUnsafeBytes {
                      pass.x = $0.baseAddress
                      backend.run(pass, workspace: workspace)
                    }
                  }
                }
              }
            }
          }
        }
      }
      guard let squares else { return nil }
      return MixtureStatistics(raw, layout, density, squares: squares, columns: columns)
    }
  }
#endif
