import Foundation
import Testing

extension CommandTests {
  @Suite struct AutoencoderTests {
    @Test func fitsAndAnswersItsVerbs() throws {
      let place = try Workspace()
      try place.latent(
        "fit", "vae", "--epochs", "2", "--hidden", "16", "--latent", "3", "--binarize", "threshold",
        "--quiet", "--output", "vae")
      let fit = try place.latent(
        "fit", "autoencoder", "--epochs", "12", "--hidden", "32", "--latent", "8", "--binarize",
        "threshold", "--quiet", "--output", "run", "--beside", "vae", "--json"
      ).json()
      #expect(fit["kl"] as? Double == 0 && fit["likelihood"] as? String == "bernoulli")
      let files = Set(try FileManager.default.contentsOfDirectory(atPath: place.path + "/run"))
      #expect(files.isSuperset(of: ["beside.png", "samples.png", "reconstructions.png"]))
      // The report has one curve, all pictures, and nothing that only a VAE has.
      let page = try place.text("run/report.html")
      #expect(page.ranges(of: "data:image/png").count == 3)
      #expect(page.contains("Draws from this model, left, and vae, right."))
      let words = page.replacing(/base64,[^"]*/, with: "")
      for word in ["ELBO", "KL", "prior", "osterior", "Active", "<td>beta", "objective"] {
        #expect(!words.contains(word), "\(word)")
      }
      let score = try place.latent("score", "run", "--json").json()
      #expect(score["reconstruction"] as? Double == fit["heldOutReconstruction"] as? Double)
      let reconstruction = try place.latent(
        "reconstruct", "run", "--output", "rows.csv", "--json"
      ).json()
      // Better than the columns' means, which leave about 12.
      #expect(try #require(reconstruction["squaredError"] as? Double) < 6)
      try place.latent("transform", "run", "--output", "codes.npy")
      try place.latent("sample", "run", "--count", "4", "--output", "new.csv")

      // Stopped and resumed, the same bits.
      let settings = ["--hidden", "32", "--latent", "8", "--binarize", "threshold", "--quiet"]
      #expect(
        try Command.run(
          ["fit", "autoencoder", "--epochs", "5", "--output", "short"] + settings, in: place
        ).status == 0)
      try place.latent("fit", "autoencoder", "--resume", "short", "--epochs", "12", "--quiet")
      #expect(try place.read("short/model.safetensors") == place.read("run/model.safetensors"))
    }

    @Test func wrongWaysEndInASentence() throws {
      let place = try Workspace()
      try place.latent(
        "fit", "autoencoder", "--data", "iris", "--epochs", "2", "--quiet", "--output", "run")
      try place.latentRefuses(["fit", "vae", "--resume", "run"], saying: "fit autoencoder")
      try place.latentRefuses(
        ["fit", "autoencoder", "--beside", "run"], saying: "a model of the same images")
      try place.latentRefuses(
        ["reconstruct", "run", "--output", "rows.png"], saying: "are not images")
      try place.latent(
        "fit", "factors", "--data", "iris", "--output", "factors")
      try place.latentRefuses(["reconstruct", "factors"], saying: "cannot reconstruct")
      #if OpenBLAS
        try place.latentRefuses(
          ["predict", "run"], saying: "run is a deterministic autoencoder, which cannot predict")
      #endif
    }
  }
}
