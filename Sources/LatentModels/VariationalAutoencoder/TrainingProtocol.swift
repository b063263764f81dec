import LatentKernels
import LatentNetworks

/// Published ways to train, to compare with published numbers.
public enum TrainingProtocol: String, CaseIterable, Codable, Sendable {
  /// Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders" (2016): one stochastic layer.
  case iwae2016

  /// The paper's schedule: stages i = 0...7 of 3ⁱ epochs at a rate of 10⁻³ · 10^(−i/7).
  public enum IWAE2016 {
    /// Stages of the paper, 3,280 epochs.
    public static let stages = 8

    /// Epochs of the first stages: 1, 4, 13, 40, 121, 364, 1,093, 3,280.
    static func epochs(stages: Int) -> Int {
      (0..<stages).reduce((sum: 0, stage: 1)) { total, _ in
        (total.sum + total.stage, 3 * total.stage)
      }.sum
    }

    /// The stage of an epoch, both from 0; the last one goes on for ever.
    static func stage(of epoch: Int) -> Int {
      (1..<stages).first { epoch < epochs(stages: $0) }.map { $0 - 1 } ?? stages - 1
    }

    /// 10^(−i/7), rounded from 30 digits: no library's power decides bits.
    static let rates = [
      1, 0.7196856730011520, 0.5179474679231212, 0.3727593720314940, 0.2682695795279726,
      0.1930697728883250, 0.1389495494373138, 0.1,
    ]
  }

  /// The paper's network for data of so many columns: 200-200-50, tanh, Bernoulli.
  public func architecture(dimensions: Int) -> Architecture {
    Architecture(
      dimensions: dimensions, hidden: [200, 200], latentDimensions: 50, activation: .tanh,
      likelihood: .bernoulli)
  }

  /// The paper's optimizer: Adam with ε 10⁻⁴, batches of 20, rates that fall by stages.
  ///
  /// - Throws: ``SettingError`` unless there are 1 to 8 stages.
  public func configure(_ training: inout TrainingConfiguration, stages: Int) throws {
    guard 1...IWAE2016.stages ~= stages else {
      throw SettingError("The number of stages must be 1...\(IWAE2016.stages), found \(stages).")
    }
    training.epochs = IWAE2016.epochs(stages: stages)
    training.batchSize = 20
    training.learningRate = 1e-3
    training.schedule = .stages
    training.beta1 = 0.9
    training.beta2 = 0.999
    training.epsilon = 1e-4
  }
}
