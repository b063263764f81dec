import LatentKernels
import LatentNetworks

/// Training met a number that is not finite.
public struct DivergenceError: LatentError, Equatable {
  /// From 1: where the number showed first.
  public let epoch: Int
  /// From 1, over all epochs.
  public let step: Int
  /// What it was: "the gradient of decoder.mean's weights".
  public let quantity: String
  /// One sentence that names quantity and step, and one that says what to do.
  public let description: String

  init(epoch: Int, step: Int, quantity: String, advice: String) {
    (self.epoch, self.step, self.quantity) = (epoch, step, quantity)
    description =
      "Training stopped at epoch \(epoch), step \(step): \(quantity) is not finite. \(advice). "
      + "Earlier checkpoints are kept."
  }
}

// The objective of every step is looked at, parameters and Adam's moments now and then: a ReLU turns
// NaN into zero, and an infinite second moment holds its parameter still without a sign in the
// objective. When something is found, the steps since the numbers were last all finite are taken once
// more, each of them examined: where nothing is wrong, finding out costs nothing.
extension VAETrainer {
  /// Steps after which parameters are looked at, at the latest; they are at every epoch's end.
  static let checkEvery = 1000

  func rememberWhereItBegins() {
    guard lastGood == nil, configuration.inference == .amortized else { return }
    checkedStep = progress.step
    lastGood = TrainingSnapshot(model.parameters, progress: progress)
  }

  /// - Throws: ``DivergenceError`` when a parameter or moment is not finite.
  func checkParameters(_ sums: PartialEpoch) throws {
    guard model.parameters.areFinite else { throw try divergence(rows: nil) }
    checkedStep = progress.step
    guard let lastGood, progress.step - lastGood.progress.step >= Self.checkEvery else { return }
    var progress = progress
    progress.partial = try total(sums)
    self.lastGood = TrainingSnapshot(model.parameters, progress: progress)
  }

  /// What went wrong first. The trainer is left where its numbers were last all finite.
  ///
  /// - Parameter rows: of the batch at hand, where its step is not counted yet.
  func divergence(rows: Int?) throws -> DivergenceError {
    let noticed = progress.step + (rows == nil ? 0 : 1)
    if let lastGood {
      defer {
        lastGood.restore(model.parameters)
        progress = lastGood.progress
      }
      lastGood.restore(model.parameters)
      progress = lastGood.progress
      if let error = try replay(to: noticed) { return error }
    }
    // Nothing to go back to: what the last batch shows.
    let quantity =
      rows.flatMap { step.firstNotFinite(rows: $0) } ?? model.parameters.firstTensorNotFinite
      ?? "the objective"
    return DivergenceError(
      epoch: progress.epoch + 1, step: noticed, quantity: quantity,
      advice: advice(rows: rows ?? 0))
  }

  /// The same steps again, up to the first that leaves something that is not finite.
  private func replay(to last: Int) throws -> DivergenceError? {
    while progress.step < last {
      var run = beginEpoch()
      var done = progress.partial?.rows ?? 0
      while done < order.count, progress.step < last {
        let rows = try executeStep(at: done, &run).count
        let quantity =
          step.firstNotFinite(rows: rows)
          ?? (model.parameters.areFinite ? nil : model.parameters.firstTensorNotFinite)
        if let quantity {
          return DivergenceError(
            epoch: progress.epoch + 1, step: progress.step + 1, quantity: quantity,
            advice: advice(rows: rows))
        }
        progress.step += 1
        done += rows
      }
      progress.partial = nil
      progress.epoch += 1
    }
    return nil
  }

  private func advice(rows: Int) -> String {
    let rate = configuration.learningRate(epoch: progress.epoch)
    if let largest = step.largestInput(rows: rows), largest > 1e4 || !largest.isFinite {
      return "The batch has values of up to \(largest): standardize the data, or look for extreme "
        + "values in it"
    }
    return "Lower --learning-rate, now \(rate)"
      + (configuration.gradientLimit == 0 && configuration.inference == .amortized
        ? ", or set --gradient-limit" : "")
  }
}
