import LatentNetworks

/// The two networks that everything is measured on.
package enum NetworkShape: String, CaseIterable, Sendable {
  case relu = "784-400-20"
  case tanh = "784-200-200-50"

  package func architecture(likelihood: Likelihood = .bernoulli) -> Architecture {
    switch self {
    case .relu:
      Architecture(
        dimensions: 784, hidden: [400], latentDimensions: 20, activation: .relu,
        likelihood: likelihood)
    case .tanh:
      Architecture(
        dimensions: 784, hidden: [200, 200], latentDimensions: 50, activation: .tanh,
        likelihood: likelihood)
    }
  }
}
