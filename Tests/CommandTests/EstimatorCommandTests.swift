import Foundation
import LatentIO
import Testing

extension CommandTests {
  @Suite struct EstimatorCommandTests {
    let place: Workspace

    init() throws {
      place = try Workspace()
      _ = try Command.run(["fit", "vae", "--output", "digits", "--quiet"] + small, in: place)
      _ = try Command.run(
        ["fit", "factors", "--data", "digits", "--factors", "2", "--output", "factors"], in: place)
      #if OpenBLAS
        _ = try Command.run(
          ["fit", "mixture", "--data", "iris", "--components", "2", "--output", "mixture"],
          in: place)
      #endif
    }

    @Test func estimatorsOfAnAutoencoder() throws {
      let score = ["score", "digits", "--rows", "20", "--json"]
      func run(_ arguments: String...) throws -> [String: Any] {
        let outcome = try Command.run(score + arguments, in: place)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try outcome.json()
      }
      let one = try run()
      let bound = try run("--estimator", "elbo", "--samples", "500")
      let importance = try run("--estimator", "importance", "--samples", "500")
      let naive = try run("--estimator", "naive", "--samples", "1")
      let annealed = try run(
        "--estimator", "ais", "--samples", "4", "--temperatures", "30", "--simulate", "5")
      #expect(one["elbo"] != nil && one["rows"] as? Int == 20)
      let likelihood = try #require(importance["meanLogLikelihood"] as? Double)
      let elbo = try #require(bound["elbo"] as? Double)
      let reconstruction = try #require(bound["reconstruction"] as? Double)
      let kl = try #require(bound["kl"] as? Double)
      #expect(elbo < likelihood && abs(reconstruction - kl - elbo) < 1e-9)
      let sampled = try run("--form", "sampled")
      #expect(sampled["form"] as? String == "sampled" && sampled["samples"] as? Int == 1)
      #expect(naive["meanLogLikelihood"] as? Double ?? .infinity < likelihood)
      #expect((naive["caution"] as? String)?.contains("all 20 rows") == true)
      let other = try #require(annealed["meanLogLikelihood"] as? Double)
      #expect(abs(other - likelihood) < 0.5)
      let simulated = try #require(annealed["simulated"] as? [String: Any])
      #expect(simulated["rows"] as? Int == 5)
      try place.latent(
        "score", "digits", "--estimator", "importance", "--samples", "50", "--rows", "7",
        "--output", "rows.csv")
      let table = try Dataset.load("\(place.path)/rows.csv")
      #expect(table.rows.count == 7)
      #expect(
        table.columnNames == ["logDensity", "standardError", "effectiveSampleSize", "reliable"])
    }

    /// Two numbers of threads, two instruction sets: the same output.
    @Test func scoresAreTheSameBits() throws {
      let arguments = [
        "score", "digits", "--estimator", "importance", "--samples", "300", "--rows", "9",
        "--output", "/dev/stdout",
      ]
      let first = try Command.run(arguments + ["--threads", "1"], in: place)
      let second = try Command.run(
        arguments + ["--threads", "2"], in: place, environment: ["LATENT_ISA": "scalar"])
      #expect(first.status == 0 && first.output.split(separator: "\n").count == 10)
      #expect(first.output == second.output)
    }

    @Test func exactModelsHaveEstimatorsToo() throws {
      let exact = try place.latent("score", "factors", "--json").json()
      let truth = try #require(exact["meanLogLikelihood"] as? Double)
      let importance = try place.latent(
        "score", "factors", "--estimator", "importance", "--samples", "2000", "--json"
      ).json()
      let estimate = try #require(importance["meanLogLikelihood"] as? Double)
      #expect(abs(estimate - truth) < 0.01)
      #if OpenBLAS
        let mixture = try place.latent("score", "mixture", "--json").json()
        let sampled = try place.latent(
          "score", "mixture", "--estimator", "importance", "--samples", "2000", "--json"
        ).json()
        let difference =
          try #require(mixture["meanLogLikelihood"] as? Double)
          - #require(sampled["meanLogLikelihood"] as? Double)
        #expect(abs(difference) < 0.01)
        try place.latentRefuses(
          ["score", "mixture", "--estimator", "ais"],
          saying: "A mixture of Gaussians has the estimators exact, naive and importance, not ais.")
      #endif
    }

    @Test func comparisonsAreTablesAndPictures() throws {
      let result = try place.latent(
        "compare", "factors", "--rows", "5", "--samples", "1,10", "--json"
      ).json()
      let entries = try #require(result["entries"] as? [[String: Any]])
      #expect(entries.count == 10 && result["exact"] as? Double != nil)
      #expect(
        try place.read("factors/compare.png").starts(with: [0x89] + Array("PNG".utf8)))
      let text = try place.latent(
        "compare", "digits", "--rows", "5", "--samples", "2", "--output", "mine.png"
      ).output
      #expect(text.contains("importance") && text.hasSuffix("mine.png\n"))
      #if OpenBLAS
        #expect(try place.latent("compare", "mixture", "--samples", "3").output.contains("exact "))
      #endif
    }

    @Test func gapsAddUp() throws {
      let arguments = ["--rows", "6", "--samples", "400", "--json"]
      for model in ["digits", "factors"] {
        let outcome = try Command.run(["gap", model] + arguments, in: place)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let gap = try outcome.json()
        func number(_ name: String) throws -> Double { try #require(gap[name] as? Double) }
        let total = try number("meanLogLikelihood") - number("elbo")
        let sum = try number("approximationGap") + number("amortizationGap")
        #expect(abs(total - sum) < 1e-9)
        #expect(gap["exact"] as? Bool == (model == "factors"))
        #expect(gap["latentDimensions"] as? Int == 2)
      }
      try place.latent("gap", "digits", "--rows", "3", "--samples", "40", "--output", "gap.csv")
      #expect(try Dataset.load("\(place.path)/gap.csv").rows.columns == 7)
      try place.latentRefuses(["gap", "digits", "--samples", "0"], saying: "--samples must be")
      try place.latentRefuses(["gap", "digits", "--steps", "-1"], saying: "inner steps")
      #if OpenBLAS
        try place.latentRefuses(["gap", "mixture"], saying: "it has no gap")
      #endif
    }

    @Test func wrongEstimatorsAreRefused() throws {
      let cases: [([String], String)] = [
        (["digits", "--estimator", "exact"], "has the estimators elbo, naive, importance and ais"),
        (["digits", "--estimator", "importance", "--samples", "0"], "--samples must be 1..."),
        (["digits", "--samples", "-3"], "--samples must be 1..."),
        (["digits", "--rows", "0"], "--rows must be at least 1"),
        (["digits", "--estimator", "naive", "--form", "kl"], "--form belongs to --estimator elbo"),
        (["digits", "--estimator", "naive", "--box", "-1"], "--box must be above 0"),
        (["digits", "--temperatures", "9"], "--temperatures belongs to --estimator ais"),
        (["factors", "--samples", "9", "--estimator", "exact"], "leave --samples out"),
        (["factors", "--flag", "0.1", "--estimator", "elbo"], "--flag needs the exact estimator"),
      ]
      for (arguments, fragment) in cases {
        try place.latentRefuses(
          ["score"] + arguments + ["--output", "never.csv"], saying: fragment)
      }
      try place.latentRefuses(
        ["compare", "digits", "--samples", "10,0"], saying: "--samples must be")
      try place.latentRefuses(["compare", "digits", "--output", "plot.csv"], saying: ".png")
      try place.latentFails(["compare", "nowhere"], saying: "no such run")
    }
  }
}
