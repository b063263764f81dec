import CKernels

/// What a layer applies to each of its sums.
public enum Activation: String, CaseIterable, Codable, Sendable {
  /// x.
  case identity
  /// max(x, 0).
  case relu
  /// The hyperbolic tangent.
  case tanh
  /// 1 / (1 + e⁻ˣ).
  case sigmoid
  /// log(1 + eˣ).
  case softplus
  /// x where x > 0, eˣ − 1 elsewhere.
  case elu

  /// Its number in `latent_kernels.h`.
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
