import LatentIO
import LatentKernels
import LatentNetworks

/// Means over the rows of one epoch, in nats.
public struct EpochMetrics: Codable, Sendable, Equatable {
  /// From 1.
  public var epoch: Int
  /// Mean over the epoch's rows, in nats; of an importance-weighted objective its bound over all samples.
  public var elbo: Double
  /// Mean log p(x|z), in nats.
  public var reconstruction: Double
  /// Mean D_KL(q(z|x) ‖ p(z)), in nats.
  public var kl: Double
  /// The KL's weight at the epoch's end.
  public var beta: Double
  /// Adam's, in this epoch.
  public var learningRate: Double
  /// Of the held-out rows, where there are any.
  public var heldOutELBO: Double?
  /// Of the held-out rows.
  public var heldOutReconstruction: Double?
  /// Of the held-out rows.
  public var heldOutKL: Double?
}

/// Trains a variational autoencoder, an epoch at a time.
///
/// All randomness is keyed by seed, epoch and the data's row, so that a trainer restored between two
/// steps goes on with the same bits.
public final class VAETrainer {
  /// What is trained.
  public let model: VAE
  /// How it is trained.
  public let configuration: TrainingConfiguration
  /// What computes.
  public let backend: any Backend
  /// What the trainer needs beside the parameters to go on.
  public struct Progress: Codable, Sendable, Equatable {
    /// Epochs done.
    public var epoch = 0
    /// Steps done, over all epochs.
    public var step = 0
    /// β₁ to the power of the steps done, as a running product.
    public var beta1Power = 1.0
    /// The same of β₂.
    public var beta2Power = 1.0
    /// The best held-out ELBO so far, in nats.
    public var bestELBO: Double?
    /// The epoch that had it.
    public var bestEpoch = 0
    /// Of each epoch done.
    public var history: [EpochMetrics] = []
    /// Of the epoch that was stopped between two steps, if one was.
    public var partial: PartialEpoch?
  }
  /// How far the training has come.
  public internal(set) var progress = Progress()

  /// Ranks that train together.
  public let communicator: any Communicator
  private let ranked: RankedStep?
  private let batches: BatchSource
  private let heldOut: BatchSource?
  private let heldOutGroups: RowGroups?
  let step: any TrainingStep
  private let evaluation: ELBOPlan?
  private let heldOutInference: HeldOutInference?
  /// Of every row, training rows first, where they are not amortized.
  let posteriors: PosteriorStore?
  private(set) var order: [UInt32]
  /// Where all numbers were finite, at most some thousand steps ago: the way back to where they ceased
  /// to be.
  var lastGood: TrainingSnapshot?
  /// The step after which parameters and moments were looked at last.
  var checkedStep = 0
  /// Of the training rows, their mean.
  private let logJacobian: Double
  /// Where ranks have made it together.
  private let fingerprint: String?

  /// A training that begins: Adam's moments of an earlier one are cleared.
  ///
  /// - Parameter posteriorsPath: a file to keep each row's variational parameters in while training,
  ///   in place of memory, where they are not amortized. It has no name after this call.
  /// - Throws: ``SettingError``, ``ShapeError`` or ``DataError`` before anything is trained;
  ///   ``FileError`` where the file cannot be had.
  public convenience init(
    _ model: VAE, configuration: TrainingConfiguration, data: Dataset, heldOut: Dataset?,
    backend: any Backend, posteriorsPath: String? = nil
  ) throws {
    try self.init(
      model, configuration: configuration, rows: HeldRows(allOf: data),
      heldOut: heldOut.map { HeldRows(allOf: $0) }, backend: backend,
      communicator: SerialCommunicator(), posteriorsPath: posteriorsPath)
  }

  /// The same on the rows of this rank, of several that train together: each makes the same calls.
  ///
  /// - Throws: on all ranks, where one has bad rows: as the other one there, ``RankError`` elsewhere.
  public init(
    _ model: VAE, configuration: TrainingConfiguration, rows: HeldRows, heldOut: HeldRows?,
    backend: any Backend, communicator: any Communicator, posteriorsPath: String? = nil
  ) throws {
    try configuration.validate()
    let share = rows.share
    try configuration.validate(ranks: communicator.size, rows: share.total)
    guard configuration.inference == model.configuration.inference ?? .amortized else {
      throw SettingError(
        "The model is of \((model.configuration.inference ?? .amortized).rawValue) inference, the "
          + "training of \(configuration.inference.rawValue).")
    }
    guard share.total > 0 else { throw DataError("\(rows.data.name) has no rows to train on.") }
    self.model = model
    self.configuration = configuration
    self.backend = backend
    self.communicator = communicator
    let held = heldOut.flatMap { $0.share.total > 0 ? $0 : nil }
    let ranks = communicator.size
    let groups = try rows.groups(configuration.rowGroups, ranks: ranks)
    heldOutGroups = try held?.groups(configuration.rowGroups, ranks: ranks)
    var batches: BatchSource
    (batches, self.heldOut) = try communicator.unanimously {
      (
        try model.batches(of: rows.data, share: share),
        try held.map { try model.batches(of: $0.data, share: $0.share) }
      )
    }
    logJacobian = try model.jacobian(of: batches).mean(over: communicator)
    let sources = [batches, self.heldOut].compactMap { $0 }
    fingerprint =
      communicator.size == 1
      ? nil
      : try sources.map { "\($0.count) x \($0.columns), \(try $0.hash(over: communicator))" }
        .joined(separator: "; ")
    let capacity = min(configuration.batchSize, share.total)
    if configuration.inference == .svi {
      posteriors = try PosteriorStore(
        count: batches.count + (self.heldOut?.count ?? 0),
        dimensions: model.architecture.latentDimensions, mappedTo: posteriorsPath)
    } else {
      posteriors = nil
    }
    let balanced = try BalancedRows(
      share, batchSize: groups == nil ? capacity : nil, rowBytes: batches.rowBytes,
      over: communicator)
    try batches.borrow(balanced, over: communicator)
    self.batches = batches
    let sharesSteps = communicator.size > 1 || configuration.rowGroups != nil
    ranked =
      sharesSteps
      ? try RankedStep(
        model.networks, batches: batches, capacity: capacity, configuration: configuration,
        balanced: balanced, groups: groups, communicator: communicator) : nil
    if configuration.inference == .amortized {
      // What is watched: the bound itself where it depends on the samples.
      let bound: (objective: Objective, samples: Int) =
        configuration.objective.isImportanceWeighted ? (.iwae, configuration.samples) : (.elbo, 1)
      if let ranked {
        step = ranked
      } else {
        let limit = configuration.gradientLimit
        let plan = try ELBOPlan(
          model.networks, batches: batches, capacity: capacity, work: limit > 0 ? .gradient : .step,
          objective: configuration.objective, samples: configuration.samples,
          freeBits: configuration.freeBits > 0)
        step = limit > 0 ? try ClippedStep(plan, of: model.parameters, limit: limit) : plan
      }
      evaluation = try self.heldOut.map {
        try ELBOPlan(
          model.networks, batches: $0, capacity: max(1, VAE.evaluationBatch / bound.samples),
          work: .evaluation, objective: bound.objective, samples: bound.samples)
      }
      heldOutInference = nil
    } else {
      let (batches, posteriors) = (batches, posteriors)
      step = try InferenceStep(
        model, batches: batches, capacity: capacity, configuration: configuration,
        posteriors: posteriors, backend: backend)
      evaluation = nil
      heldOutInference = try self.heldOut.map {
        try HeldOutInference(
          model, batches: $0, configuration: configuration, posteriors: posteriors,
          firstPosterior: batches.count, backend: backend)
      }
    }
    order = (0..<UInt32(share.total)).map { $0 }
    // Of another training: the powers of Adam's decays begin anew.
    model.parameters.clearMoments()
  }

  /// Tells data apart: the shapes and hashes of the training rows and, since patience and metrics
  /// depend on them, of the held-out ones.
  var dataFingerprint: String {
    if let fingerprint { return fingerprint }
    return [batches, heldOut].compactMap { $0 }
      .map { "\($0.count) x \($0.columns), \($0.hash)" }.joined(separator: "; ")
  }

  /// Batches of an epoch.
  public var stepsPerEpoch: Int { (batches.count + step.capacity - 1) / step.capacity }
  /// Rows of an epoch.
  public var rowsPerEpoch: Int { batches.count }
  /// Whether there are rows to test on.
  public var hasHeldOut: Bool { heldOut != nil }

  /// One pass over the data in a fresh order, and over the held-out rows.
  ///
  /// - Parameter onStep: called after each step with the rows done so far.
  /// - Throws: ``DivergenceError`` naming the phase and step where a number stopped being finite.
  @discardableResult
  public func trainEpoch(onStep: (Int) -> Void = { _ in }) throws -> EpochMetrics {
    try trainEpoch(stopping: { false }, onStep: onStep)!
  }

  /// The same, or what is left of an epoch that was stopped.
  ///
  /// - Parameters:
  ///   - stopping: asked between two steps; a stopped epoch goes on with the same bits, here or after
  ///     ``restore(from:)``.
  ///   - onStep: called after each step with the rows done so far.
  /// - Returns: nil where it was stopped.
  /// - Throws: ``DivergenceError`` naming the phase and step where a number stopped being finite.
  public func trainEpoch(
    stopping: () -> Bool, onStep: (Int) -> Void = { _ in }
  ) throws -> EpochMetrics? {
    rememberWhereItBegins()
    var run = beginEpoch()
    let isWeighted = configuration.objective.isImportanceWeighted
    var sums = ownPart(of: progress.partial ?? PartialEpoch())
    while sums.rows < order.count {
      ranked?.isStopping = stopping()
      let rows = try executeStep(at: sums.rows, &run)
      step.add(rows: rows.count, to: &sums, boundAt: isWeighted ? run.beta : nil)
      guard
        ranked.map({ !$0.diverges })
          ?? (sums.reconstruction - sums.kl + sums.bound).isFinite
      else { throw try divergence(rows: rows.count) }
      progress.step += 1
      if progress.step - checkedStep >= Self.checkEvery { try checkParameters(sums) }
      onStep(sums.rows)
      if sums.rows < order.count, ranked?.stops ?? stopping() {
        try checkParameters(sums)
        progress.partial = try total(sums)
        return nil
      }
    }
    try checkParameters(sums)
    sums = try total(sums)
    progress.partial = nil
    let count = Double(order.count)
    let reconstruction = sums.reconstruction / count + logJacobian
    let kl = sums.kl / count
    var metrics = EpochMetrics(
      epoch: progress.epoch + 1,
      elbo: isWeighted ? sums.bound / count + logJacobian : reconstruction - kl,
      reconstruction: reconstruction, kl: kl,
      beta: configuration.beta(step: max(0, progress.step - 1), stepsPerEpoch: stepsPerEpoch),
      learningRate: configuration.learningRate(epoch: progress.epoch))
    if let mean = try heldOutScore() {
      guard mean.elbo.isFinite else {
        throw DivergenceError(
          epoch: progress.epoch + 1, step: progress.step, quantity: "the held-out ELBO",
          advice: "Check the held-out rows for extreme values, or lower --learning-rate")
      }
      metrics.heldOutELBO = mean.elbo
      metrics.heldOutReconstruction = mean.reconstruction
      metrics.heldOutKL = mean.kl
    }
    progress.add(metrics, configuration)
    return metrics
  }

  /// The mean over the held-out rows, where there are any.
  private func heldOutScore() throws -> (elbo: Double, reconstruction: Double, kl: Double)? {
    if let heldOutInference {
      let mean = try heldOutInference.score().mean
      return (mean.elbo, mean.reconstruction, mean.kl)
    }
    guard let evaluation, let heldOut else { return nil }
    var sums = PartialEpoch()
    func add(_ rows: Range<Int>, to sums: inout PartialEpoch) {
      for row in model.score(
        evaluation, heldOut, rows: rows, backend: backend, seed: configuration.seed,
        bound: { sums.bound += $0 })
      {
        sums.reconstruction += row.reconstruction
        sums.kl += row.kl
      }
    }
    if let groups = heldOutGroups {
      sums = ownPart(of: sums)
      for group in 0..<groups.count where !groups.rows(of: group).clamped(to: heldOut.held).isEmpty
      {
        var sum = PartialEpoch()
        add(groups.rows(of: group), to: &sum)
        sums.set(group, to: sum)
      }
    } else {
      add(heldOut.held, to: &sums)
    }
    sums = try total(sums)
    let count = Double(heldOut.count)
    let (reconstruction, kl) = (sums.reconstruction / count, sums.kl / count)
    return (
      evaluation.objective.isImportanceWeighted ? sums.bound / count : reconstruction - kl,
      reconstruction, kl
    )
  }

  /// Puts the rows in the epoch's order; what its steps have in common.
  func beginEpoch() -> Run {
    shuffle()
    var run = Run()
    run.seed = configuration.seed
    run.epoch = UInt32(progress.epoch)
    run.free_bits = Float(configuration.freeBits)
    return run
  }

  /// The step on the batch that begins at a place in the epoch's order.
  func executeStep(at first: Int, _ run: inout Run) throws -> ArraySlice<UInt32> {
    let rows = order[first..<min(first + step.capacity, order.count)]
    run.objective_scale = 1 / Float(rows.count)
    run.beta = Float(configuration.beta(step: progress.step, stepsPerEpoch: stepsPerEpoch))
    advanceAdam(&run, rate: configuration.learningRate(epoch: progress.epoch))
    try step.execute(on: backend, rows: rows, run: run)
    return rows
  }

  /// Fisher-Yates, keyed by seed and epoch.
  private func shuffle() {
    for index in order.indices { order[index] = UInt32(index) }
    var bits = [UInt32](repeating: 0, count: order.count)
    InstructionSet.reproducible.kernels.random_bits(
      bits.count, configuration.seed, LATENT_PURPOSE_SHUFFLE, 0, 0, UInt32(progress.epoch), &bits)
    for index in stride(from: order.count - 1, to: 0, by: -1) {
      order.swapAt(index, Int((UInt64(bits[index]) * UInt64(index + 1)) >> 32))
    }
  }

  /// Step size and ε for moments that are held scaled, m / (1 − β₁) and v / (1 − β₂).
  private func advanceAdam(_ run: inout Run, rate: Double) {
    let (beta1, beta2) = (configuration.beta1, configuration.beta2)
    run.step = UInt32(truncatingIfNeeded: progress.step)
    progress.beta1Power *= beta1
    progress.beta2Power *= beta2
    let scale = ((1 - beta2) / (1 - progress.beta2Power)).squareRoot()
    run.decay1 = Float(beta1)
    run.decay2 = Float(beta2)
    run.rate = Float(rate * (1 - beta1) / (1 - progress.beta1Power) / scale)
    run.epsilon = Float(configuration.epsilon / scale)
  }
}

extension [RowELBO] {
  /// The means over rows, summed in their order.
  public var mean: RowELBO {
    let sums = reduce(into: (0.0, 0.0)) { sums, row in
      sums.0 += row.reconstruction
      sums.1 += row.kl
    }
    let count = Double(Swift.max(1, self.count))
    return RowELBO(reconstruction: sums.0 / count, kl: sums.1 / count)
  }
}
