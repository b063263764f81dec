import LatentIO
import LatentKernels
import LatentNetworks

/// Everything that describes a variational autoencoder apart from its parameters.
public struct VAEConfiguration: Codable, Sendable, Equatable {
  /// Sizes and kinds of both networks.
  public var architecture: Architecture
  /// What happens to a value on its way into a batch.
  public var transform: Transform
  /// Of the training data, undone when the model samples; nil where the data is taken as it is.
  public var standardization: Standardization?
  /// Height and width of images, for pictures.
  public var imageHeight: Int?
  /// Pixels of an image's row.
  public var imageWidth: Int?
  /// What a table's columns are called.
  public var columnNames: [String]?
  /// Where q(z) of a row comes from; nil: from the encoder.
  public var inference: Inference?
  /// Of a deterministic autoencoder: the normal distribution of its codes, to sample from.
  public var codes: CodeDistribution?
  /// Whether rows may lack values (NaN), and the bound is over what was observed.
  public var missing: Bool?
  /// Of semi-amortized inference: steps from the encoder's posterior.
  public var innerSteps: Int?

  /// A model's description.
  public init(
    architecture: Architecture, transform: Transform = .none,
    standardization: Standardization? = nil, imageShape: ImageShape? = nil,
    columnNames: [String]? = nil
  ) {
    self.architecture = architecture
    self.transform = transform
    self.standardization = standardization
    imageHeight = imageShape?.height
    imageWidth = imageShape?.width
    self.columnNames = columnNames
  }

  /// Height and width of images, where rows are images.
  public var imageShape: ImageShape? {
    guard let imageHeight, let imageWidth else { return nil }
    return ImageShape(height: imageHeight, width: imageWidth)
  }
}

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

/// Values that a model cannot take.
public struct DataError: LatentError, Equatable {
  /// One sentence that names the data, what was expected and what was found.
  public let description: String
  /// An error that says `description`.
  public init(_ description: String) { self.description = description }

  /// - Parameter column: counted from 0; nil where no single one is to blame.
  init(tooLargeToSquare column: Int?) {
    self.init(
      column.map {
        "The values of column \($0 + 1) are too large to square; rescale the column."
      } ?? "The values are too large to square; rescale the columns.")
  }
}

extension VAEConfiguration {
  /// Files come here too: nothing they claim may be believed.
  func validate() throws {
    try architecture.validate()
    let dimensions = architecture.dimensions
    try expectMemory(
      for: architecture.parameterBytes, "A model of \(architecture.description)",
      "choose smaller layers")
    if let imageHeight, let imageWidth {
      let (pixels, overflow) = imageHeight.multipliedReportingOverflow(by: imageWidth)
      guard imageHeight > 0, imageWidth > 0, !overflow, pixels == dimensions else {
        throw ShapeError(
          "Images of \(imageHeight) x \(imageWidth) do not fit a model of \(dimensions) columns.")
      }
    }
    for count in [standardization?.mean.count, standardization?.scale.count, columnNames?.count]
    where count ?? dimensions != dimensions {
      throw ShapeError(
        "A model of \(dimensions) columns has names, means or scales of \(count!) columns.")
    }
    if let standard = standardization,
      let column = standard.scale.indices.first(where: {
        !(standard.scale[$0] > 0 && standard.scale[$0].isFinite && standard.mean[$0].isFinite)
      })
    {
      throw SettingError(
        "Scales of columns must be positive, means and scales finite; column \(column + 1) has "
          + "\(standard.mean[column]) and \(standard.scale[column]): look for extreme values in it, or leave "
          + "it out.")
    }
    guard architecture.posterior != .point || inference ?? .amortized == .amortized else {
      throw SettingError(
        "A deterministic autoencoder has one code a row, which its encoder gives: expected amortized inference, "
          + "found \(inference!.rawValue).")
    }
    guard
      standardization == nil || (!architecture.likelihood.needsUnitInterval && transform == .none)
    else {
      throw SettingError(
        "Standardized columns leave [0, 1], where the \(architecture.likelihood.rawValue) likelihood and "
          + "the transform \(transform.rawValue) live: drop the standardization, or choose a gaussian "
          + "likelihood and no transform.")
    }
    let latent = architecture.latentDimensions
    if let codes, codes.mean.count != latent || codes.factor.count != latent * latent {
      throw ShapeError(
        "A model of \(latent) latent dimensions has codes of \(codes.mean.count), and "
          + "\(codes.factor.count) numbers for their covariance.")
    }
  }

  /// - Parameter first: the number of the first row, for messages.
  /// - Throws: ``DataError`` naming the first value outside [0, 1], where the likelihood or the transform asks
  ///   for values within. (A Bernoulli takes grey levels, too, though its density of them is none.)
  public func validateRange(of data: Dataset, first: Int = 0) throws {
    guard architecture.likelihood.needsUnitInterval || transform != .none else { return }
    if case .bytes = data.rows.storage { return }
    for row in 0..<data.rows.count {
      for column in 0..<data.rows.columns {
        let value = data.rows.value(row, column)
        guard !(0...1 ~= value), !value.isNaN else { continue }
        let cause =
          switch transform {
          case .none: "the \(architecture.likelihood.rawValue) likelihood"
          case .dequantize: "--dequantize"
          case .threshold, .sample: "--binarize"
          }
        throw DataError(
          "\(data.name): row \(first + row + 1), column \(column + 1) is \(value), but \(cause) "
            + "needs values in [0, 1]; rescale the data, or use --likelihood gaussian.")
      }
    }
  }
}

extension Architecture {
  /// How many numbers are learned, padding and learned variances left out; sizes may be absurd.
  var parameterCount: Double { sum { (Double($0) + 1) * Double($1) } }

  /// About what they take in memory: values, gradients and two moments in panels of 16 columns, and a
  /// transposed copy, 4 bytes each.
  var parameterBytes: Double {
    func padded(_ width: Int) -> Double { Double(max(1, (width + 15) / 16) * 16) }
    return sum { 16 * (Double($0) + 1) * padded($1) + 4 * padded($0) * Double($1) }
  }

  /// Over the layers of both networks.
  private func sum(_ term: (_ inputs: Int, _ outputs: Int) -> Double) -> Double {
    let encoder = [dimensions] + hidden + [(posterior == .point ? 1 : 2) * latentDimensions]
    let decoder =
      [latentDimensions] + hidden.reversed() + [dimensions * (likelihood == .gaussian ? 2 : 1)]
    return [encoder, decoder].reduce(0) { total, widths in
      zip(widths, widths.dropFirst()).reduce(total) { $0 + term($1.0, $1.1) }
    }
  }
}
