import CKernels

/// What an operation does on registers after its product.
public enum Epilogue: String, Sendable, Codable {
  /// A hidden layer's activation.
  case activation
  /// The log-likelihood of the target, and its gradient.
  case likelihood
  /// The derivative of the activation below.
  case activationDerivative
  /// Adam on weights and biases, and the transposed copy.
  case adam
}

extension PlanOperation {
  /// Its epilogue, and the same product without: what an ablation runs in its place. Nil where there
  /// is none, or nowhere to write the plain product to.
  public var withoutEpilogue: (epilogue: Epilogue, plain: PlanOperation)? {
    var plain = self
    switch kind {
    case LATENT_OP_LINEAR_FORWARD where activation != LATENT_ACTIVATION_IDENTITY:
      plain.activation = LATENT_ACTIVATION_IDENTITY
      return (.activation, plain)
    case LATENT_OP_LIKELIHOOD_FORWARD where gradient.exists:
      // The product goes where the gradient went: as many bytes.
      plain.kind = LATENT_OP_LINEAR_FORWARD
      plain.activation = LATENT_ACTIVATION_IDENTITY
      plain.output = gradient
      return (.likelihood, plain)
    case LATENT_OP_LINEAR_BACKWARD_INPUT where activation != LATENT_ACTIVATION_IDENTITY:
      plain.activation = LATENT_ACTIVATION_IDENTITY
      return (.activationDerivative, plain)
    case LATENT_OP_LINEAR_BACKWARD_WEIGHTS where update:
      plain.update = false
      // The gradient is written over the first moments: memory that is as near as Adam's.
      plain.weights_gradient = weights_first_moment
      plain.bias_gradient = bias_first_moment
      return (.adam, plain)
    default: return nil
    }
  }
}
