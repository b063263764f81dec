import LatentKernels

/// What a hidden layer applies to each of its sums.
public enum Activation: String, CaseIterable, Codable, Sendable {
  case identity, relu, tanh, sigmoid, softplus
  /// x where x > 0, eˣ − 1 elsewhere.
  case elu

  public var code: latent_activation {
    switch self {
    case .identity: LATENT_ACTIVATION_IDENTITY
    case .relu: LATENT_ACTIVATION_RELU
    case .tanh: LATENT_ACTIVATION_TANH
    case .sigmoid: LATENT_ACTIVATION_SIGMOID
    case .softplus: LATENT_ACTIVATION_SOFTPLUS
    case .elu: LATENT_ACTIVATION_ELU
    }
  }
}
