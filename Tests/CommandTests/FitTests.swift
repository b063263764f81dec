import Foundation
import LatentIO
import Testing

// Subprocesses with threads of their own: one after another, in three lanes (networks, tables, and runs that are
// stopped and go on), as much of a command in a debug build takes one core.
@Suite(.serialized) struct CommandTests {}
@Suite(.serialized) struct TableCommandTests {}
@Suite(.serialized) struct RunCommandTests {}

extension CommandTests {
  @Suite struct FitTests {
    @Test func digitsWithoutOptionsButFewEpochs() throws {
      let place = try Workspace()
      let outcome = try place.latent("fit", "vae", "--epochs", "12", "--latent", "2", "--json")
      let result = try outcome.json()
      let elbo = try #require(result["heldOutELBO"] as? Double)
      // 12 epochs at a latent of 2: well above what the pixel means alone give, some 50 nats.
      #expect(elbo > 100)
      let (reconstruction, kl) = (
        try #require(result["reconstruction"] as? Double), try #require(result["kl"] as? Double)
      )
      #expect(abs(try #require(result["elbo"] as? Double) - (reconstruction - kl)) < 1e-9)
      #expect(result["output"] as? String == "runs/vae-digits-1")
      #expect(result["epochs"] as? Int == 12)
      #expect((result["digest"] as? String)?.count == 16)
      #expect((result["rowsPerSecond"] as? Double ?? 0) > 0)
      let files = try FileManager.default.contentsOfDirectory(
        atPath: place.path + "/runs/vae-digits-1")
      #expect(
        Set(files) == [
          "model.safetensors", "checkpoint.safetensors", "config.json", "metrics.csv",
          "reconstructions.png", "samples.png", "manifold.png", "report.html",
        ])
      let metrics = try place.text("runs/vae-digits-1/metrics.csv").split(separator: "\n")
      #expect(metrics.count == 13)
      #expect(metrics[0].hasPrefix("epoch,elbo,reconstruction,kl,"))
      let lines = outcome.errors.split(separator: "\n").filter { $0.contains("ELBO") }
      #expect(lines.count == 12)
      #expect(lines[0].contains("KL") && lines[0].contains("images/s"))
      try place.latent("fit", "vae", "--epochs", "1", "--quiet")
      #expect(FileManager.default.fileExists(atPath: place.path + "/runs/vae-digits-2"))
    }

    @Test func sameBitsOnEveryInstructionSetAndThreadCount() throws {
      let place = try Workspace()
      let report = try place.latent("doctor", "--json").json()
      let sets = try #require(report["availableInstructionSets"] as? [String])
      var digests: [String: String] = [:]
      for set in sets where set != "baseline" {
        for threads in ["1", "2", "3"] where set != "scalar" || threads == "2" {
          let result = try Command.run(
            ["fit", "vae", "--output", "\(set)-\(threads)", "--threads", threads, "--json"] + small,
            in: place, environment: ["LATENT_ISA": set]
          ).json()
          digests["\(set)-\(threads)"] = result["digest"] as? String
        }
      }
      #expect(digests.count >= 4)
      #expect(Set(digests.values).count == 1, "\(digests)")
      let models = try digests.keys.map { try place.read("\($0)/model.safetensors") }
      #expect(Set(models).count == 1)
    }

    @Test(arguments: ["openblas", "simd", "reference"]) func otherBackends(_ backend: String) throws
    {
      let place = try Workspace()
      let one = try Command.run(
        ["fit", "vae", "--data", "iris", "--output", "one", "--json"] + small, in: place
      ).json()
      let other = try Command.run(
        ["fit", "vae", "--data", "iris", "--output", "other", "--json", "--backend", backend]
          + small, in: place
      ).json()
      let (a, b) = (
        try #require(one["elbo"] as? Double), try #require(other["elbo"] as? Double)
      )
      #expect(abs(a - b) < 1e-3 * max(1, abs(a)))
    }

    /// The report's command makes the same model again.
    @Test(arguments: [
      "", "--reproducible", "--row-groups 5 --schedule linear", "--schedule stages",
      "--backend openblas --threads 1",
      "--protocol iwae2016 --stages 1 --samples 2 --objective iwae",
    ])
    func repetition(_ options: String) throws {
      let place = try Workspace()
      let words = options.split(separator: " ").map(String.init)
      let size = words.contains("--protocol") ? [] : small
      let fit = ["fit", "vae", "--output", "run", "--json"]
      let digest = try Command.run(fit + size + words, in: place).json()["digest"] as? String
      let page = try place.text("run/report.html")
      #expect(page.contains("digest of all parameters is \(try #require(digest))"))
      let command = try #require(page.firstMatch(of: /latent (fit vae [^<]*)/)).1
      for word in words where word.hasPrefix("--") && word != "--reproducible" {
        #expect(command.contains(word))
      }
      #expect(!options.contains("reproducible") || command.contains("--row-groups 16"))
      let again = command.split(separator: " ").map(String.init)
      let other = try Command.run(again + ["--output", "again", "--json"], in: place).json()
      #expect(other["digest"] as? String == digest)
    }

    @Test func ownData() throws {
      let place = try Workspace()
      try place.write("iris.csv", "a,b,kind\n".utf8)
      let rows = (0..<50).map { "\(Double($0) / 7),\($0 * $0 % 13),k\($0 % 2)\n" }.joined()
      try place.write("table.csv", ("a,b,kind\n" + rows).utf8)
      let result = try Command.run(
        ["fit", "vae", "--data", "table.csv", "--label", "kind", "--json"] + small, in: place
      ).json()
      #expect(result["output"] as? String == "runs/vae-table-1")
      #expect(result["likelihood"] as? String == "gaussian")
      #expect(result["heldOutELBO"] != nil)
      #expect((result["notes"] as? [String])?.count == 1)  // standardized
      let whole = try Command.run(
        ["fit", "vae", "--data", "table.csv", "--columns", "1-2", "--held-out", "0", "--json"]
          + small, in: place
      ).json()
      #expect(whole["heldOutELBO"] == nil)
      let tested = try Command.run(
        ["fit", "vae", "--data", "table.csv", "--columns", "a,b", "--test-data", "table.csv"]
          + ["--json"] + small, in: place
      ).json()
      #expect(tested["heldOutELBO"] != nil)
    }

    /// A posterior that is the prior makes no autoencoder of a VAE.
    @Test func noKL() throws {
      let place = try Workspace()
      try place.write("zeros.csv", "a,b\n0,0\n0,0\n0,0\n0,0\n".utf8)
      let arguments = [
        "fit", "vae", "--data", "zeros.csv", "--no-standardize", "--learning-rate", "1e-30",
        "--epochs", "1", "--held-out", "0", "--hidden", "4",
      ]
      let outcome = try Command.run(arguments, in: place)
      #expect(outcome.errors.contains("KL 0.000") && outcome.output.hasPrefix("ELBO "))
    }

    /// A bound over several draws is not called the ELBO, which `score` gives.
    @Test func boundsByTheirNames() throws {
      let place = try Workspace()
      let fit = ["fit", "vae", "--data", "iris"] + small + ["--objective"]
      let name = "IWAE bound (K = 5)"
      for objective in ["iwae", "dreg"] {
        let outcome = try Command.run(
          fit + [objective, "--samples", "5", "--output", objective], in: place)
        #expect(outcome.output.hasPrefix("held-out \(name) "))
        let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("epoch") }
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.contains("  \(name) ") && $0.contains("held-out \(name) ") })
        let page = try place.text("\(objective)/report.html")
        #expect(page.contains(name) && !page.contains("ELBO"))
      }
      let other = try Command.run(
        fit + ["sampled-elbo", "--samples", "5", "--output", "other", "--json"], in: place)
      #expect(try other.json()["bound"] as? String == "ELBO")
      #expect(try place.latent("score", "iwae").output.hasPrefix("ELBO "))
    }

    @Test func likelihoodFitsTheData() throws {
      let place = try Workspace()
      func fit(_ options: String...) throws -> [String: Any] {
        try Command.run(["fit", "vae", "--json"] + small + options, in: place).json()
      }
      #expect(try fit()["likelihood"] as? String == "continuousBernoulli")
      #expect(try fit("--binarize", "sample")["likelihood"] as? String == "bernoulli")
      #expect(try fit("--dequantize")["likelihood"] as? String == "gaussian")
      let named = try fit("--likelihood", "bernoulli")
      #expect(named["notes"] as? [String] == ["bernoulli on grey values: not a density"])
      let output = try #require(named["output"] as? String)
      #expect(try place.text(output + "/config.json").contains("not a density"))
    }
  }
}
