import LatentIO
import LatentKernels
import LatentModels
import LatentNetworks
import Testing

@Suite struct ELBOGradientTests {
  /// Along the gradient of each tensor the loss falls as fast as the gradient says.
  @Test(arguments: Likelihood.allCases, [Activation.tanh, .softplus])
  func gradientMatchesFiniteDifferences(likelihood: Likelihood, activation: Activation) throws {
    let architecture = Architecture(
      dimensions: 19, hidden: [13, 7], latentDimensions: 3, activation: activation,
      likelihood: likelihood)
    let model = try VAE(VAEConfiguration(architecture: architecture))
    let values = (0..<37 * 19).map { (i: Int) -> Float in Float((i * 7919 + 13) % 101) / 101 }
    let rows = Rows(try Matrix(rows: 37, columns: 19, values: values))
    try model.initialize(for: rows, seed: 3)
    let batches = BatchSource(rows, transform: .none)
    let backend = try FusedBackend(threads: 2)
    var run = Run()
    run.seed = 5
    run.beta = 0.7
    run.objective_scale = 1 / 37
    let order = (0..<UInt32(37)).map { $0 }
    let gradientPlan = try ELBOPlan(model.networks, batches: batches, capacity: 37, work: .gradient)
    let lossPlan = try ELBOPlan(model.networks, batches: batches, capacity: 37, work: .evaluation)
    gradientPlan.execute(on: backend, rows: order[...], run: run)
    func loss() -> Double {
      lossPlan.execute(on: backend, rows: order[...], run: run)
      var sum = 0.0
      for row in 0..<37 { sum += Double(lossPlan.kl(row)) * 0.7 - Double(lossPlan.logDensity(row)) }
      return sum / 37
    }
    let parameters = model.parameters
    for slot in parameters.slots {
      // The one variance that is not learned.
      if likelihood == .gaussianUnit && slot.name == "decoder.rawLogVariance" { continue }
      let start = try parameters.read(slot)
      let gradient = try parameters.read(slot, .gradients)
      let norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      try #require(norm > 0, "\(slot.name)")
      let step = 0.02
      func lossAlong(_ distance: Double) throws -> Double {
        try parameters.write(
          zip(start, gradient).map { $0 + Float(distance * Double($1) / norm) }, to: slot)
        return loss()
      }
      let slope = try (lossAlong(step) - lossAlong(-step)) / (2 * step)
      try parameters.write(start, to: slot)
      #expect(abs(slope - norm) < 0.01 * norm + 1e-4, "\(slot.name): \(slope) for \(norm)")
    }
  }
}
