import Foundation
import Testing

extension CommandTests {
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
        var resume = ["fit", "vae", "--resume", name, "--quiet"]
        if settings.contains("--checkpoint-every") { resume += ["--checkpoint-every", "7"] }
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
        (["--seed", "4"], "seed 0, now 4"),
        (["--beta", "2"], "beta"),
        (["--latent", "3"], "64-16-2"),
        (["--hidden", "17"], "64-16-2"),
        (["--activation", "tanh"], "tanh"),
        (["--likelihood", "gaussian", "--no-standardize"], "gaussian"),
        (["--binarize", "sample"], "resume with the same"),
        (["--held-out", "0.5"], "other rows"),
        (["--data", "iris"], "iris"),
        (["--backend", "simd"], "fused backend"),
        (["--output", "elsewhere"], "drop --output"),
      ]
      for (arguments, fragment) in changes {
        try place.latentFails(
          ["fit", "vae", "--resume", "run"] + arguments, saying: fragment)
      }
      let after = try ["config.json", "model.safetensors"].map { try place.read("run/\($0)") }
      #expect(before == after)
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
