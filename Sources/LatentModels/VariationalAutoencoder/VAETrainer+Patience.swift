extension VAETrainer {
  /// Whether all epochs are done, or patience has run out; patience waits for the warm-up.
  public var isFinished: Bool { progress.isFinished(configuration) }

  /// Whether the last epoch's held-out ELBO is the best so far.
  public var isBest: Bool { progress.bestEpoch == progress.epoch }

  /// Whether a training with this configuration from the start ends with this model: not where a resumed one was
  /// given another number of epochs or another patience that changed its end.
  public var endsAsBegun: Bool {
    var replayed = Progress()
    for metrics in progress.history {
      guard !replayed.isFinished(configuration) else { return false }
      replayed.add(metrics, configuration)
    }
    return replayed.isFinished(configuration)
      && (configuration.patience == 0 || replayed.bestEpoch == progress.bestEpoch)
  }
}

extension VAETrainer.Progress {
  func isFinished(_ configuration: TrainingConfiguration) -> Bool {
    if epoch >= configuration.epochs { return true }
    return configuration.patience > 0 && bestELBO != nil
      && epoch - bestEpoch >= configuration.patience
  }

  /// An epoch is done.
  mutating func add(_ metrics: EpochMetrics, _ configuration: TrainingConfiguration) {
    epoch += 1
    history.append(metrics)
    let warm = isWarm(configuration)
    if !warm || bestELBO == nil || metrics.watched > bestELBO! {
      bestEpoch = epoch
      bestELBO = warm ? metrics.watched : nil
    }
  }

  /// Patience begins here: until now the last model was kept, so that it is the best there is.
  mutating func beginPatience(_ configuration: TrainingConfiguration) {
    bestEpoch = epoch
    bestELBO = isWarm(configuration) ? history.last?.watched : nil
  }

  private func isWarm(_ configuration: TrainingConfiguration) -> Bool {
    Double(epoch) >= configuration.warmUpEpochs
  }
}

extension EpochMetrics {
  /// What patience looks at.
  fileprivate var watched: Double { heldOutELBO ?? elbo }
}
