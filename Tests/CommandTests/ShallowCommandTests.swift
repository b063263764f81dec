import Foundation
import LatentIO
import Testing

#if OpenBLAS
  extension TableCommandTests {
    @Suite struct ShallowCommandTests {
      let place: Workspace

      init() throws { place = try Workspace() }

      private func load(_ name: String) throws -> Dataset {
        try Dataset.load("\(place.path)/\(name)")
      }

      private func mixture() throws {
        try place.latent("fit", "mixture", "--output", "run")
      }

      @Test func twoComponentsOnOldFaithful() throws {
        let outcome = try place.latent("fit", "mixture", "--output", "run", "--json")
        let result = try outcome.json()
        // scikit-learn 1.9.1: GaussianMixture(2, tol=1e-9, reg_covar=0, n_init=3).score(x) * 272.
        #expect(abs(try #require(result["logLikelihood"] as? Double) + 1130.264) < 0.002)
        #expect(result["parameters"] as? Int == 11)
        #expect(result["converged"] as? Bool == true)
        let components = try #require(result["responsibilities"] as? [[String: Any]])
        #expect(components.compactMap { $0["rows"] as? Int }.sorted() == [97, 175])
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/run")
        #expect(
          Set(files) == [
            "model.safetensors", "config.json", "metrics.csv", "components.csv", "clusters.png",
            "em-steps.png", "score-quantiles.csv", "report.html",
          ])
        #expect(try load("run/components.csv").rows.count == 2)
        // The same run again, on another number of threads: the same bytes.
        try place.latent("fit", "mixture", "--output", "again", "--threads", "1")
        for file in files { #expect(try place.read("run/\(file)") == place.read("again/\(file)")) }
      }

      /// What a terminal obeys is spelt out where names from files come to it.
      @Test func namesNeverCommandATerminal() throws {
        let rows = (0..<30).map { "\($0),\($0 * $0 % 7),\($0 * 3 % 11)" }
        let text = "a\u{1B}[2J\u{7},\u{202E}b,c\n" + rows.joined(separator: "\n")
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(place.path)/rude.csv"))
        for model in [["mixture", "--components", "2"], ["factors", "--factors", "1"]] {
          let outcome = try Command.run(
            ["fit"] + model + ["--data", "rude.csv", "--output", "run"], in: place)
          let printed = outcome.output + outcome.errors
          #expect(printed.contains(#"a\u{1B}[2J\u{7}"#), "\(printed)")
          #expect(
            printed.unicodeScalars.allSatisfy {
              $0 == "\n" || $0.value >= 0x20 && $0 != "\u{202E}"
            })
          try place.remove("run")
        }
      }

      @Test func standardizedModelsAreInDataUnits() throws {
        let plain = try place.latent("fit", "mixture", "--output", "a", "--json").json()
        let scaled = try place.latent(
          "fit", "mixture", "--standardize", "--output", "b", "--json"
        ).json()
        let (one, other) = (
          try #require(plain["logLikelihood"] as? Double),
          try #require(scaled["logLikelihood"] as? Double)
        )
        #expect(abs(one - other) < 1e-2)
        try place.latent(
          "fit", "mixture", "--standardize", "--components", "1...2", "--folds", "0", "--output",
          "c")
        #expect(abs(try load("c/selection.csv").rows.value(1, 2) - one) < 1e-2)
      }

      /// What to do is said in the command's own options.
      @Test func tooFewIterations() throws {
        let outcome = try place.latent("fit", "mixture", "--iterations", "1", "--output", "run")
        #expect(outcome.errors.contains("raise --iterations or --tolerance"))
      }

      @Test func choosesTwoComponentsByBIC() throws {
        let result = try place.latent(
          "fit", "mixture", "--components", "1...4", "--restarts", "2", "--output", "run", "--json"
        ).json()
        let best = try #require(result["bestComponents"] as? [String: Int])
        #expect(best["bic"] == 2 && best["icl"] == 2)
        #expect(result["components"] as? Int == 2)
        #expect((result["selection"] as? [Any])?.count == 4)
        #expect(try load("run/selection.csv").rows.count == 4)
        #expect(try place.read("run/selection.png").starts(with: [0x89] + Array("PNG".utf8)))
        let table = try place.latent(
          "fit", "mixture", "--components", "1...2", "--folds", "0", "--output", "two"
        ).output
        #expect(table.contains("2322.19*"), "\(table)")
      }

      @Test func factorsOfIris() throws {
        let result = try place.latent(
          "fit", "factors", "--data", "iris", "--rotation", "varimax", "--output", "run", "--json"
        ).json()
        #expect(result["degreesOfFreedom"] as? Int == 2)
        let test = try #require(result["test"] as? [String: Any])
        // The likelihood maximized by scipy's L-BFGS-B with the same bounds gives 85.51.
        #expect(abs(try #require(test["statistic"] as? Double) - 85.51) < 0.02)
        #expect((result["warnings"] as? [String])?.contains { $0.contains("petal_length") } == true)
        let table = try place.latent("fit", "factors", "--output", "other").output
        #expect(table.contains("sepal_width    -0.422    0.822"), "\(table)")
        #expect(try place.read("run/loadings.png").count > 500)
        let scores = try place.latent("transform", "run", "--variances").output
        #expect(scores.hasPrefix("factor1,variance1\n"))
        try place.latent("fit", "factors", "--ppca", "--factors", "2", "--output", "ppca")
        let score = try place.latent("score", "ppca", "--json").json()
        // Tipping and Bishop's closed form in NumPy, from the eigenvalues of the covariance.
        #expect(abs(try #require(score["logLikelihood"] as? Double) + 404.96278) < 1e-4)
      }

      /// The font of pictures has no letters beyond ASCII: it shows what comes nearest.
      @Test func namesOfAllScripts() throws {
        let rows = (0..<40).map { i in
          let x = Double(i % 7)
          let y = Double(i % 5)
          return "\(x),\(2 * x + y),\(y - x)\n"
        }.joined()
        for (name, header) in [("ascii", "Grosse,vozrast,a->b"), ("all", "Größe,возраст,α→β")] {
          try place.write("\(name).csv", "\(header)\n\(rows)".utf8)
          try place.latent(
            "fit", "factors", "--data", "\(name).csv", "--factors", "1", "--output", name)
        }
        #expect(try place.read("all/loadings.png") == place.read("ascii/loadings.png"))
      }

      /// The ability tests of 112 people (Smith and Stanley 1983), as R's `ability.cov` has them.
      static let ability = """
        general,picture,blocks,maze,reading,vocab
        24.641,5.991,33.520,6.023,20.755,29.701
        5.991,6.700,18.137,1.782,4.936,7.204
        33.520,18.137,149.831,19.424,31.430,50.753
        6.023,1.782,19.424,12.711,4.757,9.075
        20.755,4.936,31.430,4.757,52.604,66.762
        29.701,7.204,50.753,9.075,66.762,135.292
        """

      @Test func factorsOfACovarianceMatrix() throws {
        try place.write("ability.csv", Self.ability.utf8)
        let fit = ["fit", "factors", "--covariance", "ability.csv", "--observations", "112"]
        let outcome = try Command.run(
          fit + ["--factors", "2", "--output", "run", "--json"], in: place)
        let result = try outcome.json()
        let test = try #require(result["test"] as? [String: Any])
        #expect(abs(try #require(test["statistic"] as? Double) - 6.11) < 0.02)
        #expect(test["degreesOfFreedom"] as? Int == 4)
        try place.latentRefuses(["score", "run"], saying: "give --data")
        try place.latentRefuses(
          ["score", "run", "--data", "ability.csv", "--flag", "0.1"], saying: "fit to rows")
        try place.write("crooked.csv", Self.ability.replacing("\n5.991", with: "\n5.5").utf8)
        try place.latentFails(
          ["fit", "factors", "--covariance", "crooked.csv", "--observations", "112"],
          saying: "not symmetric")
        try place.latentRefuses(
          ["fit", "factors", "--covariance", "ability.csv"], saying: "--observations")
      }

      /// Names that are numbers are names where it is said.
      @Test func headersOfNumbers() throws {
        let rows = (0..<30).map { "\($0 % 7),\($0 % 5)\n" }.joined()
        try place.write("years.csv", ("2019,2020\n" + rows).utf8)
        func rowsFitted(_ more: String...) throws -> Int? {
          let arguments =
            ["fit", "mixture", "--data", "years.csv", "--json", "--output", UUID().uuidString]
            + more
          return try Command.run(arguments, in: place).json()["rows"] as? Int
        }
        #expect(try rowsFitted() == 31)
        #expect(try rowsFitted("--header") == 30)
        #expect(try rowsFitted("--header", "--columns", "2019") == 30)
        try place.latent(
          "fit", "vae", "--data", "years.csv", "--header", "--epochs", "1", "--output", "vae")
        let score = try place.latent("score", "vae", "--data", "years.csv", "--header", "--json")
        #expect(try score.json()["rows"] as? Int == 30)
      }

      /// Quotes hold together what is between them.
      @Test func columnsWithCommas() throws {
        let rows = (0..<30).map { "\($0 % 7),\($0 % 5),\($0 % 3)\n" }.joined()
        try place.write(
          "names.csv", ("\"width, mm\",\"5\"\" pipe\",age\n" + rows).utf8)
        let all = try place.latent(
          "fit", "mixture", "--data", "names.csv", "--columns", "\"width, mm\", age,\"5\"\" pipe\"",
          "--output", "all", "--json")
        #expect(try all.json()["rows"] as? Int == 30)
        #expect(try place.text("all/components.csv").contains("width, mm"))
        try place.latent(
          "fit", "mixture", "--data", "names.csv", "--columns", "5\" pipe,3", "--output", "two")
        #expect(try !place.text("two/components.csv").contains("width"))
        try place.latentFails(
          ["fit", "mixture", "--data", "names.csv", "--columns", "width, mm"], saying: "\"width\"")
      }

      /// What an option says and the fit would not do is refused.
      @Test func optionsWithoutAnEffect() throws {
        for (option, value) in [
          ("--tolerance", "1e-3"), ("--iterations", "5"), ("--uniqueness-floor", "0.1"),
        ] {
          try place.latentRefuses(
            ["fit", "factors", "--ppca", option, value], saying: "closed form")
        }
        try place.write("ability.csv", Self.ability.utf8)
        try place.latentRefuses(
          [
            "fit", "factors", "--covariance", "ability.csv", "--observations", "112", "--held-out",
            "0.2",
          ], saying: "no rows to hold out")
        try place.latent("fit", "mixture", "--data", "iris", "--output", "run")
        for more in [["--draws", "2"], ["--standard-errors"]] {
          try place.latentRefuses(
            ["impute", "run", "--data", "iris", "--output", "/dev/null"] + more,
            saying: "ends in .csv or .npy")
        }
      }

      /// Diagonal covariances of many columns take no square of them.
      @Test func wideTables() throws {
        let wide = (0..<5).map { row in
          (0..<20_000).map { String(($0 * 7 + row * 3) % 11) }.joined(separator: ",") + "\n"
        }
        try place.write("wide.csv", wide.joined().utf8)
        let fit = ["fit", "mixture", "--data", "wide.csv", "--output", "wide", "--components"]
        for kind in ["diagonal", "spherical"] {
          let outcome = try Command.run(
            fit + ["1", "--covariance", kind, "--json"], in: place)
          #expect(outcome.status == 0, "\(outcome.errors)")
          try place.remove("wide")
        }
        try place.latentRefuses(
          fit + ["2"], saying: "full covariances of 20000 columns takes more memory")
        try place.latentRefuses(
          ["fit", "mixture", "--data", "iris", "--components", "1...200"],
          saying: "200 components need as many distinct rows, found 149")
      }

      @Test func predictsAndSamples() throws {
        try mixture()
        try place.latent("sample", "run", "--count", "400", "--seed", "3", "--output", "new.csv")
        let new = try load("new.csv")
        #expect(new.columnNames == ["eruptions", "waiting"] && new.rows.count == 400)
        let result = try place.latent(
          "predict", "run", "--data", "new.csv", "--probabilities", "--output", "labels.npy",
          "--json"
        ).json()
        // 0.36 and 0.64 of 400, give or take four standard deviations.
        let counts = try #require(result["counts"] as? [Int])
        #expect(counts.allSatisfy { 104...296 ~= $0 })
        let labels = try load("labels.npy").rows
        #expect(labels.columns == 3)
        for row in 0..<labels.count {
          #expect(abs(labels.value(row, 1) + labels.value(row, 2) - 1) < 1e-9)
          #expect(labels.value(row, Int(labels.value(row, 0))) >= 0.5)
        }
        let again = try place.latent("sample", "run/model.safetensors", "--count", "2").output
        #expect(again.split(separator: "\n").count == 2)
      }

      @Test func fillsGaps() throws {
        try mixture()
        try place.write("gaps.csv", "eruptions,waiting\n1.8,\n,80\n,\n3,70\n".utf8)
        let result = try place.latent(
          "impute", "run", "--data", "gaps.csv", "--output", "filled.csv", "--draws", "2", "--json"
        ).json()
        #expect(result["values"] as? Int == 4 && result["rowsWithGaps"] as? Int == 3)
        #expect(result["draws"] as? [String] == ["filled-1.csv", "filled-2.csv"])
        let filled = try load("filled.csv").rows
        // Where nothing is observed, the mean of all: that of the data under EM's optimum.
        #expect(abs(filled.value(2, 0) - 3.4877831) < 1e-4)
        #expect(abs(filled.value(2, 1) - 70.8970588) < 1e-3)
        #expect(filled.value(0, 0) == 1.8 && filled.value(3, 1) == 70)
        #expect(40...60 ~= filled.value(0, 1))
        let (one, two) = (try load("filled-1.csv").rows, try load("filled-2.csv").rows)
        #expect(one.value(0, 0) == 1.8 && one.value(1, 1) == 80)
        #expect(one.value(0, 1) != two.value(0, 1))
        // A row's draws depend on its number and itself, not on which others have gaps.
        try place.write("fewer.csv", "eruptions,waiting\n1.8,50\n,80\n,\n3,70\n".utf8)
        try place.latent(
          "impute", "run", "--data", "fewer.csv", "--output", "fewer-filled.csv", "--draws", "2")
        for number in 1...2 {
          let (all, few) = try (
            place.text("filled-\(number).csv"), place.text("fewer-filled-\(number).csv")
          )
          #expect(
            all.split(separator: "\n").dropFirst(2) == few.split(separator: "\n").dropFirst(2))
        }
        try place.latent("fit", "mixture", "--data", "gaps.csv", "--missing", "--components", "1")
        try place.latentFails(["fit", "mixture", "--data", "gaps.csv"], saying: "missing value")
      }

      /// Columns are known by their names, where model and file have some.
      @Test func columnsGoByName() throws {
        try mixture()
        let rows = [(3.6, 79.0), (1.8, 54), (4.1, 70)]
        func write(_ name: String, _ header: String, swapped: Bool = false) throws {
          let lines = rows.map { swapped ? "\($1),\($0)" : "\($0),\($1)" }
          try place.write(name, ([header] + lines).joined(separator: "\n").utf8)
        }
        try write("same.csv", "eruptions,waiting")
        try write("swapped.csv", "waiting,eruptions", swapped: true)
        try write("other.csv", "length,wait")
        try write("bare.csv", "3.6,79")
        func score(_ arguments: String...) throws -> Double {
          let outcome = try Command.run(["score", "run", "--json"] + arguments, in: place)
          return try #require(outcome.json()["meanLogLikelihood"] as? Double)
        }
        let expected = try score("--data", "same.csv")
        #expect(try score("--data", "swapped.csv") == expected)
        #expect(try score("--data", "swapped.csv", "--stream") == expected)
        // A choice of columns stands.
        #expect(try score("--data", "swapped.csv", "--columns", "1-2") < expected - 100)
        #expect(try score("--data", "other.csv", "--columns", "1-2") == expected)
        _ = try score("--data", "bare.csv")
        for stream in [[], ["--stream"]] {
          try place.latentFails(
            ["score", "run", "--data", "other.csv"] + stream,
            saying: #"other.csv has 2 columns ("length", "wait"); choose the columns that stand"#)
        }
      }

      /// New rows may lack the columns of labels and weights that the fit took out.
      @Test func newRowsWithoutLabels() throws {
        let lines = (0..<40).map { "\($0 % 7),\($0 * $0 % 11),\($0 % 3),r\($0)" }
        try place.write("fit.csv", ("a,b,times,name\n" + lines.joined(separator: "\n")).utf8)
        try place.write("new.csv", "b,a\n1,2\n5,3\n".utf8)
        try place.write("plain.csv", "2,1\n3,5\n".utf8)
        try place.latent(
          "fit", "mixture", "--data", "fit.csv", "--label", "name", "--weights", "times",
          "--output", "run")
        func score(_ data: String...) throws -> Double? {
          let outcome = try Command.run(["score", "run", "--json", "--data"] + data, in: place)
          return try outcome.json()["logLikelihood"] as? Double
        }
        let expected = try #require(try score("plain.csv"))
        #expect(try score("new.csv") == expected && score("new.csv", "--stream") == expected)
        try place.latentFails(
          ["score", "run", "--data", "new.csv", "--label", "name"],
          saying: "--label asks for column \"name\"")
      }

      @Test func verbsThatAModelLacks() throws {
        try mixture()
        try place.latent("fit", "factors", "--output", "factors")
        try place.latentRefuses(
          ["transform", "run"],
          saying: "a mixture of Gaussians, which cannot transform; it can score, sample, predict")
        try place.latentRefuses(
          ["predict", "factors"],
          saying: "a factor analysis, which cannot predict; it can score, sample, transform")
        _ = try Command.run(["fit", "vae", "--data", "iris", "--output", "vae"] + small, in: place)
        try place.latentRefuses(["predict", "vae"], saying: "autoencoder, which cannot predict")
        try place.latentRefuses(["score", "vae", "--flag", "0.1"], saying: "exact densities")
        try place.latentFails(["predict", "nowhere"], saying: "no such run")
        for arguments in [["fit", "vae", "--resume", "run"], ["profile", "run"]] {
          try place.latentRefuses(
            arguments,
            saying:
              "run is a run of fit mixture, expected one of fit vae or fit autoencoder; score, ")
        }
        try place.latentRefuses(["profile", "factors"], saying: "a run of fit factors")
        try place.latentFails(["score", "run", "--data", "iris"], saying: "expects 2 columns")
        try place.latentFails(
          ["fit", "mixture", "--output", "run"], saying: "already; choose another name")
      }

      @Test func badFits() throws {
        try place.write("never.csv", "a,b\n1,\n2,\n3,\n".utf8)
        try place.latentFails(
          ["fit", "mixture", "--data", "never.csv", "--missing", "--components", "1"],
          saying: "Column 2")
        try place.latentFails(
          ["fit", "factors", "--data", "never.csv", "--missing"], saying: "Column 2")
        try place.latentRefuses(["fit", "factors", "--factors", "4"], saying: "at most 1")
        try place.latentRefuses(["fit", "factors", "--factors", "0"], saying: "at least 1")
        try place.latentRefuses(
          ["fit", "mixture", "--components", "500"], saying: "as many distinct rows")
        try place.latentRefuses(["fit", "mixture", "--components", "0"], saying: "at least 1")
        try place.latentRefuses(["fit", "mixture", "--backend", "simd"], saying: "fused backend")
        let usage = try Command.run(["fit", "mixture", "--components", "4...1"], in: place)
        #expect(usage.status == 64)
      }
    }
  }
#endif
