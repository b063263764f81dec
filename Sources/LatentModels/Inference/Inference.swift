import LatentKernels
import LatentNetworks

/// Where the variational parameters of a row come from.
public enum Inference: String, CaseIterable, Codable, Sendable {
  /// From the encoder, in one pass (Kingma and Welling 2014).
  case amortized
  /// From the encoder, then refined by gradient steps on the row's own bound (Hjelm et al. 2016;
  /// Krishnan et al. 2018). The encoder learns from the bound at its own posterior.
  case semiAmortized = "semi-amortized"
  /// Each row keeps its own, found by gradient steps alone (Hoffman et al. 2013); the encoder is not
  /// trained.
  case svi
}

extension VAE {
  /// The posterior of each of `rows` (all, if nil) where the model's inference takes gradient steps; nil where
  /// the encoder is all there is.
  func infer(
    _ batches: BatchSource, rows: Range<Int>? = nil, backend: any Backend, seed: UInt64
  ) throws -> OptimalPosterior? {
    let rows = Array(rows ?? batches.held)
    var settings = InferenceConfiguration()
    settings.samples = 32
    settings.tolerance = 1e-4
    settings.evaluationSamples = 64
    switch configuration.inference ?? .amortized {
    case .amortized: return nil
    case .svi:
      settings.maximumSteps = 500
      return try VariationalInference(self, configuration: settings, backend: backend)
        .fit(batches, rows: rows, seed: seed)
    case .semiAmortized:
      settings.maximumSteps = configuration.innerSteps ?? 20
      let encoded = try VAEPasses(self, backend: backend).posterior(batches, seed: seed, rows: rows)
      return try VariationalInference(self, configuration: settings, backend: backend)
        .fit(batches, rows: rows, start: encoded, seed: seed)
    }
  }
}
