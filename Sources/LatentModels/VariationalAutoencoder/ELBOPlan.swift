import LatentKernels
import LatentNetworks

/// The evidence lower bound of a batch, or another ``Objective``, and where wanted its gradient and the
/// step on it, as one plan (Kingma and Welling 2014):
///
///     loss = −1/rows Σ bound,  z = μ(x) + σ(x) ε
///
/// The gradient of every objective stands alone in a plan with `work: .gradient`.
public struct ELBOPlan {
  /// What a plan does with its batch.
  public enum Work: Sendable, Equatable {
    /// Forward only.
    case evaluation
    /// Gradients of all parameters written to `parameters.gradients`.
    case gradient
    /// Adam inside the weight gradients: the fastest step.
    case step
  }

  /// Which parameters get gradients.
  public enum Subject: Sendable, Equatable {
    /// All of them.
    case bothNetworks
    /// The decoder stays as it is.
    case encoder
  }

  /// The operations.
  public private(set) var plan: Plan
  /// What each operation is; an operation's label is its index here.
  public let phases: [String]
  /// Rows of the largest batch.
  public let capacity: Int
  /// What the step maximizes, and how its gradient is estimated.
  public let objective: Objective
  /// Draws of z a row.
  public let samples: Int
  private let workspace: Storage<Float>
  private let rowIndex: Storage<UInt32>
  private let batches: BatchSource
  private let logDensity: Operand
  /// Nil for a point, which has none.
  private let kl: Operand?
  /// Nil where the bound is what ``logDensity`` and ``kl`` make.
  private let bound: Operand?
  private let latents: StepBuilder.Latents?
  let latentDimensions: Int

  /// Builds the plan of `work` on batches of up to `capacity` rows.
  ///
  /// - Throws: ``ShapeError`` when the data has another width than the model; ``SettingError`` for a
  ///   capacity or a number of samples out of range, or of which a batch does not fit in memory.
  public init(
    _ networks: VariationalNetworks, batches: BatchSource, capacity: Int, work: Work,
    objective: Objective = .elbo, samples: Int = 1, freeBits: Bool = false,
    subject: Subject = .bothNetworks
  ) throws {
    let architecture = networks.architecture
    guard batches.columns == architecture.dimensions else {
      throw ShapeError(
        "The model expects \(architecture.dimensions) columns, the data has \(batches.columns).")
    }
    guard 1...1_000_000 ~= samples else {
      throw SettingError("The number of samples must be 1...1000000, found \(samples).")
    }
    try checkCapacity(capacity, samples: samples)
    self.capacity = capacity
    self.objective = objective
    self.samples = samples
    self.batches = batches
    rowIndex = Storage<UInt32>(count: capacity)
    let latents = architecture.latentDimensions
    latentDimensions = latents
    var builder = StepBuilder(
      parameters: networks.parameters, capacity: capacity, rowIndex: rowIndex)
    let isPoint = architecture.posterior == .point
    let noise = samples == 1 && !isPoint ? builder.noise(latentDimensions: latents) : nil
    let x = batches.appendLoad(to: &builder, fillsMissing: true, noise: noise)
    let target = batches.hasMissing ? batches.appendLoad(to: &builder) : x
    let ones = batches.isBinary && !networks.encoder.hidden.isEmpty
    if ones { builder.listOnes(of: x, columns: batches.columns) }
    let encoded = builder.forwardHidden(networks.encoder, input: x, ones: ones)
    let heads = builder.forward(networks.encoder.outputLayer, input: encoded[encoded.count - 1])
    builder.samples = samples
    guard !isPoint || (objective == .elbo && samples == 1 && !freeBits) else {
      throw SettingError(
        "A deterministic autoencoder has one code a row and no bound: it knows no objectives, "
          + "samples or free bits.")
    }
    let latent =
      isPoint
      ? nil
      : builder.reparameterize(
        heads, latentDimensions: latents, logRatio: objective != .elbo, noise: noise)
    let decoded = builder.forwardHidden(networks.decoder, input: latent?.z ?? heads)
    let output = builder.likelihood(
      networks, input: decoded[decoded.count - 1], target: target,
      missing: batches.hasMissing, gradient: work != .evaluation)
    var weights: (bound: Operand, weight: Operand?)?
    var density: Operand?
    if let latent, objective != .elbo {
      density = builder.likelihoodRows(networks, partial: output.partial, reads: .allRows)
      weights = builder.drawWeights(objective, latents: latent, logDensity: density!)
    }
    if let gradient = output.gradient {
      let weight = weights?.weight
      if let weight, objective.isImportanceWeighted {
        builder.weighRows(
          gradient, columns: networks.decoder.outputLayer.columns, weight: weight)
      }
      builder.samples = 1
      let gate = freeBits ? latent.map { builder.gate($0, latentDimensions: latents) } : nil
      builder.samples = samples
      let decoderGradients = builder.backwardInputs(
        networks.decoder, activations: decoded, gradient: gradient,
        inputGradient: objective != .score)
      let headGradient =
        latent.map {
          builder.reparameterizeBackward(
            $0, gradient: decoderGradients.input ?? Operand(), gate: gate,
            latentDimensions: latents, objective: objective, weight: weight)
        } ?? decoderGradients.input!
      builder.samples = 1
      let encoderGradients = builder.backwardInputs(
        networks.encoder, activations: encoded, gradient: headGradient, inputGradient: false)
      builder.samples = samples
      logDensity =
        density
        ?? builder.likelihoodRows(networks, partial: output.partial, reads: .settled)
      let update = work == .step
      if subject == .bothNetworks {
        builder.backwardWeights(
          networks.decoder, activations: decoded, gradients: decoderGradients.layers, update: update
        )
        builder.varianceBackward(
          networks, gradient: gradient,
          weight: objective.isImportanceWeighted ? weight : nil,
          missingIn: batches.hasMissing ? target : nil, update: update)
      }
      builder.samples = 1
      builder.backwardWeights(
        networks.encoder, activations: encoded, ones: ones, gradients: encoderGradients.layers,
        update: update)
    } else {
      logDensity =
        density
        ?? builder.likelihoodRows(networks, partial: output.partial, reads: .allRows)
    }
    bound = weights?.bound
    kl = latent?.kl
    self.latents = latent
    phases = builder.phases
    try builder.checkWorkspace(samples: samples)
    (plan, workspace) = builder.finish()
    try plan.check(rows: capacity)
  }

  /// Runs the plan on a batch of the data's rows.
  ///
  /// - Parameter run: `objective_scale` is 1 / rows for a mean over the rows, whatever the samples.
  public func execute(on backend: any Backend, rows: ArraySlice<UInt32>, run: Run) {
    plan.execute(on: backend, run: place(rows, run: run))
  }

  /// Names the rows of the next batch.
  ///
  /// - Returns: the run with what the kernels need to know of them.
  func place(_ rows: ArraySlice<UInt32>, run: Run) -> Run {
    precondition(rows.count <= capacity)
    for (position, row) in rows.enumerated() {
      precondition(Int(row) < batches.count)
      rowIndex.pointer[position] = row
    }
    var run = run
    run.rows = UInt32(rows.count)
    if samples > 1 {
      // Kernels take the scale of a draw; the closed form is one a row.
      run.objective_scale /= Float(samples)
      if objective == .elbo { run.beta *= Float(samples) }
    }
    return run
  }

  /// Floats of the workspace.
  func values(at operand: Operand) -> UnsafeMutablePointer<Float> {
    workspace.pointer + Int(operand.offset)
  }

  /// log p(x|z) of a row of the last batch, its mean over draws, nats.
  ///
  /// - Precondition: the row is below ``capacity``, here and below.
  public func logDensity(_ row: Int) -> Float {
    precondition(0..<capacity ~= row, "a row of a batch is below its capacity")
    let densities = workspace.pointer + Int(logDensity.offset) + row * samples
    return (0..<samples).reduce(0) { $0 + densities[$1] } / Float(samples)
  }
  /// The objective's bound of a row of the last batch, nats; β is in it where the KL is sampled.
  public func bound(_ row: Int) -> Float {
    precondition(0..<capacity ~= row, "a row of a batch is below its capacity")
    return bound.map { workspace.pointer[Int($0.offset) + row] } ?? logDensity(row) - kl(row)
  }
  /// The same where an objective's KL, of whatever weight, has the weight 1.
  func evidenceBound(_ row: Int, beta: Float) -> Float {
    guard beta != 1, let latents, bound != nil else { return bound(row) }
    let densities = values(at: logDensity) + row * samples
    let ratios = values(at: latents.logRatio) + row * samples
    var logWeights = (0..<samples).map { Double(densities[$0]) + Double(ratios[$0]) }
    var mean = LogMeanExp()
    logWeights.withUnsafeMutableBufferPointer { mean.add($0) }
    return Float(mean.estimate.logDensity)
  }
  /// D_KL(q(z|x) ‖ p(z)) of a row of the last batch, nats.
  public func kl(_ row: Int) -> Float {
    precondition(0..<capacity ~= row, "a row of a batch is below its capacity")
    return kl.map { workspace.pointer[Int($0.offset) + row] } ?? 0
  }

  /// q(z|x) of a row of the last batch: means and log-variances, [L] each.
  public func posterior(_ row: Int) -> (mean: [Float], logVariance: [Float]) {
    precondition(0..<capacity ~= row, "a row of a batch is below its capacity")
    func read(_ operand: Operand) -> [Float] {
      let start = workspace.pointer + Int(operand.offset) + row * Int(operand.stride)
      return Array(UnsafeBufferPointer(start: start, count: latentDimensions))
    }
    guard let latents else { preconditionFailure("a point has no posterior") }
    return (read(latents.heads), read(latents.logVariance))
  }

  /// What of the last batch is not finite.
  var diagnosis: StepDiagnosis {
    StepDiagnosis(plan: plan, phases: phases, hasMissing: batches.hasMissing)
  }
}
