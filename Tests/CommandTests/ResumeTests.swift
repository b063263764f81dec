import Foundation
import Testing

extension RunCommandTests {
  @Suite struct ResumeTests {
    static let settings = ["--hidden", "16", "--latent", "2", "--epochs", "40", "--quiet"]
    static let patient =
      ["--hidden", "16", "--latent", "2", "--epochs", "40", "--quiet", "--learning-rate", "0.03"]
      + ["--patience", "12"]
    static let sparse = settings + ["--checkpoint-every", "7"]

    @Test(arguments: [settings, patient, sparse])
    func killedAndResumedEndsAsIfNeverStopped(_ settings: [String]) throws {
      let place = try Workspace()
      let begin = Date()
      #expect(
        try Command.run(["fit", "vae", "--output", "whole"] + settings, in: place).status == 0)
      let time = Date().timeIntervalSince(begin)
      // Moments spread over the run, the first ones before anything is written.
      for (index, share) in [0.1, 0.3, 0.55, 0.8].enumerated() {
        let name = "killed-\(index)"
        try killAfter(
          time * share, ["fit", "vae", "--output", name] + settings, in: place)
        guard FileManager.default.fileExists(atPath: "\(place.path)/\(name)/config.json") else {
          continue
        }
        let resume = ["fit", "vae", "--resume", name, "--quiet"]
        // And once more on the way.
        if index == 1 { try killAfter(time * 0.4, resume, in: place) }
        let outcome = try Command.run(resume, in: place)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/\(name)")
        #expect(files.count == 8, "\(files)")
        for file in files {
          #expect(
            try place.read("\(name)/\(file)") == place.read("whole/\(file)"), "\(name)/\(file)")
        }
      }
    }

    private func killAfter(_ seconds: Double, _ arguments: [String], in place: Workspace) throws {
      let (process, outputs) = try Command.start(arguments, in: place)
      Thread.sleep(forTimeInterval: seconds)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      for file in outputs { try FileManager.default.removeItem(at: file) }
    }

    /// Patience that begins in a resumed run begins with the model that is there; and the page promises a digest
    /// only where the command below it gives it.
    @Test func otherPatienceAndEpochs() throws {
      let place = try Workspace()
      func fit(_ arguments: String...) throws -> (epoch: Int?, heldOut: Double?) {
        let outcome = try Command.run(["fit", "vae", "--quiet", "--json"] + arguments, in: place)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let found = try outcome.json()
        return (found["modelEpoch"] as? Int, found["heldOutELBO"] as? Double)
      }
      func promises() throws -> Bool {
        try place.text("run/report.html").contains("a repetition ends")
      }
      _ = try fit(
        "--output", "run", "--data", "iris", "--learning-rate", "0.05", "--epochs", "30")
      #expect(try promises())
      let model = try place.read("run/model.safetensors")
      for patience in ["1", "5"] {
        let found = try fit("--resume", "run", "--patience", patience)
        #expect(found.epoch == 30)
        let score = try place.latent("score", "run", "--json").json()
        #expect(try abs(#require(found.heldOut) - #require(score["elbo"] as? Double)) < 1e-9)
        #expect(try place.read("run/model.safetensors") == model)
      }
      // From the start this patience would have kept another epoch's model.
      #expect(try !promises())
      #expect(try fit("--resume", "run", "--patience", "0").epoch == 30)
      #expect(try promises())
      _ = try fit("--resume", "run", "--epochs", "20")
      #expect(try !promises())
    }

    /// Enough steps that a signal after the first checkpoint comes in the middle of an epoch.
    private static let long =
      ["--hidden", "64", "--latent", "2", "--epochs", "12", "--batch-size", "4", "--quiet"]

    @Test(
      arguments: [
        ("vae", SIGINT, []), ("vae", SIGTERM, ["--patience", "30"]), ("autoencoder", SIGHUP, []),
      ] as [(String, Int32, [String])])
    func aSignalLeavesACheckpointThatGoesOn(_ model: String, _ number: Int32, _ more: [String])
      throws
    {
      // What is ignored here would be ignored there.
      signal(number, SIG_DFL)
      let place = try Workspace()
      let fit = ["fit", model]
      #expect(
        try Command.run(fit + ["--output", "whole"] + Self.long + more, in: place).status == 0)
      let stopped = try signalOnceTrained(
        number, fit + ["--output", "run"] + Self.long + more, run: "run", in: place)
      #expect(stopped.status == 128 + number, "\(stopped.errors)")
      #expect(stopped.errors.contains("--resume run"), "\(stopped.errors)")
      let left = try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/run")
      #expect(
        Set(left) == ["checkpoint.safetensors", "config.json", "metrics.csv", "model.safetensors"])
      let again = try Command.run(fit + ["--resume", "run"], in: place)
      #expect(again.status == 0, "\(again.errors)")
      #expect(again.errors.contains("resuming after epoch"), "\(again.errors)")
      for file in try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/whole") {
        #expect(try place.read("run/\(file)") == place.read("whole/\(file)"), "\(file)")
      }
    }

    /// Where the first one finds no step to wait for: the process is stopped between the two.
    @Test func aSecondSignalLeavesAtOnce() throws {
      signal(SIGINT, SIG_DFL)
      let place = try Workspace()
      // One step that takes seconds.
      let fit = [
        "fit", "vae", "--output", "run", "--hidden", "2000,2000", "--batch-size", "1438",
        "--epochs", "1000", "--backend", "reference", "--quiet",
      ]
      let (process, outputs) = try Command.start(fit, in: place)
      defer { for file in outputs { try? FileManager.default.removeItem(at: file) } }
      while process.isRunning,
        !FileManager.default.fileExists(atPath: "\(place.path)/run/config.json")
      { usleep(1000) }
      usleep(200_000)
      kill(process.processIdentifier, SIGINT)
      usleep(100_000)
      #expect(process.isRunning)
      kill(process.processIdentifier, SIGINT)
      for _ in 0..<100 where process.isRunning { usleep(50_000) }
      #expect(!process.isRunning)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      #expect(process.terminationReason == .uncaughtSignal)
      #expect(process.terminationStatus == SIGINT)
    }

    @Test func oneProcessARunDirectory() throws {
      let place = try Workspace()
      let fit = ["fit", "vae", "--output", "run", "--epochs", "100000", "--quiet"]
      let (process, outputs) = try Command.start(fit, in: place)
      defer { for file in outputs { try? FileManager.default.removeItem(at: file) } }
      let checkpoint = "\(place.path)/run/checkpoint.safetensors"
      while process.isRunning, !FileManager.default.fileExists(atPath: checkpoint) { usleep(1000) }
      try place.latentFails(
        ["fit", "vae", "--resume", "run", "--epochs", "100000"], saying: "another process")
      // Reading it is no trouble.
      try place.latent("score", "run")
      #expect(process.isRunning)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      // A lock ends with its process.
      try place.latent("fit", "vae", "--resume", "run", "--epochs", "1", "--quiet")
    }

    private func signalOnceTrained(
      _ number: Int32, _ arguments: [String], run: String, in place: Workspace
    ) throws -> Command.Outcome {
      let (process, outputs) = try Command.start(arguments, in: place)
      let checkpoint = "\(place.path)/\(run)/checkpoint.safetensors"
      while process.isRunning, !FileManager.default.fileExists(atPath: checkpoint) { usleep(500) }
      kill(process.processIdentifier, number)
      process.waitUntilExit()
      let texts = try outputs.map { try String(contentsOf: $0, encoding: .utf8) }
      for file in outputs { try FileManager.default.removeItem(at: file) }
      return Command.Outcome(
        status: process.terminationReason == .exit
          ? process.terminationStatus : 128 + process.terminationStatus,
        output: texts[0], errors: texts[1])
    }

    @Test func moreEpochsGoOn() throws {
      let place = try Workspace()
      let model = ["--hidden", "16", "--latent", "2", "--quiet"]
      _ = try Command.run(["fit", "vae", "--output", "long", "--epochs", "6"] + model, in: place)
      _ = try Command.run(["fit", "vae", "--output", "short", "--epochs", "3"] + model, in: place)
      try place.latent("fit", "vae", "--resume", "short", "--epochs", "6", "--quiet")
      for file in ["model.safetensors", "metrics.csv", "config.json"] {
        #expect(try place.read("short/\(file)") == place.read("long/\(file)"))
      }
    }

    @Test func changedSettingsAreRefused() throws {
      let place = try Workspace()
      _ = try Command.run(["fit", "vae", "--output", "run", "--quiet"] + small, in: place)
      let before = try ["config.json", "model.safetensors"].map { try place.read("run/\($0)") }
      let changes: [(arguments: [String], fragment: String)] = [
        (["--learning-rate", "0.01"], "learning rate 0.001, now 0.01"),
        (["--batch-size", "10"], "batch size 64, now 10"),
        (["--gradient-limit", "1"], "gradient limit 0.0, now 1.0"),
        (["--seed", "4"], "seed 0, now 4"),
        (["--beta", "2"], "beta"),
        (["--latent", "3"], "64-16-2"),
        (["--hidden", "17"], "64-16-2"),
        (["--activation", "tanh"], "tanh"),
        (["--likelihood", "gaussian", "--no-standardize"], "gaussian"),
        (["--binarize", "sample"], "resume with the same"),
        (["--held-out", "0.5"], "other rows"),
        (["--data", "iris"], "iris"),
      ]
      let resume = ["fit", "vae", "--resume", "run"]
      for (arguments, fragment) in changes {
        try place.latentFails(resume + arguments, saying: fragment)
      }
      try place.latentRefuses(resume + ["--backend", "simd"], saying: "fused backend")
      try place.latentRefuses(resume + ["--output", "elsewhere"], saying: "drop --output")
      let after = try ["config.json", "model.safetensors"].map { try place.read("run/\($0)") }
      #expect(before == after)
    }

    /// What was trained is not replaced by a training that begins again.
    @Test func lostCheckpointsAreRefused() throws {
      let place = try Workspace()
      _ = try Command.run(["fit", "vae", "--output", "run", "--quiet"] + small, in: place)
      let model = try place.read("run/model.safetensors")
      try place.remove("run/checkpoint.safetensors")
      try place.latentFails(
        ["fit", "vae", "--resume", "run", "--epochs", "1"], saying: "trained 3 epochs, but")
      #expect(try place.read("run/model.safetensors") == model)
      // A kill before the first checkpoint leaves none, and nothing to lose.
      try place.remove("run/metrics.csv")
      let again = try place.latent("fit", "vae", "--resume", "run")
      #expect(again.errors.contains("run has no checkpoint yet: it begins again"))
      #expect(try place.read("run/model.safetensors") == model)
    }

    /// The last epoch has a checkpoint, however seldom the others have.
    @Test func lostCheckpointOfAFinishedRun() throws {
      let place = try Workspace()
      let fit = ["fit", "vae", "--output", "run", "--quiet", "--checkpoint-every", "100"]
      _ = try Command.run(fit + small, in: place)
      try place.remove("run/checkpoint.safetensors")
      try place.latentFails(["fit", "vae", "--resume", "run"], saying: "trained 3 epochs, but")
    }

    /// The run's columns are found by name, or by position where a file has no names.
    @Test func columnsInAnotherOrder() throws {
      let place = try Workspace()
      let rows = (0..<40).map { row in [7, 5, 3].map { Double(row % $0) } }
      func write(_ name: String, _ header: String, _ order: [Int]) throws {
        let lines = rows.map { row in order.map { String(row[$0]) }.joined(separator: ",") }
        try place.write(name, (header + lines.joined(separator: "\n") + "\n").utf8)
      }
      try write("plain.csv", "a,b,c\n", [0, 1, 2])
      try write("turned.csv", "c,a,b\n", [2, 0, 1])
      try write("bare.csv", "", [0, 1, 2])
      let fit = ["fit", "vae", "--data", "plain.csv", "--quiet", "--output"]
      _ = try Command.run(fit + ["whole"] + small, in: place)
      for name in ["plain", "turned", "bare"] {
        _ = try Command.run(fit + [name] + small + ["--epochs", "1"], in: place)
        try place.latent(
          "fit", "vae", "--resume", name, "--data", "\(name).csv", "--epochs", "3", "--quiet")
        #expect(
          try place.read("\(name)/model.safetensors") == place.read("whole/model.safetensors"))
      }
      try write("other.csv", "a,b,d\n", [0, 1, 2])
      try place.latentFails(
        ["fit", "vae", "--resume", "plain", "--data", "other.csv"], saying: "The run expects")
    }

    @Test func damagedCheckpointsAreRefused() throws {
      let place = try Workspace()
      _ = try Command.run(["fit", "vae", "--output", "run", "--quiet"] + small, in: place)
      let whole = try place.read("run/checkpoint.safetensors")
      let resume = ["fit", "vae", "--resume", "run"]
      try place.write("run/checkpoint.safetensors", whole.prefix(whole.count / 2))
      try place.latentFails(resume, saying: "run/checkpoint.safetensors")
      try place.write("run/checkpoint.safetensors", Data(repeating: 7, count: 100))
      try place.latentFails(resume, saying: "run/checkpoint.safetensors")
      // The same file, of a version to come.
      let version = try #require(whole.firstRange(of: Data(#""version":"1""#.utf8)))
      var newer = whole
      newer.replaceSubrange(version, with: Data(#""version":"9""#.utf8))
      try place.write("run/checkpoint.safetensors", newer)
      try place.latentFails(resume, saying: "update Latent")
      try place.write("run/config.json", "{}".utf8)
      try place.latentFails(resume, saying: "run/config.json")
    }
  }
}
