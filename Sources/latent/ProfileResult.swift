import LatentKernels
import LatentModels
import LatentNetworks

/// What `latent profile` found: its JSON object, and profile.json.
struct ProfileResult: Encodable {
  var version = Latent.version
  /// Widths: "784-400-20".
  var network: String
  var activation, likelihood: String
  /// What the step raises, and the draws of z a row behind its gradient.
  var objective: String
  var samples: Int
  var parameters: Int
  var data: String
  var configurations: [StepMeasurement]
  /// Gradient estimators, where asked for.
  var estimators: [GradientNoise]?
  var output: String
  var trace: String?
  var seconds: Double

  /// "bernoulli likelihood, iwae of 5 draws, 651,024 parameters, digits"
  var modelAndData: String {
    let objective =
      self.objective == Objective.elbo.rawValue && samples == 1
      ? [] : ["\(self.objective) of \(counted(samples, "draw"))"]
    return
      (["\(likelihood) likelihood"] + objective + ["\(grouped(parameters)) parameters", data])
      .joined(separator: ", ")
  }

  init(
    _ network: ProfiledNetwork, _ measurements: [StepMeasurement], _ estimators: [GradientNoise]?,
    output: String, trace: String?,
    seconds: Double
  ) {
    self.network = network.architecture.description
    activation = network.architecture.activation.rawValue
    likelihood = network.architecture.likelihood.rawValue
    objective = network.training.objective.rawValue
    samples = network.training.samples
    parameters = network.parameterCount
    data = network.dataName
    configurations = measurements
    self.estimators = estimators
    (self.output, self.trace, self.seconds) = (output, trace, seconds)
  }
}
