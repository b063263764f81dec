import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Estimators say of which models they can tell nothing.
@Suite struct EstimatorRefusalTests {
  private func refusal(_ configuration: VAEConfiguration, _ latents: DrawPlan.Latents) -> String? {
    do {
      let model = try VAE(configuration)
      let rows = Rows(Matrix<Float>(rows: 3, columns: 5))
      _ = try DrawPlan(
        model, BatchSource(rows, transform: .none), latents: latents, samples: 4, seed: 0)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func modelsWithoutAPosterior() {
    // 8 latent dimensions: rows of the code have room for the 16 columns of (mean | log-variance).
    let autoencoder = VAEConfiguration(
      architecture: Architecture(dimensions: 5, latentDimensions: 8, posterior: .point))
    #expect(refusal(autoencoder, .encoder)?.contains("no log p(x)") == true)
    #expect(refusal(autoencoder, .prior)?.contains("no log p(x)") == true)
    var inferred = VAEConfiguration(
      architecture: Architecture(dimensions: 5, latentDimensions: 8))
    #expect(refusal(inferred, .encoder) == nil)
    inferred.inference = .svi
    #expect(refusal(inferred, .encoder)?.contains("was not trained") == true)
    #expect(refusal(inferred, .prior) == nil)
  }
}
