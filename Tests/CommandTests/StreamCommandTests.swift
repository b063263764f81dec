import Foundation
import Testing

#if OpenBLAS
  extension TableCommandTests {
    /// Streaming, weights and mixtures of factor analysers, as commands.
    @Suite struct StreamCommandTests {
      let place: Workspace

      init() throws {
        place = try Workspace()
        // Weights of 0, 1 and 2, and a column of names.
        var table = "a,b,c,times,name\n"
        for row in 0..<90 {
          let (x, y) = (Double(row % 7), Double(row * row % 11))
          table += "\(x),\(y + (row % 2 == 0 ? 20 : 0)),\(x * 0.5 + y * 0.25 + Double(row % 5)),"
          table += "\(row % 3),r\(row)\n"
        }
        try place.write("rows.csv", table.utf8)
      }

      private func same(_ one: String, _ other: String) throws {
        for file in try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/\(one)")
        where file != "config.json" && file != "report.html" {  // which name the options
          #expect(try place.read("\(one)/\(file)") == place.read("\(other)/\(file)"), "\(file)")
        }
      }

      @Test func streamedRunsHaveTheSameFiles() throws {
        let table = ["--data", "rows.csv", "--label", "name"]
        for (name, model) in [
          ("mixture", ["mixture", "--held-out", "0.2", "--standardize", "--weights", "times"]),
          ("range", ["mixture", "--components", "1...3", "--folds", "0"]),
          ("factors", ["factors", "--held-out", "0.2"]), ("ppca", ["factors", "--ppca"]),
        ] {
          for (suffix, flags) in [("", []), ("-streamed", ["--stream"])] {
            let outcome = try Command.run(
              ["fit"] + model + table + flags + ["--output", name + suffix], in: place)
            #expect(outcome.status == 0, "\(outcome.errors)")
          }
          try same(name, "\(name)-streamed")
        }
        let held = try place.latent("score", "mixture", "--json").json()
        let streamed = try place.latent("score", "mixture-streamed", "--json").json()
        #expect(held["logLikelihood"] as? Double == streamed["logLikelihood"] as? Double)
        #expect(streamed["rows"] as? Int == 18)
        try place.latent(
          "score", "mixture", "--data", "rows.csv", "--flag", "0.1", "--output", "a.csv")
        try place.latent(
          "score", "mixture", "--data", "rows.csv", "--flag", "0.1", "--output", "b.csv",
          "--stream")
        #expect(try place.read("a.csv") == place.read("b.csv"))
      }

      /// Weights as counts equal rows that are repeated.
      @Test func weightsAreARepetition() throws {
        let lines = try place.text("rows.csv").split(separator: "\n")
        var copies = "a,b,c\n"
        for line in lines.dropFirst() {
          let fields = line.split(separator: ",")
          for _ in 0..<Int(fields[3])! { copies += fields[0...2].joined(separator: ",") + "\n" }
        }
        try place.write("copies.csv", copies.utf8)
        let weighted = try place.latent(
          "fit", "mixture", "--data", "rows.csv", "--columns", "a,b,c", "--weights", "times",
          "--components", "1", "--output", "one", "--json"
        ).json()
        let copied = try place.latent(
          "fit", "mixture", "--data", "copies.csv", "--components", "1", "--output", "two",
          "--json"
        ).json()
        for key in ["logLikelihood", "meanLogLikelihood"] {
          let (a, b) = (
            try #require(weighted[key] as? Double), try #require(copied[key] as? Double)
          )
          #expect(abs(a - b) < 1e-9 * abs(b))
        }
      }

      @Test func mixturesOfFactorAnalysers() throws {
        let result = try place.latent(
          "fit", "mixture", "--data", "iris", "--covariance", "factor-analytic", "--factors", "2",
          "--standardize", "--output", "run", "--json"
        ).json()
        // Each component: 4 means, and 4 uniquenesses and 8 loadings less a rotation, but no more than the 10 of a
        // covariance; one weight.
        #expect(result["parameters"] as? Int == 2 * (4 + min(4 + 7, 10)) + 1)
        let score = try place.latent("score", "run", "--json").json()
        let (a, b) = (
          try #require(result["logLikelihood"] as? Double),
          try #require(score["logLikelihood"] as? Double)
        )
        #expect(abs(a - b) < 1e-9 * abs(a))
      }

      @Test func standardErrorsOfImputation() throws {
        try place.write("gaps.csv", "eruptions,waiting\n3.6,\n,54\n1.8,54\n".utf8)
        try place.latent("fit", "mixture", "--output", "mixture")
        try place.latent("fit", "factors", "--ppca", "--data", "faithful", "--output", "factors")
        for model in ["mixture", "factors"] {
          try place.latent(
            "impute", model, "--data", "gaps.csv", "--output", "\(model).csv",
            "--standard-errors")
          let lines = try place.text("\(model)-errors.csv").split(separator: "\n")
          #expect(lines.count == 4 && lines[1].hasPrefix("0,") && lines[3] == "0,0")
          #expect(Double(lines[1].split(separator: ",")[1])! > 0)
        }
      }

      @Test func badInput() throws {
        func words(_ line: String) -> [String] {
          ["fit"] + line.split(separator: " ").map(String.init)
        }
        func fails(_ arguments: String, saying fragment: String) throws {
          try place.latentFails(words(arguments), saying: fragment)
        }
        func refuses(_ arguments: String, saying fragment: String) throws {
          try place.latentRefuses(words(arguments), saying: fragment)
        }
        let mixture = "mixture --output run --data"
        try place.write("negative.csv", "x,w\n1,1\n2,-1\n4,1\n".utf8)
        try place.write("zero.csv", "x,w\n1,0\n2,0\n4,0\n".utf8)
        try place.write("gap.csv", "x,w\n1,1\n2,\n4,1\n".utf8)
        try fails("\(mixture) negative.csv --weights w", saying: "found -1.0 for row 2")
        try fails("\(mixture) zero.csv --weights w", saying: "All sample weights are 0")
        try fails("\(mixture) gap.csv --weights w", saying: "for row 2")
        try fails("\(mixture) zero.csv --weights none", saying: "--weights asks for column")
        try fails(
          "\(mixture) rows.csv --label name --weights name", saying: "both label and weights")
        try fails("\(mixture) rows.csv --weights name", saying: "expected a number")
        try refuses(
          "mixture --output run --weights 1", saying: "--weights and --header are about a file")
        try refuses("mixture --output run --factors 2", saying: "--factors goes with")
        try refuses(
          "mixture --output run --covariance factor-analytic --factors 2", saying: "found 2")
        try refuses("mixture --output run --stream", saying: "--stream reads a file")
        try refuses("\(mixture) faithful --stream", saying: "drop --stream")
        try refuses(
          "\(mixture) gap.csv --stream --missing", saying: "one of --stream and --missing")
        try fails("\(mixture) gap.csv --stream", saying: "missing value (NaN) in row 2 (line 3)")
        try refuses(
          "\(mixture) rows.csv --label name --stream --components 1...2 --folds 2",
          saying: "no folds")
        try fails("factors --output run --data gap.csv --stream", saying: "missing value")
        try refuses(
          "factors --output run --covariance rows.csv --observations 9 --stream",
          saying: "--stream")
      }
    }
  }
#endif
