import LatentKernels
import LatentNetworks

/// Training steps of a model on batches of its data, for measuring: forward, ELBO, backward, Adam.
///
/// The step size is zero: moments move, weights do not, and every step does the same work.
public final class StepWorkload {
  /// Whose steps they are.
  public let model: VAE
  /// A whole step, Adam included, as one plan.
  public let plan: ELBOPlan
  /// Rows of a batch.
  public let batchSize: Int
  private let training: TrainingConfiguration
  private let order: [UInt32]
  private var position = 0

  /// - Parameter training: whose objective, samples, free bits, β and decays the steps have. What training
  ///   does between gradient and Adam, or on rows' own parameters, is left out.
  /// - Throws: ``SettingError`` for a batch size that the rows do not give, or for what the model cannot be
  ///   trained by.
  public init(
    _ model: VAE, batches: BatchSource, batchSize: Int,
    training: TrainingConfiguration = TrainingConfiguration()
  ) throws {
    guard 1...max(1, batches.held.count) ~= batchSize, batches.held.count > 0 else {
      throw SettingError(
        "The batch size must be 1...\(batches.held.count), the rows there are; found \(batchSize).")
    }
    self.model = model
    self.batchSize = batchSize
    self.training = training
    plan = try ELBOPlan(
      model.networks, batches: batches, capacity: batchSize, work: .step,
      objective: training.objective, samples: training.samples, freeBits: training.freeBits > 0)
    order = batches.held.map { UInt32($0) }
  }

  /// The rows of the next batch; batches follow one another through the data.
  public func nextRows() -> ArraySlice<UInt32> {
    if position + batchSize > order.count { position = 0 }
    defer { position += batchSize }
    return order[position..<position + batchSize]
  }

  /// The training's decays, β and free bits, and a step size of zero.
  public var run: Run {
    var run = Run()
    run.rows = UInt32(batchSize)
    run.seed = 1
    run.objective_scale = 1 / Float(batchSize)
    run.beta = Float(training.beta)
    run.free_bits = Float(training.freeBits)
    run.decay1 = Float(training.beta1)
    run.decay2 = Float(training.beta2)
    run.epsilon = 1e-8
    return run
  }

  /// Two for each multiply-add of the step's products.
  public var flops: Double {
    plan.plan.operations.costs(rows: batchSize).reduce(0) { $0 + ($1?.flops ?? 0) }
  }

  /// Parameters, moments and activations: what a step goes through, its rows of data left out.
  public var bytes: Int {
    let sources = Set(plan.plan.operations.map(\.source.buffer))
    return plan.plan.buffers.indices.reduce(0) {
      sources.contains(UInt32($1)) ? $0 : $0 + 4 * Int(plan.plan.buffers[$1].count)
    }
  }
}
