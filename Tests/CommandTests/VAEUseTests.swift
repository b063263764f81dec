import Foundation
import Testing

extension CommandTests {
  /// What else a VAE is asked for: walks, maps, fillings, other bounds and ways to infer.
  @Suite struct VAEUseTests {
    @Test func walksAndMaps() throws {
      let place = try Workspace()
      _ = try Command.run(["fit", "vae", "--output", "run", "--quiet"] + small, in: place)
      try place.latent("sample", "run", "--traverse")
      try place.latent("sample", "run", "--interpolate", "1,3", "--output", "walk.csv")
      #expect(try place.text("walk.csv").split(separator: "\n").count >= 11)
      try place.latent("transform", "run", "--map", "map.png")
      #expect(try place.contents.isSuperset(of: ["map.png", "walk.csv"]))
      #expect(FileManager.default.fileExists(atPath: place.path + "/run/traversals.png"))
      try place.latentRefuses(["sample", "run", "--interpolate", "1,999"], saying: "no row 999")
      try place.latentRefuses(["sample", "run", "--interpolate", "1"], saying: "two rows")
      try place.latentRefuses(["sample", "run", "--traverse", "--steps", "1"], saying: "2...1000")
      try place.latentRefuses(["transform", "run", "--map", "map.csv"], saying: ".png")
      try place.latentRefuses(
        ["sample", "run", "--interpolate", "1,-9223372036854775808"], saying: "counted from 1")
      // Of two latent dimensions.
      let walk = try place.latent(
        "sample", "run", "--traverse", "--steps", "5", "--output", "walk.npy", "--json")
      #expect(try walk.json()["count"] as? Int == 10)
      for command in ["score", "transform", "gap"] {
        let both = try Command.run(
          [command, "run", "--json", "--output", "/dev/stdout"], in: place)
        #expect(both.status == 64 && both.output.isEmpty, "\(command)")
      }
    }

    /// Labels in a file of their own make the map that a column of labels makes.
    @Test func labelsOfTheirOwn() throws {
      let place = try Workspace()
      let rows = (0..<30).map { (x: Double($0 % 5), class: $0 % 3) }
      try place.write(
        "own.csv", ("a,b,c\n" + rows.map { "\($0.x),\(-$0.x),\($0.class)\n" }.joined()).utf8)
      try place.write("bare.csv", ("a,b\n" + rows.map { "\($0.x),\(-$0.x)\n" }.joined()).utf8)
      try place.write("labels.csv", ("c\n" + rows.map { "\($0.class)\n" }.joined()).utf8)
      let fit = ["fit", "vae", "--data", "own.csv", "--label", "c", "--output", "run", "--quiet"]
      #expect(try Command.run(fit + small, in: place).status == 0)
      let map = ["transform", "run", "--data", "bare.csv", "--map"]
      try place.latent("transform", "run", "--data", "own.csv", "--map", "own.png")
      #expect(try Command.run(map + ["bare.png"], in: place).status == 0)
      #expect(
        try Command.run(map + ["labelled.png", "--labels", "labels.csv"], in: place).status == 0)
      #expect(try place.read("labelled.png") == place.read("own.png"))
      #expect(try place.read("labelled.png") != place.read("bare.png"))
      try place.latentFails(
        map + ["few.png", "--labels", "bare.csv"], saying: "expected one label, found 2 fields")
      try place.write("few.csv", "c\n1\n".utf8)
      try place.latentFails(
        map + ["few.png", "--labels", "few.csv"], saying: "expected 30 labels")
      let unnamed = ["transform", "run", "--map", "m.png", "--labels", "labels.csv"]
      #expect(try Command.run(unnamed, in: place).status == 64)
    }

    /// Without hidden layers, and what a reader of the figures must know.
    @Test func linearNetworksAndNotes() throws {
      let place = try Workspace()
      let fit = ["fit", "vae", "--data", "iris", "--epochs", "2", "--latent", "2"]
      let linear = try Command.run(fit + ["--hidden", "none", "--output", "linear"], in: place)
      #expect(linear.status == 0 && linear.errors.contains("4-2 relu"), "\(linear.errors)")
      #expect(try place.text("linear/report.html").contains("--hidden none"))
      let noted = try Command.run(
        fit + ["--objective", "iwae", "--patience", "1", "--held-out", "0", "--json"], in: place)
      let notes = try #require(noted.json()["notes"] as? [String])
      #expect(notes.contains { $0.contains("of one draw is the ELBO") })
      #expect(notes.contains { $0.contains("no rows are held out") })
      let silent = try place.latent("fit", "vae", "--data", "iris", "--epochs", "2", "--json")
      #expect((try silent.json()["notes"] as? [String])?.count == 1)
    }

    @Test func fillsGaps() throws {
      let place = try Workspace()
      let rows = (0..<60).map { i in
        let x = Double(i % 7) - 3
        return i % 4 == 1 ? ",\(2 * x)" : i % 4 == 2 ? "\(x)," : "\(x),\(2 * x + 0.1)"
      }
      try place.write("gaps.csv", ("a,b\n" + rows.joined(separator: "\n") + "\n").utf8)
      let fit = ["fit", "vae", "--data", "gaps.csv", "--output", "run", "--quiet", "--latent", "1"]
      try place.latentFails(fit, saying: "missing value")
      #expect(
        try Command.run(fit + ["--missing", "--epochs", "40", "--hidden", "16"], in: place).status
          == 0)
      for method in ["importance", "pseudo-gibbs"] {
        let found = try place.latent(
          "impute", "run", "--data", "gaps.csv", "--output", "full.csv", "--method", method,
          "--samples", "50", "--draws", "2", "--json"
        ).json()
        #expect(found["values"] as? Int == 30 && found["method"] as? String == method)
        let lines = try place.text("full.csv").split(separator: "\n")
        #expect(lines.count == 61 && !lines.contains { $0.hasPrefix(",") || $0.hasSuffix(",") })
      }
      try place.write("empty.csv", "a,b\n1,2\n,\n".utf8)
      try place.latentFails(
        ["impute", "run", "--data", "empty.csv"], saying: "every value of row 2 is missing")
      try place.latentRefuses(
        ["impute", "run", "--data", "gaps.csv", "--samples", "0"], saying: "1...1000000")
    }

    @Test(arguments: [
      ["--objective", "iwae", "--samples", "5"], ["--objective", "score", "--samples", "3"],
      ["--inference", "svi", "--inner-steps", "3"], ["--protocol", "iwae2016", "--stages", "1"],
    ])
    func resumesWithTheSameBits(_ settings: [String]) throws {
      let place = try Workspace()
      let isProtocol = settings[0] == "--protocol"
      let size = isProtocol ? [] : ["--hidden", "16", "--latent", "2", "--epochs", "1"]
      let fit = ["fit", "vae", "--quiet"] + settings + size
      #expect(try Command.run(fit + ["--output", "run"], in: place).status == 0)
      let more = isProtocol ? ["--stages", "2"] : ["--epochs", "2"]
      #expect(
        try Command.run(["fit", "vae", "--quiet", "--resume", "run"] + more, in: place).status == 0)
      let whole = Array(fit[..<(fit.count - 2)]) + more + ["--output", "whole"]
      #expect(try Command.run(whole, in: place).status == 0)
      for file in ["model.safetensors", "metrics.csv", "checkpoint.safetensors"] {
        #expect(try place.read("run/\(file)") == place.read("whole/\(file)"), "\(file)")
      }
    }
  }
}
