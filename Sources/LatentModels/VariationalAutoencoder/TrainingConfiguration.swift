import LatentKernels
import LatentNetworks

/// How a variational autoencoder is trained. Everything here decides bits, and is saved with the
/// checkpoint; threads and backend do not, and are not.
public struct TrainingConfiguration: Codable, Sendable, Equatable {
  /// How the learning rate changes over the epochs.
  public enum Schedule: String, CaseIterable, Codable, Sendable {
    /// It does not.
    case constant
    /// Down by equal steps, from the rate in the first epoch to its part `1 / epochs` in the last; then zero.
    case linear
    /// Half after 1/2, 3/4, 7/8 ... of the epochs.
    case halving
    /// Stages of 1, 3, 9, 27 ... epochs, each at 10^(−1/7) of the rate before (Burda et al. 2016).
    case stages
  }

  /// Passes over the training rows.
  public var epochs = 30
  /// Rows of a batch; the last one of an epoch may have fewer.
  public var batchSize = 64
  /// Adam's, of the first epoch.
  public var learningRate = 1e-3
  /// How the learning rate changes.
  public var schedule = Schedule.constant
  /// Weight of the KL (Higgins et al. 2017); 1 is the ELBO.
  public var beta = 1.0
  /// Epochs over which β rises linearly from zero.
  public var warmUpEpochs = 0.0
  /// Nats a latent dimension that the KL may keep unpunished (Kingma et al. 2016).
  public var freeBits = 0.0
  /// Epochs without improvement of the held-out ELBO after which training stops; 0: never.
  public var patience = 0
  /// Adam's decay of the first moment (Kingma and Ba 2015).
  public var beta1 = 0.9
  /// Adam's decay of the second moment.
  public var beta2 = 0.999
  /// What Adam adds to the root of the second moment.
  public var epsilon = 1e-8
  /// The longest gradient, in Euclidean norm over all parameters, that a step follows; longer ones are
  /// scaled down to it (Pascanu et al. 2013). 0: as they are.
  public var gradientLimit = 0.0
  /// Keys every random number of the training.
  public var seed: UInt64 = 0
  /// Where q(z) of a row comes from.
  public var inference = Inference.amortized
  /// Steps on each row's own variational parameters before a step on the networks.
  public var innerSteps = 20
  /// Draws of z a row behind each gradient.
  public var samples = 1
  /// What a step maximizes, and by which gradient.
  public var objective = Objective.elbo

  /// Groups of rows whose gradients are summed each by itself, then joined by a fixed tree, so that any
  /// number of ranks trains to the same bits; nil: a rank sums its rows together, which is faster.
  public var rowGroups: Int?

  /// Settings with their defaults.
  public init() {}

  /// Settings that a file from before them lacks have their defaults.
  public init(from decoder: any Swift.Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func read<Value: Decodable>(_ value: inout Value, _ key: CodingKeys) throws {
      value = try values.decodeIfPresent(Value.self, forKey: key) ?? value
    }
    try read(&epochs, .epochs)
    try read(&batchSize, .batchSize)
    try read(&learningRate, .learningRate)
    try read(&schedule, .schedule)
    try read(&beta, .beta)
    try read(&warmUpEpochs, .warmUpEpochs)
    try read(&freeBits, .freeBits)
    try read(&patience, .patience)
    try read(&beta1, .beta1)
    try read(&beta2, .beta2)
    try read(&epsilon, .epsilon)
    try read(&gradientLimit, .gradientLimit)
    try read(&seed, .seed)
    try read(&inference, .inference)
    try read(&innerSteps, .innerSteps)
    try read(&samples, .samples)
    try read(&objective, .objective)
    rowGroups = try values.decodeIfPresent(Int.self, forKey: .rowGroups)
  }

  /// - Throws: ``SettingError`` naming the first setting out of its range.
  public func validate() throws {
    func need(_ holds: Bool, _ name: String, _ range: String, _ found: Any) throws {
      guard holds else { throw SettingError("\(name) must be \(range), found \(found).") }
    }
    // Steps compute in float: what is left of a setting there is what counts.
    func isPositive(_ value: Double) -> Bool { Float(value) > 0 && Float(value).isFinite }
    func isNotNegative(_ value: Double) -> Bool { value >= 0 && Float(value).isFinite }
    func isDecay(_ value: Double) -> Bool { value >= 0 && Float(value) < 1 }
    let positive = "above 0 within the range of floats"
    let notNegative = "at least 0 within the range of floats"
    try need(epochs > 0, "The number of epochs", "at least 1", epochs)
    try need(1...1_000_000 ~= batchSize, "The batch size", "1...1000000", batchSize)
    try need(isPositive(learningRate), "The learning rate", positive, learningRate)
    try need(isNotNegative(beta), "Beta", notNegative, beta)
    try need(
      warmUpEpochs >= 0 && warmUpEpochs.isFinite, "The number of warm-up epochs", "at least 0",
      warmUpEpochs)
    try need(isNotNegative(freeBits), "Free bits", notNegative, freeBits)
    try need(patience >= 0, "Patience", "at least 0", patience)
    try need(isDecay(beta1), "Adam's beta 1", "in [0, 1), rounded to a float too", beta1)
    try need(isDecay(beta2), "Adam's beta 2", "in [0, 1), rounded to a float too", beta2)
    try need(isPositive(epsilon), "Adam's epsilon", positive, epsilon)
    try need(
      gradientLimit >= 0 && gradientLimit.isFinite, "The limit of gradients", "at least 0",
      gradientLimit)
    try need(1...10_000 ~= innerSteps, "The number of inner steps", "1...10000", innerSteps)
    try need(1...100_000 ~= samples, "The number of samples", "1...100000", samples)
    try RowGroups.check(rowGroups)
    guard rowGroups == nil || inference == .amortized else {
      throw SettingError(
        "Sums in groups of rows go with amortized inference, found \(inference.rawValue).")
    }
    guard inference == .amortized || objective == .elbo else {
      throw SettingError(
        "Inference by gradient steps maximizes the elbo, found \(objective.rawValue).")
    }
    guard objective == .elbo || freeBits == 0 else {
      throw SettingError(
        "Free bits need the closed-form KL of the elbo objective, found \(objective.rawValue).")
    }
    guard inference == .amortized || gradientLimit == 0 else {
      throw SettingError(
        "A limit of gradients goes with amortized inference, found \(inference.rawValue).")
    }
    guard inference == .amortized || freeBits == 0 else {
      throw SettingError("Free bits go with amortized inference, found \(inference.rawValue).")
    }
  }

  /// The learning rate of an epoch (from 0), by exact arithmetic.
  public func learningRate(epoch: Int) -> Double {
    switch schedule {
    case .constant: return learningRate
    case .linear: return max(0, learningRate * Double(epochs - epoch) / Double(epochs))
    case .stages:
      return learningRate
        * TrainingProtocol.IWAE2016.rates[TrainingProtocol.IWAE2016.stage(of: epoch)]
    case .halving:
      var rate = learningRate
      var left = epochs
      while left > 0, epochs - epoch <= left / 2 {
        rate /= 2
        left /= 2
      }
      return rate
    }
  }

  /// β at a step (from 0) of `stepsPerEpoch` an epoch.
  public func beta(step: Int, stepsPerEpoch: Int) -> Double {
    let warmUp = warmUpEpochs * Double(stepsPerEpoch)
    return warmUp > 0 ? beta * min(1, Double(step + 1) / warmUp) : beta
  }
}
