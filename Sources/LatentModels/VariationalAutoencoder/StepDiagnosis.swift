import LatentKernels
import LatentNetworks

/// Finds what a step computed first that is not finite, in words: "the gradient of decoder.mean's
/// weights". It looks at everything that the step left, and is for when something has gone wrong.
struct StepDiagnosis {
  let plan: Plan
  let phases: [String]
  /// Whether a batch may hold NaN for what was not observed.
  let hasMissing: Bool

  /// - Parameter rows: of the last batch.
  func firstNotFinite(rows: Int) -> String? {
    for operation in plan.operations {
      for (operand, count, name) in results(of: operation, rows: rows) where operand.exists {
        guard let data = plan.buffers[Int(operand.buffer)].data else { continue }
        let values = data.assumingMemoryBound(to: Float.self) + Int(operand.offset)
        if UnsafeBufferPointer(start: values, count: count).firstNotFinite != nil { return name }
      }
    }
    return nil
  }

  /// The largest magnitude in the last batch, as the first layer saw it.
  func largestInput(rows: Int) -> Float? {
    guard
      let load = plan.operations.first(where: { $0.kind == LATENT_OP_LOAD_ROWS }),
      let data = plan.buffers[Int(load.output.buffer)].data
    else { return nil }
    let values = data.assumingMemoryBound(to: Float.self) + Int(load.output.offset)
    return UnsafeBufferPointer(start: values, count: rows * Int(load.output.stride)).lazy
      .map(abs).max()
  }

  /// What an operation writes, in the order in which one follows from the other.
  private func results(
    of operation: PlanOperation, rows: Int
  ) -> [(Operand, count: Int, name: String)] {
    let layer = phases[Int(operation.label)].split(separator: " ").first.map(String.init) ?? ""
    let draws = rows * max(1, Int(operation.samples))
    func matrix(_ operand: Operand, _ rows: Int, _ name: String) -> (Operand, Int, String) {
      (operand, rows * max(1, Int(operand.stride)), name)
    }
    switch operation.kind {
    case LATENT_OP_LOAD_ROWS:
      guard !hasMissing || operation.missing else { return [] }
      return [matrix(operation.output, rows, "a value of the batch")]
    case LATENT_OP_LINEAR_FORWARD:
      return [matrix(operation.output, draws, "the output of \(layer)")]
    case LATENT_OP_LIKELIHOOD_FORWARD:
      return [
        matrix(operation.partial, draws, "log p(x|z) at \(layer)"),
        matrix(operation.gradient, draws, "the gradient of \(layer)'s output"),
      ]
    case LATENT_OP_LIKELIHOOD_ROWS: return [(operation.log_density, draws, "log p(x|z) of a row")]
    case LATENT_OP_REPARAMETERIZE:
      return [
        matrix(operation.log_variance, rows, "the log-variance of q(z|x)"),
        (operation.kl, rows, "the KL of a row"),
        matrix(operation.output, draws, "a draw of z"),
        (operation.log_density, draws, "log p(z) - log q(z|x) of a draw"),
      ]
    case LATENT_OP_REPARAMETERIZE_BACKWARD:
      return [
        matrix(operation.output, rows, "the gradient of q(z|x)'s means and log-variances")
      ]
    case LATENT_OP_DRAW_WEIGHTS:
      return [
        (operation.output, rows, "the bound of a row"),
        (operation.draw_weight, draws, "the weight of a draw"),
      ]
    case LATENT_OP_WEIGH_ROWS:
      return [matrix(operation.gradient, draws, "the weighted gradient of log p(x|z)")]
    case LATENT_OP_LINEAR_BACKWARD_INPUT:
      return [matrix(operation.output, draws, "the gradient of \(layer)'s input")]
    case LATENT_OP_LINEAR_BACKWARD_WEIGHTS, LATENT_OP_ADAM:
      let biases = Panels.count(Int(operation.columns)) * 16
      let weights = biases * Int(operation.inner)
      var results: [(Operand, Int, String)] = []
      if !operation.update {
        results += [
          (operation.weights_gradient, weights, "the gradient of \(layer)'s weights"),
          (operation.bias_gradient, biases, "the gradient of \(layer)'s biases"),
        ]
      }
      if operation.update || operation.kind == LATENT_OP_ADAM {
        results += [
          (operation.weights_first_moment, weights, "the gradient of \(layer)'s weights"),
          (operation.bias_first_moment, biases, "the gradient of \(layer)'s biases"),
          (operation.weights_second_moment, weights, "the squared gradient of \(layer)'s weights"),
          (operation.bias_second_moment, biases, "the squared gradient of \(layer)'s biases"),
          (operation.weights, weights, "a weight of \(layer)"),
          (operation.bias, biases, "a bias of \(layer)"),
        ]
      }
      return results
    case LATENT_OP_VARIANCE_BACKWARD:
      let count =
        operation.likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED ? 1 : Int(operation.dimensions)
      guard operation.update else {
        return [(operation.bias_gradient, count, "the gradient of the variances")]
      }
      return [
        (operation.bias_first_moment, count, "the gradient of the variances"),
        (operation.bias_second_moment, count, "the squared gradient of the variances"),
        (operation.variance, count, "a raw log-variance of the decoder"),
      ]
    default: return []
    }
  }
}

/// A training's state at a step where all numbers were finite.
struct TrainingSnapshot {
  let progress: VAETrainer.Progress
  private let storages: [[Float]]

  init(_ parameters: Parameters, progress: VAETrainer.Progress) {
    self.progress = progress
    storages = Self.storages(of: parameters).map { Array($0.values) }
  }

  func restore(_ parameters: Parameters) {
    for (storage, values) in zip(Self.storages(of: parameters), storages) {
      _ = storage.values.update(fromContentsOf: values)
    }
    parameters.refreshTransposed()
  }

  private static func storages(of parameters: Parameters) -> [Storage<Float>] {
    [parameters.values, parameters.firstMoments, parameters.secondMoments]
  }
}

extension Parameters {
  /// Whether all of them are numbers, and Adam's moments too.
  var areFinite: Bool {
    [values, firstMoments, secondMoments].allSatisfy { $0.firstNotFinite == nil }
  }

  /// The first tensor with a value that is not finite.
  var firstTensorNotFinite: String? {
    for aspect in [ParameterAspect.values, .firstMoments, .secondMoments] {
      for slot in slots where !held(slot, aspect).allSatisfy(\.isFinite) {
        switch aspect {
        case .values: return slot.name
        case .firstMoments: return "the gradient of \(slot.name)"
        default: return "the squared gradient of \(slot.name)"
        }
      }
    }
    return nil
  }
}
