import LatentKernels
import LatentModels

/// What `latent profile` found: its JSON object, and profile.json.
struct ProfileResult: Encodable {
  var version = Latent.version
  /// Widths: "784-400-20".
  var network: String
  var activation, likelihood: String
  var parameters: Int
  var data: String
  var configurations: [StepMeasurement]
  /// Gradient estimators, where asked for.
  var estimators: [GradientNoise]?
  var output: String
  var trace: String?
  var seconds: Double

  init(
    _ network: ProfiledNetwork, _ measurements: [StepMeasurement], _ estimators: [GradientNoise]?,
    output: String, trace: String?,
    seconds: Double
  ) {
    self.network = network.architecture.description
    activation = network.architecture.activation.rawValue
    likelihood = network.architecture.likelihood.rawValue
    parameters = network.parameterCount
    data = network.dataName
    configurations = measurements
    self.estimators = estimators
    (self.output, self.trace, self.seconds) = (output, trace, seconds)
  }
}
