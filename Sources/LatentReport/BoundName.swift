import LatentModels
import LatentNetworks

extension TrainingConfiguration {
  /// What stands for the ELBO in an epoch's metrics: itself, or an importance-weighted objective's bound over
  /// all draws, which is above it.
  public var boundName: String {
    objective.isImportanceWeighted && samples > 1 ? "IWAE bound (K = \(samples))" : "ELBO"
  }
}
