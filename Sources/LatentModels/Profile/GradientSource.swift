import LatentKernels
import LatentNetworks

/// An estimator of the gradient of a batch, to be drawn as often as wanted.
public protocol GradientSource {
  /// "elbo", "iwae" and so on.
  var objective: String { get }
  /// Draws of z a row behind one gradient.
  var samples: Int { get }
  /// Rows of the batch.
  var batchSize: Int { get }
  /// The model's parameters, and the place of their gradients.
  var parameters: Parameters { get }
  /// Writes the gradient to `parameters.gradients`; every number has draws of z of its own.
  func draw(_ number: Int, on backend: any Backend)
}

/// The objectives whose gradients there are, by name.
public enum GradientSources {
  /// "elbo", "iwae" and so on: every training objective.
  public static let names = Objective.allCases.map(\.rawValue)

  /// - Throws: ``SettingError`` for a name that no objective has, no samples, or a batch size that the rows
  ///   do not give.
  public static func source(
    _ name: String, samples: Int, model: VAE, batches: BatchSource, batchSize: Int
  ) throws -> any GradientSource {
    guard let objective = Objective(rawValue: name) else {
      throw SettingError(
        "There is no objective \"\(name)\"; there are \(names.joined(separator: ", ")).")
    }
    guard 1...max(1, batches.held.count) ~= batchSize, batches.held.count > 0 else {
      throw SettingError(
        "The batch size must be 1...\(batches.held.count), the rows there are; found \(batchSize).")
    }
    return try ObjectiveGradientSource(
      objective, model, batches: batches, batchSize: batchSize, samples: samples)
  }
}

/// The gradient of a training objective, as its plan writes it.
struct ObjectiveGradientSource: GradientSource {
  let objective: String
  let samples: Int
  let batchSize: Int
  let parameters: Parameters
  private let plan: ELBOPlan
  private let rows: [UInt32]

  init(
    _ objective: Objective, _ model: VAE, batches: BatchSource, batchSize: Int, samples: Int
  ) throws {
    (self.objective, self.samples, self.batchSize) = (objective.rawValue, samples, batchSize)
    parameters = model.parameters
    plan = try ELBOPlan(
      model.networks, batches: batches, capacity: batchSize, work: .gradient,
      objective: objective, samples: samples)
    rows = batches.held.prefix(batchSize).map { UInt32($0) }
  }

  func draw(_ number: Int, on backend: any Backend) {
    var run = Run()
    run.seed = 1
    run.beta = 1
    run.objective_scale = 1 / Float(batchSize)
    // A draw's number has 24 bits: beyond them the next epoch's draws follow.
    let (epoch, first) = number.quotientAndRemainder(dividingBy: max(1, 1 << 24 / samples))
    run.epoch = UInt32(epoch)
    run.sample = UInt32(first * samples)
    plan.execute(on: backend, rows: rows[...], run: run)
  }
}
