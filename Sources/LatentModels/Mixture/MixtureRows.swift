#if OpenBLAS
  import LatentKernels

  /// Complete rows ready for passes: values of the wanted precision, weights, and the origin that is
  /// subtracted from every row so that large offsets do not cancel.
  ///
  /// Rows in memory are held as passes read them; those of any other source come anew in each pass, a
  /// piece at a time, with the same bits.
  final class MixtureRows {
    let count: Int
    let columns: Int
    let precision: MixturePrecision
    /// D; part of the values already where they were rounded to float.
    let origin: [Double]
    let weights: [Double]?
    let backend: FusedBackend
    /// The ranks that hold the other rows.
    let communicator: any Communicator
    private let table: Table
    private let workspace: MixtureWorkspace

    private enum Table {
      case held(MixturePiece)
      case streamed(any RowSource)
    }

    init(
      _ rows: any RowSource, origin: [Double], weights: [Double]? = nil,
      precision: MixturePrecision, backend: FusedBackend,
      communicator: any Communicator = SerialCommunicator(),
      workspace: MixtureWorkspace = MixtureWorkspace()
    ) {
      self.communicator = communicator
      count = rows.count
      columns = rows.columns
      self.precision = precision
      self.origin = origin
      self.weights = weights
      self.backend = backend
      self.workspace = workspace
      table =
        if let rows = rows as? Rows {
          .held(MixturePiece(rows, first: 0, origin: origin, precision: precision))
        } else { .streamed(rows) }
    }

    /// Whether the rows are in memory.
    var isHeld: Bool { if case .held = table { true } else { false } }

    /// Calls `body` with the rows, a piece at a time: one piece where they are in memory.
    func forEachPiece(_ body: (MixturePiece) throws -> Void) throws {
      switch table {
      case .held(let piece): try body(piece)
      case .streamed(let source):
        try source.forEachChunk(multipleOf: latent_mixture_range_rows()) { first, rows in
          try body(MixturePiece(rows, first: first, origin: origin, precision: precision))
        }
      }
    }

    /// Σ w x xᵀ of all ranks' rows less the origin, in double whatever the precision: a tied covariance is a small
    /// difference of it.
    func totalScatter() throws -> TotalScatter {
      let center = MixtureDensity(
        spheres: [Double](repeating: 0, count: columns), count: 1,
        whiteners: [Double](repeating: 1, count: columns))
      let statistics = try MixtureStatistics.all(
        communicator, centers: center.centers, components: 1, columns: columns,
        squares: LATENT_SQUARES_FULL
      ) {
        var sum = PieceSum(center, squares: LATENT_SQUARES_FULL, columns: columns)
        try forEachPiece { piece in
          guard precision == .float else { return add(piece, center, &sum) }
          let step = latent_mixture_wave_rows()
          for start in stride(from: 0, to: piece.count, by: step) {
            let range = start..<min(piece.count, start + step)
            let values = range.flatMap { piece.row($0) }
            let doubles = MixturePiece(
              first: piece.first + start, count: range.count, columns: columns,
              values: .doubles(values),
              shift: [Double](repeating: 0, count: columns))
            add(doubles, center, &sum)
          }
        }
        return sum.statistics
      }
      return TotalScatter(
        matrix: try Matrix(rows: columns, columns: columns, values: statistics.squares))
    }

    /// What a pass may write for each row.
    struct Outputs {
      var logDensity: UnsafeMutablePointer<Double>?
      var responsibilities: UnsafeMutablePointer<Double>?
      var labels: UnsafeMutablePointer<Int32>?
    }

    /// The sufficient statistics of one pass over all ranks' rows, in one message.
    func allStatistics(
      _ density: MixtureDensity, squares: latent_squares, hard: Bool = false
    ) throws -> MixtureStatistics {
      let isFull = squares == LATENT_SQUARES_FULL
      let components = density.constants.count
      return try MixtureStatistics.all(
        communicator,
        centers: isFull
          ? density.centers : [Double](repeating: 0, count: components * columns),
        components: components, columns: columns, squares: squares
      ) { try statistics(density, squares: squares, hard: hard) }
    }

    /// The sufficient statistics of one pass over this rank's rows with a model whose means are less the
    /// origin.
    func statistics(
      _ density: MixtureDensity, squares: latent_squares, hard: Bool = false
    ) throws -> MixtureStatistics {
      var sum = PieceSum(density, squares: squares, columns: columns)
      try forEachPiece { add($0, density, &sum, hard: hard) }
      return sum.statistics
    }

    /// One pass that writes for each row.
    func write(_ density: MixtureDensity, into outputs: Outputs) throws {
      try forEachPiece { piece in
        let (first, components) = (piece.first, density.constants.count)
        run(
          piece, density,
          into: Outputs(
            logDensity: outputs.logDensity.map { $0 + first },
            responsibilities: outputs.responsibilities.map { $0 + first * components },
            labels: outputs.labels.map { $0 + first }))
      }
    }

    /// The log-densities of one piece.
    func logDensities(_ piece: MixturePiece, _ density: MixtureDensity) -> [Double] {
      [Double](unsafeUninitializedCapacity: piece.count) { values, initialized in
        run(piece, density, into: Outputs(logDensity: values.baseAddress))
        initialized = piece.count
      }
    }

    private func add(
      _ piece: MixturePiece, _ density: MixtureDensity, _ sum: inout PieceSum, hard: Bool = false
    ) {
      var pass = pass(piece, density)
      pass.squares = sum.squares
      pass.hard = hard
      let ranges = latent_mixture_wave_rows() / latent_mixture_range_rows()
      pass.waiting = piece.first / latent_mixture_range_rows() % ranges
      pass.more = piece.first + piece.count < count
      sum.raw.withUnsafeMutableBufferPointer {
        pass.statistics = $0.baseAddress
        run(pass, piece, density)
      }
    }

    private func run(_ piece: MixturePiece, _ density: MixtureDensity, into outputs: Outputs) {
      var pass = pass(piece, density)
      pass.log_density = outputs.logDensity
      pass.responsibilities = outputs.responsibilities
      pass.labels = outputs.labels
      run(pass, piece, density)
    }

    private func pass(_ piece: MixturePiece, _ density: MixtureDensity) -> MixturePass {
      var pass = MixturePass()
      pass.density = density.kind
      pass.columns = UInt32(columns)
      pass.components = UInt32(density.constants.count)
      pass.rows = piece.count
      pass.stride = columns
      return pass
    }

    private func run(_ pass: MixturePass, _ piece: MixturePiece, _ density: MixtureDensity) {
      // A rank may have no rows.
      guard piece.count > 0 else { return }
      var pass = pass
      piece.shift.withUnsafeBufferPointer { shift in
        density.centers.withUnsafeBufferPointer { centers in
          density.whiteners.withUnsafeBufferPointer { whiteners in
            density.constants.withUnsafeBufferPointer { constants in
              (weights ?? []).withUnsafeBufferPointer { weights in
                pass.shift = shift.baseAddress
                pass.centers = centers.baseAddress
                pass.whiteners = whiteners.baseAddress
                pass.constants = constants.baseAddress
                pass.weights = self.weights == nil ? nil : weights.baseAddress! + piece.first
                switch piece.values {
                case .doubles(let values):
                  values.withUnsafeBytes {
                    pass.x = $0.baseAddress
                    backend.run(pass, workspace: workspace)
                  }
                case .floats(let values):
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
  }

  /// Statistics that grow piece by piece, as kernels lay them out.
  private struct PieceSum {
    let density: MixtureDensity
    let squares: latent_squares
    let columns: Int
    let layout: latent_mixture_layout
    var raw: [Double]

    init(_ density: MixtureDensity, squares: latent_squares, columns: Int) {
      (self.density, self.squares, self.columns) = (density, squares, columns)
      var pass = MixturePass()
      pass.squares = squares
      pass.columns = UInt32(columns)
      pass.components = UInt32(density.constants.count)
      layout = pass.layout
      raw = [Double](repeating: 0, count: layout.total)
    }

    var statistics: MixtureStatistics {
      MixtureStatistics(raw, layout, density, squares: squares, columns: columns)
    }
  }
#endif
