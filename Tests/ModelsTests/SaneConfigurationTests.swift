import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Settings that nobody would call strange do not diverge: random ones on tables that ship, and on the
/// CSV files of a directory of yours.
///
///     LATENT_SANE=100 LATENT_TABLES=DIRECTORY swift test --filter SaneConfigurationTests
@Suite struct SaneConfigurationTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let count = Int(environment["LATENT_SANE"] ?? "") ?? 6

  /// SplitMix64 (Steele et al. 2014).
  struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }

  private static let tables: [Dataset] = {
    var tables = Dataset.shippedNames.map { try! Dataset.named($0) }
    if let directory = environment["LATENT_TABLES"] {
      for name in try! FileManager.default.contentsOfDirectory(atPath: directory).sorted()
      where name.hasSuffix(".csv") {
        // What is no table of numbers, for its label say, is left out.
        if let table = try? Dataset.load("\(directory)/\(name)") { tables.append(table) }
      }
    }
    return tables
  }()

  struct Configuration: CustomStringConvertible {
    var table: Dataset
    var model: VAEConfiguration
    var training = TrainingConfiguration()

    /// The `number`-th of all: of any size and kind, within reason.
    init(_ number: Int) throws {
      var random = Random(state: UInt64(number))
      func pick<Value>(_ values: [Value]) -> Value { values.randomElement(using: &random)! }
      table = pick(SaneConfigurationTests.tables)
      let isImage = table.imageShape != nil
      if table.rows.count > 600 {
        table = table.selecting(
          Array(Array(0..<table.rows.count).shuffled(using: &random).prefix(600)))
      }
      let hidden = (0..<Int.random(in: 0...3, using: &random)).map { _ in pick([4, 10, 33, 64]) }
      let likelihood: Likelihood =
        isImage
        ? pick(Likelihood.allCases) : pick(Likelihood.allCases.filter { !$0.needsUnitInterval })
      let isGaussian = !likelihood.needsUnitInterval
      model = VAEConfiguration(
        architecture: Architecture(
          dimensions: table.rows.columns, hidden: hidden,
          latentDimensions: Int.random(in: 1...8, using: &random),
          activation: pick(Activation.allCases.filter { $0 != .identity }), likelihood: likelihood))
      if isImage {
        model.transform =
          likelihood == .bernoulli ? pick([.sample, .threshold]) : isGaussian ? .dequantize : .none
      } else if Int.random(in: 0..<3, using: &random) > 0 {
        model.standardization = Standardization(table.rows)
      }
      training.epochs = 20
      training.batchSize = pick([8, 20, 64, 128, 256])
      training.learningRate = pow(10, Double.random(in: -4...(-2.5), using: &random))
      training.schedule = pick([.constant, .linear, .halving])
      training.seed = random.next()
      training.beta = pick([1, 1, 1, 0.5, 4])
      training.warmUpEpochs = pick([0, 0, 5])
      switch Int.random(in: 0..<8, using: &random) {
      case 0: training.inference = .svi
      case 1: training.inference = .semiAmortized
      default:
        training.objective = pick(Objective.allCases)
        if training.objective == .elbo { training.freeBits = pick([0, 0, 0.1]) }
      }
      if training.inference == .amortized {
        training.gradientLimit = pick([0, 0, 1, 100])
        training.samples = pick(training.objective == .score ? [2, 5] : [1, 2, 5])
      } else {
        training.innerSteps = 3
        training.epochs = 5
      }
      if training.inference != .amortized { model.inference = training.inference }
    }

    var description: String {
      "\(table.name), \(model.architecture.description) \(model.architecture.activation) "
        + "\(model.architecture.likelihood) \(model.transform) "
        + "standardized \(model.standardization != nil), \(training.inference) "
        + "\(training.objective) x \(training.samples), batch \(training.batchSize), rate "
        + "\(training.learningRate), beta \(training.beta)"
    }
  }

  @Test(arguments: 0..<count) func doesNotDiverge(_ number: Int) throws {
    let configuration = try Configuration(number)
    let data = configuration.table
    let model = try VAE(configuration.model)
    try model.initialize(for: data.rows, seed: configuration.training.seed)
    let trainer = try VAETrainer(
      model, configuration: configuration.training, data: data, heldOut: nil,
      backend: FusedBackend(threads: 1))
    do {
      while !trainer.isFinished { try trainer.trainEpoch() }
    } catch {
      Issue.record("\(number), \(configuration): \(error)")
      return
    }
    let elbos = trainer.progress.history.map(\.elbo)
    #expect(elbos.allSatisfy { $0.isFinite }, "\(number), \(configuration): \(elbos)")
    // Nor does it run away within the floats: rows of raw units begin far off, and few steps at a low rate
    // leave them there, but never by another power of ten.
    if let first = elbos.first, let worst = elbos.min() {
      #expect(worst > first - 10 * (1 + abs(first)), "\(number), \(configuration): \(elbos)")
    }
  }
}
