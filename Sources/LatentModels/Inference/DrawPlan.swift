import LatentKernels
import LatentNetworks

/// Draws of z for rows of data, decoded: log p(x|z) of rows x samples draws in one run of a plan. The
/// row itself is loaded and encoded once; its draws read it where it lies.
final class DrawPlan {
  /// Where z comes from.
  enum Latents {
    /// q(z|x).
    case encoder
    /// N(0, I).
    case prior
    /// A Gaussian for each row of the data.
    case posteriors(DiagonalGaussian)
    /// Written to ``latents`` by the caller, with d(−log p(x|z))/dz where wanted.
    case given(gradient: Bool)
  }

  /// Rows of data and draws of each that fit.
  let capacity, samples: Int
  let latentDimensions: Int
  private let loading: Plan
  private let drawing: Plan
  private let workspace: Storage<Float>
  private let rowIndex: Storage<UInt32>
  private let z, ratio, density, gradient, divergence, logVariance: Operand
  private let heads: Operand
  private let given: Latents
  let data: BatchSource
  private var run = Run()

  /// Draws in one run, at most: matrices of so many rows stay in a core's cache.
  static let draws = 1024
  /// Floats of all layers together, about: wide models decode fewer draws at a time.
  static let room = 16 << 20
  /// Draws of a row in one run, at most: what log weights are summed in, and so part of the result.
  static let block = 256

  init(
    _ model: VAE, _ data: BatchSource, latents: Latents, samples wanted: Int, seed: UInt64
  ) throws {
    let architecture = model.architecture
    guard data.columns == architecture.dimensions else {
      throw ShapeError(
        "The model expects \(architecture.dimensions) columns, the data has \(data.columns).")
    }
    guard architecture.posterior == .diagonalGaussian else {
      throw SettingError(
        "A deterministic autoencoder has no prior, and so no log p(x) to estimate; without "
          + "--estimator score gives its reconstruction, and a VAE knows every estimator.")
    }
    if case .encoder = latents, model.configuration.inference == .svi {
      throw SettingError(
        "The encoder of a model fitted with --inference svi was not trained: q(z|x) is no proposal. "
          + "Choose the naive or ais estimator, or fit with amortized inference.")
    }
    guard 1...(1 << 24) ~= wanted else {
      throw SettingError("The number of samples must be 1...\(1 << 24), found \(wanted).")
    }
    let widths = architecture.hidden + [architecture.dimensions, architecture.latentDimensions]
    let draws = max(16, min(Self.draws, Self.room / widths.reduce(0, +)))
    samples = min(wanted, Self.block, draws)
    capacity = max(1, min(data.count, draws / samples))
    latentDimensions = architecture.latentDimensions
    self.data = data
    rowIndex = Storage<UInt32>(count: capacity)
    let networks = model.networks
    var builder = StepBuilder(
      parameters: networks.parameters, capacity: capacity, rowIndex: rowIndex)
    let x = data.appendLoad(to: &builder, fillsMissing: true)
    // log p is then over what was observed.
    let target = data.hasMissing ? data.appendLoad(to: &builder) : x
    var heads: Operand?
    switch latents {
    case .encoder:
      let encoded = builder.forwardHidden(networks.encoder, input: x)
      heads = builder.forward(networks.encoder.outputLayer, input: encoded[encoded.count - 1])
    // Nobody writes to them: mean 0, log-variance 0.
    case .prior: heads = builder.matrix(columns: 2 * latentDimensions)
    case .posteriors(let given):
      precondition(given.mean.rows == data.count)
      heads = builder.matrix(columns: 2 * latentDimensions)
    case .given: break
    }
    (self.heads, self.given) = (heads ?? Operand(), latents)
    let loadCount = builder.plan.operations.count
    builder.samples = samples
    if let heads {
      let drawn = builder.reparameterize(
        heads, latentDimensions: latentDimensions, logRatio: true)
      (z, ratio) = (drawn.z, drawn.logRatio)
      (divergence, logVariance) = (drawn.kl, drawn.logVariance)
    } else {
      z = builder.matrix(columns: latentDimensions)
      (ratio, divergence, logVariance) = (Operand(), Operand(), Operand())
    }
    let decoded = builder.forwardHidden(networks.decoder, input: z)
    let wantsGradient = if case .given(true) = latents { true } else { false }
    let output = builder.likelihood(
      networks, input: decoded[decoded.count - 1], target: target, missing: data.hasMissing,
      gradient: wantsGradient)
    density = builder.likelihoodRows(networks, partial: output.partial, reads: .allRows)
    gradient =
      if let outputGradient = output.gradient {
        builder.backwardInputs(
          networks.decoder, activations: decoded, gradient: outputGradient, inputGradient: true
        ).input!
      } else {
        Operand()
      }
    let (plan, workspace) = builder.finish()
    try plan.check(rows: capacity)
    self.workspace = workspace
    loading = plan.selecting(0..<loadCount)
    drawing = plan.selecting(loadCount..<plan.operations.count)
    run.seed = seed
    // As ``VAE/scoreSamples(_:backend:seed:)`` draws.
    run.epoch = .max
    run.objective_scale = 1
  }

  /// Loads rows of the data set, at most ``capacity``, and encodes them.
  func load(_ rows: Range<Int>, backend: any Backend) {
    precondition(rows.count <= capacity && rows.upperBound <= data.count)
    for (position, row) in rows.enumerated() { rowIndex.pointer[position] = UInt32(row) }
    run.rows = UInt32(rows.count)
    loading.execute(on: backend, run: run)
    guard case .posteriors(let posteriors) = given else { return }
    for (position, row) in rows.enumerated() {
      let target = workspace.pointer + Int(heads.offset) + position * Int(heads.stride)
      for l in 0..<latentDimensions {
        target[l] = posteriors.mean[row, l]
        let logVariance = Double(posteriors.logVariance[row, l])
        target[latentDimensions + l] = Float(LogVariance.raw(logVariance))
      }
    }
  }

  /// Draws (or takes) and decodes z of the loaded rows: samples `first` ..< `first + count`.
  func draw(first: Int, count: Int, backend: any Backend) {
    precondition(1...samples ~= count)
    run.sample = UInt32(first)
    guard count < samples else { return drawing.execute(on: backend, run: run) }
    var operations = drawing.operations
    for index in operations.indices { operations[index].samples = UInt32(count) }
    backend.execute(operations, on: drawing.buffers, run: run)
  }

  // What the last `draw` left; the draws of a row lie together, `count` of them.

  /// log p(x|z) of every draw.
  var logDensities: UnsafePointer<Float> { pointer(density) }
  /// log p(z) − log q(z|x) of every draw.
  var logRatios: UnsafePointer<Float> { pointer(ratio) }
  /// D_KL(q(z|x) ‖ p(z)) of every row.
  var divergences: UnsafePointer<Float> { pointer(divergence) }
  /// log σ² of q(z|x) of every row, ``logVarianceStride`` floats apart.
  var logVariances: UnsafePointer<Float> { pointer(logVariance) }
  var logVarianceStride: Int { Int(logVariance.stride) }
  /// z of every draw, ``latentStride`` floats apart.
  var latents: UnsafeMutablePointer<Float> { workspace.pointer + Int(z.offset) }
  var latentStride: Int { Int(z.stride) }
  /// d(−log p(x|z))/dz, ``gradientStride`` floats apart.
  var gradients: UnsafePointer<Float> { pointer(gradient) }
  var gradientStride: Int { Int(gradient.stride) }

  /// Floats that the plan works in, beside the model and the data.
  var workspaceCount: Int { workspace.count }

  private func pointer(_ operand: Operand) -> UnsafePointer<Float> {
    UnsafePointer(workspace.pointer + Int(operand.offset))
  }
}

extension LogVariance {
  /// The raw value that is bounded to a log-variance, itself kept within the bound.
  static func raw(_ logVariance: Double) -> Double {
    let part = min(0.999_999, max(-0.999_999, logVariance / Double(bound)))
    return Double(bound) / 2 * InstructionSet.reproducible.logarithm((1 + part) / (1 - part))
  }
}
