import LatentKernels
import LatentModels
import LatentNetworks

/// The bare training step: forward, ELBO, backward, Adam, on batches that only have to be copied.
package final class ELBOStep {
  package let networks: VariationalNetworks
  package let batch: Int
  package let plan: ELBOPlan
  private let backend: any Backend
  private let order: [UInt32]
  private var position = 0
  private var powers = (1.0, 1.0)
  private var run = Run()

  package var flops: Double { networks.stepFLOPs(rows: batch) }

  /// - Parameters:
  ///   - rows: data as the network takes it; synthetic ones if nil.
  ///   - gathersOnes: the first layer as sums of gathered rows, which a Bernoulli's data allows. Then
  ///     fewer FLOPs are done than are counted.
  package init(
    _ shape: NetworkShape, likelihood: Likelihood = .bernoulli, batch: Int, backend: any Backend,
    rows: Rows? = nil, gathersOnes: Bool = false
  ) throws {
    let rows = try rows ?? SyntheticRows.rows(for: likelihood)
    guard 1...rows.count ~= batch else {
      throw SettingError("The batch size must be 1...\(rows.count), found \(batch).")
    }
    let model = try VAE(
      VAEConfiguration(architecture: shape.architecture(likelihood: likelihood)))
    try model.initialize(for: rows, seed: 1)
    networks = model.networks
    plan = try ELBOPlan(
      networks, batches: BatchSource(rows, transform: .none, gathersOnes: gathersOnes),
      capacity: batch,
      work: .step)
    self.batch = batch
    self.backend = backend
    order = (0..<UInt32(rows.count)).map { $0 }
    run.seed = 1
    run.objective_scale = 1 / Float(batch)
    run.beta = 1
    run.decay1 = 0.9
    run.decay2 = 0.999
  }

  /// The next step; batches follow one another through the data.
  package func callAsFunction() {
    if position + batch > order.count { position = 0 }
    plan.execute(on: backend, rows: order[position..<position + batch], run: nextRun())
    position += batch
  }

  /// Of all parameters' bits.
  package var digest: String { networks.parameters.digest }

  /// The −ELBO of the last batch, in nats a row.
  package var loss: Double {
    (0..<batch).reduce(0) { $0 + Double(plan.kl($1)) - Double(plan.logDensity($1)) }
      / Double(batch)
  }

  /// Adam's step size and ε for moments that are held scaled, as the trainer gives them.
  private func nextRun() -> Run {
    powers = (powers.0 * 0.9, powers.1 * 0.999)
    let scale = ((1 - 0.999) / (1 - powers.1)).squareRoot()
    run.rate = Float(1e-3 * (1 - 0.9) / (1 - powers.0) / scale)
    run.epsilon = Float(1e-8 / scale)
    run.step += 1
    return run
  }
}

extension ELBOStep {
  /// One more step on the last batch, with each operation's start and end on each thread, in ticks.
  package func timestamps(on backend: FusedBackend) -> [UInt64] {
    let operations = plan.plan.operations
    var ticks = [UInt64](repeating: 0, count: operations.count * backend.threads * 2)
    var run = nextRun()
    run.rows = UInt32(batch)
    backend.execute(operations, on: plan.plan.buffers, run: run, timestamps: &ticks)
    return ticks
  }
}
