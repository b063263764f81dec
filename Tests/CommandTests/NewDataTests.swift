import Foundation
import Testing

extension CommandTests {
  /// Fitted models on data that a command names, and where its answers go.
  @Suite struct NewDataTests {
    let place: Workspace

    init() throws {
      place = try Workspace()
      let rows = (0..<30).map { "\($0 % 5),\($0 * 7 % 11),\($0 * 3 % 7),\(["x", "y"][$0 % 2])\n" }
      try place.write("own.csv", ("a,b,c,kind\n" + rows.joined()).utf8)
    }

    private func fit(_ words: String...) throws {
      let quiet = words[0] == "vae" ? ["--quiet"] : []
      let outcome = try Command.run(["fit"] + words + quiet, in: place)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }

    private func shell(_ line: String) throws -> Command.Outcome {
      let command = "latent() { '\(Command.executable.path)' \"$@\"; }; \(line)"
      return try Command.run(
        ["-c", command], in: place, executable: URL(fileURLWithPath: "/bin/sh"))
    }

    /// Data that ships has no columns to choose, whatever the verb.
    @Test func shippedDataShipsAsItIs() throws {
      try fit("vae", "--epochs", "1", "--hidden", "4", "--output", "run")
      for words in [["--columns", "1-3"], ["--label", "nosuch"], ["--no-header"]] {
        try place.latentRefuses(
          ["score", "run", "--data", "digits"] + words, saying: "digits ships as it is")
      }
      #if OpenBLAS
        try place.latent("fit", "mixture", "--output", "geyser")
        try place.latentRefuses(
          ["predict", "geyser", "--data", "faithful", "--columns", "2,1"],
          saying: "faithful ships as it is")
        try place.latentRefuses(["sample", "geyser", "--threads", "0"], saying: "threads")
        try place.latentRefuses(["sample", "geyser", "--backend", "simd"], saying: "fused")
        try place.latentRefuses(
          ["fit", "mixture", "--components", "2", "--folds", "3"], saying: "give a range")
        try place.latentRefuses(
          ["score", "geyser", "--estimator", "importance", "--data", "own.csv", "--stream"],
          saying: "--stream needs the exact estimator")
      #endif
    }

    /// Whoever names the label goes on with the run's columns, and the other way round.
    @Test func oneChoiceLeavesTheOther() throws {
      try fit(
        "vae", "--data", "own.csv", "--columns", "1-3", "--label", "kind", "--epochs", "1",
        "--hidden", "4", "--latent", "2", "--output", "run")
      let whole = try place.latent("score", "run", "--data", "own.csv", "--json").json()
      for words in [["--label", "kind"], ["--columns", "a,b,c"]] {
        let found = try Command.run(
          ["score", "run", "--data", "own.csv", "--json"] + words, in: place
        ).json()
        #expect(found["elbo"] as? Double == whole["elbo"] as? Double, "\(words)")
      }
      let map = ["transform", "run", "--data", "own.csv", "--map"]
      #expect(try Command.run(map + ["one.png"], in: place).status == 0)
      #expect(try Command.run(map + ["two.png", "--columns", "a,b,c"], in: place).status == 0)
      #expect(try place.read("one.png") == place.read("two.png"))
      let variances = try Command.run(map + ["three.png", "--variances"], in: place)
      #expect(variances.status == 64 && variances.errors.contains("needs --output"))
      try place.latentFails(
        ["score", "run", "--data", "own.csv", "--label", "nosuch"], saying: "\"nosuch\"")
    }

    /// What is missing has no error of reconstruction.
    @Test func reconstructionsOfGaps() throws {
      try place.write("gaps.csv", "a,b,c\n1,2,3\n2,,5\n3,6,\n4,8,9\n5,10,11\n".utf8)
      try fit(
        "vae", "--data", "gaps.csv", "--missing", "--epochs", "1", "--hidden", "4", "--latent", "1",
        "--held-out", "0", "--output", "run")
      let found = try place.latent("reconstruct", "run", "--output", "r.csv", "--json").json()
      let error = try #require(found["squaredError"] as? Double)
      #expect(error.isFinite && error > 0)
    }

    /// A table that goes where standard output or error goes replaces no file there, and stands alone.
    @Test(arguments: ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/stderr", "/dev/fd/2"])
    func tablesOnOpenDescriptors(_ target: String) throws {
      try fit(
        "factors", "--data", "own.csv", "--columns", "1-3", "--factors", "1", "--output", "run")
      try place.write("gaps.csv", "a,b,c\n1,2,0\n2,,3\n3,6,1\n4,8.5,2\n".utf8)
      let isOutput = target.hasSuffix("1") || target.hasSuffix("out")
      let log = isOutput ? "> log.txt" : "2> log.txt"
      let echo = isOutput ? "echo" : "echo >&2"
      guard target.hasPrefix("/dev/") else {
        // A name that says neither CSV nor NPY.
        try place.latentRefuses(["score", "run", "--output", target], saying: ".csv or .npy")
        return
      }
      let outcome = try shell(
        "{ \(echo) before; latent impute run --data gaps.csv --output \(target); \(echo) after; } \(log)"
      )
      #expect(outcome.status == 0, "\(outcome.errors)")
      let lines = try place.text("log.txt").split(separator: "\n")
      #expect(lines.first == "before" && lines.last == "after")
      #expect(lines.count == 2 + 1 + 4, "\(lines)")
      let said = isOutput ? outcome.errors : outcome.output
      #expect(said.contains("1 value filled in 1 of 4 rows"), "\(said)")
      let both = try shell("latent impute run --data gaps.csv --json --output \(target)")
      #expect(both.status == (isOutput ? 64 : 0))
    }

    /// A line of numbers over numbers may be names all the same.
    @Test func headersOfNumbers() throws {
      try place.write("years.csv", "city,2019,2020\nx,0.5,0.25\ny,0.75,0.5\nz,0.5,1\n".utf8)
      try place.write("index.csv", ",0,1\n0,2.5,3\n1,4,5.5\n2,1,2\n".utf8)
      let fit = ["fit", "factors", "--factors", "1", "--output", "run", "--data"]
      try place.latentFails(
        fit + ["years.csv", "--label", "city"], saying: "give --header if line 1 holds names")
      try place.latentFails(
        ["fit", "vae", "--data", "index.csv"], saying: "if line 1 holds names, give --header")
    }

    #if OpenBLAS
      /// Rows count by their weights in every mean of log p(x).
      @Test func weightsCountInEveryMean() throws {
        let rows = (0..<40).map { "\($0 % 5),\(Double($0 * 7 % 11) / 2),\($0 % 3)\n" }
        try place.write("w.csv", ("a,b,w\n" + rows.joined()).utf8)
        try place.latent(
          "fit", "mixture", "--data", "w.csv", "--weights", "w", "--components", "2", "--output",
          "run")
        let score = try place.latent("score", "run", "--json").json()
        let compared = try place.latent("compare", "run", "--samples", "2000", "--json").json()
        let exact = try #require(score["meanLogLikelihood"] as? Double)
        #expect(try abs(#require(compared["exact"] as? Double) - exact) < 1e-9)
        let estimate = try place.latent(
          "score", "run", "--estimator", "importance", "--samples", "2000", "--json"
        ).json()
        let (mean, error) = (
          try #require(estimate["meanLogLikelihood"] as? Double),
          try #require(estimate["standardError"] as? Double)
        )
        #expect(abs(mean - exact) < 5 * error + 1e-9)
        #expect(
          try abs(
            #require(estimate["logLikelihood"] as? Double) / #require(
              score["logLikelihood"] as? Double)
              - mean / exact) < 1e-9)
      }
    #endif
  }
}
