import LatentIO
import LatentKernels
import LatentNetworks

/// The two sides of the bound for one row, in nats.
public struct RowELBO: Sendable, Equatable {
  /// log p(x|z) of one draw z ~ q(z|x).
  public let reconstruction: Double
  /// D_KL(q(z|x) ‖ p(z)), exact.
  public let kl: Double
  /// The bound itself: reconstruction less KL, in nats.
  public var elbo: Double { reconstruction - kl }

  /// A bound of these two parts, in nats.
  public init(reconstruction: Double, kl: Double) {
    (self.reconstruction, self.kl) = (reconstruction, kl)
  }
}

/// A variational autoencoder (Kingma and Welling 2014): p(z) = N(0, I), a decoder p(x|z), and an
/// encoder q(z|x) = N(μ(x), diag σ²(x)).
public final class VAE {
  /// Everything apart from the parameters.
  public internal(set) var configuration: VAEConfiguration
  /// Encoder and decoder.
  public let networks: VariationalNetworks
  /// What is learned.
  public var parameters: Parameters { networks.parameters }
  /// Sizes and kinds of both networks.
  public var architecture: Architecture { configuration.architecture }

  static let evaluationBatch = 256

  /// A model with all parameters zero: give it some, by ``initialize(for:seed:over:)`` or from a file.
  ///
  /// - Throws: ``SettingError`` for sizes out of range, or beyond this machine's memory;
  ///   ``ShapeError`` when image or standardization do not fit the columns.
  public init(_ configuration: VAEConfiguration) throws {
    try configuration.validate()
    self.configuration = configuration
    networks = try VariationalNetworks(configuration.architecture)
  }

  /// The data as the model takes it.
  ///
  /// - Parameters:
  ///   - share: which rows of a larger whole these are.
  ///   - allowMissing: whether NaN may stand for a value that was not observed; as the model was
  ///     fitted, if nil.
  /// - Throws: ``ShapeError`` when the width is not the model's; `FileError`, with the data's name in place of
  ///   a file's, for an infinite value, or a missing one where none may be; ``DataError`` when a likelihood
  ///   on [0, 1] meets a value outside it, a row has nothing observed, or no float holds a value.
  public func batches(
    of data: Dataset, share: RowShare? = nil, allowMissing: Bool? = nil
  ) throws -> BatchSource {
    guard data.rows.columns == architecture.dimensions else {
      throw ShapeError(
        "The model expects \(architecture.dimensions) columns, \(data.name) has "
          + "\(data.rows.columns).")
    }
    if let share {
      guard share.count == data.rows.count, share.first >= 0, share.range.upperBound <= share.total
      else {
        throw ShapeError(
          "\(data.name): \(data.rows.count) rows cannot be rows \(share.first + 1) to "
            + "\(share.range.upperBound) of \(share.total).")
      }
    }
    let allowMissing = allowMissing ?? (configuration.missing ?? false)
    let first = share?.first ?? 0
    try data.validateFinite(allowMissing: allowMissing, first: first)
    if allowMissing { try data.validateSomeObserved(first: first) }
    try configuration.validateRange(of: data, first: first)
    let batches = BatchSource(
      data.rows, share: share, transform: configuration.transform,
      standardization: configuration.standardization)
    if let (row, column) = batches.firstInfinite {
      let value = data.rows.value(row - batches.held.lowerBound, column)
      throw DataError(
        "\(data.name): row \(row + 1), column \(column + 1) is \(value), too "
          + "large for a float; standardize the data, or leave the column out.")
    }
    return batches
  }

  /// log |d standardized / d original| of a row that lacks nothing: what makes densities those of the
  /// original units.
  public var logJacobian: Double {
    -(configuration.standardization?.logScale ?? 0)
  }

  /// The ELBO of each of `rows` (all, if nil), with one draw of z from the noise that `seed` and the row's
  /// number key: the same whatever rows are asked for beside it.
  ///
  /// - Throws: ``SettingError`` for rows that are not there; ``ShapeError`` for data of another width.
  public func scoreSamples(
    _ batches: BatchSource, rows: Range<Int>? = nil, backend: any Backend, seed: UInt64 = 0
  ) throws -> [RowELBO] {
    let rows = rows ?? batches.held
    try batches.check(rows: rows)
    if let inferred = try infer(batches, rows: rows, backend: backend, seed: seed) {
      return zip(inferred.reconstruction, inferred.kl).map {
        RowELBO(reconstruction: $0, kl: $1)
      }
    }
    let plan = try ELBOPlan(
      networks, batches: batches, capacity: Self.evaluationBatch, work: .evaluation)
    return score(plan, batches, rows: rows, backend: backend, seed: seed)
  }

  /// - Parameters:
  ///   - rows: which rows; all of them if nil.
  ///   - bound: is given the objective's bound of each row, in their order.
  func score(
    _ plan: ELBOPlan, _ batches: BatchSource, rows: Range<Int>? = nil, backend: any Backend,
    seed: UInt64, bound: (Double) -> Void = { _ in }
  ) -> [RowELBO] {
    var run = Run()
    run.seed = seed
    // No training epoch: the held-out rows meet the same noise after every one.
    run.epoch = .max
    run.objective_scale = 1
    run.beta = 1
    let rows = rows ?? batches.held
    let order = rows.map { UInt32($0) }
    let jacobian = jacobian(of: batches)
    var result: [RowELBO] = []
    result.reserveCapacity(order.count)
    for start in stride(from: 0, to: order.count, by: plan.capacity) {
      let some = order[start..<min(start + plan.capacity, order.count)]
      plan.execute(on: backend, rows: some, run: run)
      for row in 0..<some.count {
        let constant = jacobian[rows.lowerBound + start + row]
        bound(Double(plan.bound(row)) + constant)
        result.append(
          RowELBO(
            reconstruction: Double(plan.logDensity(row)) + constant, kl: Double(plan.kl(row))))
      }
    }
    return result
  }

  /// q(z) of each row: the encoder's, or the one that the model's inference finds.
  ///
  /// - Throws: ``ShapeError`` when the rows do not fit the model; ``SettingError`` for sizes beyond memory.
  public func transform(_ batches: BatchSource, backend: any Backend, seed: UInt64 = 0) throws
    -> DiagonalGaussian
  {
    try infer(batches, backend: backend, seed: seed)?.posterior
      ?? VAEPasses(self, backend: backend).posterior(batches, seed: seed)
  }

  /// E[x|z] for latents [rows x L], in the data's own units.
  ///
  /// - Throws: ``ShapeError`` when the latents do not fit the model; ``SettingError`` for sizes beyond memory.
  public func inverseTransform(_ latents: Matrix<Float>, backend: any Backend) throws -> Matrix<
    Float
  > {
    try VAEPasses(self, backend: backend).decode(latents, observationSeed: nil)
  }

  /// `count` draws: z ~ p(z), then E[x|z], or x ~ p(x|z) where `observations` is set; in the data's
  /// own units.
  ///
  /// - Throws: ``SettingError`` for fewer than 1, or more than this machine's memory holds.
  public func sample(
    _ count: Int, backend: any Backend, seed: UInt64 = 0, observations: Bool = false
  ) throws -> Matrix<Float> {
    try checkCount(
      count, of: "samples",
      values: Double(architecture.dimensions + architecture.latentDimensions))
    let latents = priorLatents(count, seed: seed)
    return try VAEPasses(self, backend: backend)
      .decode(latents, observationSeed: observations ? seed : nil)
  }

  /// z ~ N(0, I) [count x L], or from the distribution of an autoencoder's codes; `count` is at least 0.
  public func priorLatents(_ count: Int, seed: UInt64) -> Matrix<Float> {
    let kernels = InstructionSet.reproducible.kernels
    let size = architecture.latentDimensions
    var latents = Matrix<Float>(rows: count, columns: size)
    latents.values.withUnsafeMutableBufferPointer { values in
      for row in 0..<count {
        kernels.random_normal(
          size, seed, LATENT_PURPOSE_PRIOR, 0, UInt32(row), 0, values.baseAddress! + row * size)
      }
    }
    return configuration.codes?.place(latents) ?? latents
  }
}
