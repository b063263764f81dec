import LatentKernels
import LatentNetworks

/// An estimator of the gradient of a batch, to be drawn as often as wanted.
public protocol GradientSource {
  /// "elbo", "iwae" and so on.
  var objective: String { get }
  /// Draws of z a row behind one gradient.
  var samples: Int { get }
  var batchSize: Int { get }
  var parameters: Parameters { get }
  /// Writes the gradient to `parameters.gradients`; every number has draws of z of its own.
  func draw(_ number: Int, on backend: any Backend)
}

/// The objectives whose gradients there are, by name.
public enum GradientSources {
  public static let names = ["elbo"]

  /// - Throws: ``SettingError`` for a name that no objective has, or no samples.
  public static func source(
    _ name: String, samples: Int, model: VAE, batches: BatchSource, batchSize: Int
  ) throws -> any GradientSource {
    guard names.contains(name) else {
      throw SettingError(
        "There is no objective \"\(name)\"; there are \(names.joined(separator: ", ")).")
    }
    guard 1...100_000 ~= samples else {
      throw SettingError("The number of samples must be 1...100000, found \(samples).")
    }
    return try ELBOGradientSource(
      model, batches: batches, batchSize: batchSize, samples: samples)
  }
}

/// The ELBO's gradient: a mean over runs with draws of their own.
struct ELBOGradientSource: GradientSource {
  let objective = "elbo"
  let samples: Int
  let batchSize: Int
  let parameters: Parameters
  private let plan: ELBOPlan
  private let rows: [UInt32]

  init(_ model: VAE, batches: BatchSource, batchSize: Int, samples: Int) throws {
    (self.samples, self.batchSize) = (samples, batchSize)
    parameters = model.parameters
    plan = try ELBOPlan(model.networks, batches: batches, capacity: batchSize, work: .gradient)
    rows = (0..<UInt32(batchSize)).map { $0 }
  }

  func draw(_ number: Int, on backend: any Backend) {
    var run = Run()
    run.seed = 1
    run.beta = 1
    run.objective_scale = 1 / Float(batchSize)
    var sum: [Float] = []
    let gradients = parameters.gradients
    for sample in 0..<samples {
      run.sample = UInt32(number * samples + sample)
      plan.execute(on: backend, rows: rows[...], run: run)
      guard samples > 1 else { return }
      if sum.isEmpty {
        sum = Array(gradients.values)
      } else {
        for index in sum.indices { sum[index] += gradients.pointer[index] }
      }
    }
    for index in sum.indices { gradients.pointer[index] = sum[index] / Float(samples) }
  }
}
