import Foundation
import Testing

extension CommandTests {
  @Suite struct BadInputTests {
    /// A file that is not what it should be, and a part of the sentence about it.
    struct BadFile: Sendable, CustomTestStringConvertible {
      var name: String
      var bytes: [UInt8]
      var fragment: String
      var options: [String] = []
      /// Whether it is right by itself, but the options do not go with it.
      var isRefused = false
      var testDescription: String { "\(name): \(fragment)" }
    }

    static func idx(_ shape: [UInt32], count: Int) -> [UInt8] {
      [0, 0, 8, UInt8(shape.count)]
        + shape.flatMap { size in withUnsafeBytes(of: size.bigEndian) { Array($0) } }
        + (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    }

    static func npy(_ descr: String, fortran: Bool = false, _ values: [UInt8]) -> [UInt8] {
      let header =
        "{'descr': '\(descr)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': (2, 2), }\n"
      return [0x93] + "NUMPY".utf8 + [1, 0, UInt8(header.utf8.count), 0] + header.utf8 + values
    }

    static func floats(_ values: Float...) -> [UInt8] {
      values.flatMap { value in
        withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
      }
    }

    static let files: [BadFile] = [
      BadFile(name: "empty-idx3-ubyte", bytes: [], fragment: "empty-idx3-ubyte"),
      BadFile(name: "cut-idx3-ubyte", bytes: idx([9, 4, 4], count: 100), fragment: "cut"),
      BadFile(
        name: "huge-idx3-ubyte", bytes: idx([4_000_000_000, 4_000_000_000, 9], count: 10),
        fragment: "claims"),
      BadFile(name: "magic-idx3-ubyte", bytes: [1, 2, 3, 4, 5, 6], fragment: "magic"),
      BadFile(
        name: "cut.gz", bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x4c], fragment: "cut.gz"
      ),
      BadFile(
        name: "ragged.csv", bytes: Array("a,b\n1,2\n3\n".utf8), fragment: "ragged.csv, line 3"),
      BadFile(
        name: "words.csv", bytes: Array("a,b\n1,2\n3,x\n".utf8), fragment: "--columns"),
      BadFile(name: "missing.csv", bytes: Array("a,b\n1,2\n3,\n5,6\n".utf8), fragment: "row 2"),
      BadFile(name: "int.npy", bytes: npy(">f4", floats(1, 2, 3, 4)), fragment: "dtype"),
      BadFile(
        name: "fortran.npy", bytes: npy("<f4", fortran: true, floats(1, 2, 3, 4)),
        fragment: "Fortran"),
      BadFile(
        name: "nan.npy", bytes: npy("<f4", floats(1, 2, .nan, 4)), fragment: "row 2, column 1"),
      BadFile(
        name: "infinite.npy", bytes: npy("<f4", floats(1, .infinity, 3, 4)),
        fragment: "row 1, column 2"),
      BadFile(
        name: "outside.csv", bytes: Array("a,b\n0,1\n0,7\n1,1\n".utf8),
        fragment: "row 2, column 2 is 7.0", options: ["--likelihood", "bernoulli"]),
      BadFile(
        name: "outside.csv", bytes: Array("a,b\n0,1\n0,7\n1,1\n".utf8),
        fragment: "--binarize needs values in [0, 1]", options: ["--binarize", "sample"]),
      BadFile(
        name: "table.csv", bytes: Array("a,b\n0,1\n0,7\n1,1\n".utf8), fragment: "asks for column",
        options: ["--columns", "a,c"]),
      BadFile(
        name: "table.csv", bytes: Array("a,b\n0,1\n0,7\n1,1\n".utf8), fragment: "bytes",
        options: ["--dequantize"], isRefused: true),
      BadFile(
        name: "table.csv", bytes: Array("a,b\n0,1\n0,7\n1,1\n".utf8), fragment: "has 64",
        options: ["--test-data", "digits"]),
      BadFile(
        name: "row.csv", bytes: Array("a,b\n0,1\n".utf8), fragment: "at least 2 rows",
        isRefused: true),
    ]

    /// What no float can hold the square of, and rates that nothing survives.
    @Test func trainingThatDiverges() throws {
      let place = try Workspace()
      try place.write("huge.csv", "a,b\n1e30,1\n2,3\n4,5e29\n".utf8)
      let fit = ["fit", "vae", "--quiet", "--output", "run", "--held-out", "0"]
      try place.latentFails(
        fit + ["--data", "huge.csv", "--no-standardize"],
        saying: "Training stopped at epoch 1, step 1: the KL of a row is not finite.")
      try place.latentFails(
        fit + ["--data", "iris", "--hidden", "16,16", "--learning-rate", "1e25"],
        saying: "is not finite. Lower --learning-rate, now 1e+25, or set --gradient-limit.")
      try place.latent(
        "fit", "vae", "--data", "huge.csv", "--output", "run", "--held-out", "0", "--epochs", "2",
        "--gradient-limit", "1", "--quiet")
    }

    @Test(arguments: files) func badFile(_ file: BadFile) throws {
      let place = try Workspace()
      try place.write(file.name, file.bytes)
      let arguments = ["fit", "vae", "--data", file.name] + file.options
      let message =
        try
        (file.isRefused
        ? place.latentRefuses(arguments, saying: file.fragment)
        : place.latentFails(arguments, saying: file.fragment))
      #expect(message.contains(file.name))
    }

    @Test func absentFile() throws {
      let place = try Workspace()
      for (arguments, fragment) in [
        (["--data", "no.csv"], "no.csv"), (["--resume", "nowhere"], "no such run"),
        (["--resume", "."], "no config.json"), (["--output", ""], "name of a run directory"),
      ] { try place.latentFails(["fit", "vae"] + arguments, saying: fragment) }
    }

    static let settings: [(arguments: [String], fragment: String)] = [
      (["--hidden", "0"], "must be 1..."), (["--hidden", "200,-3"], "found -3"),
      (["--hidden", "1048576,1048576"], "memory"),
      (["--latent", "0"], "found 0"), (["--latent", "-1"], "found -1"),
      (["--epochs", "0"], "epochs"), (["--epochs", "-4"], "epochs"),
      (["--batch-size", "0"], "batch size"), (["--batch-size", "-1"], "batch size"),
      (["--learning-rate", "0"], "learning rate"), (["--learning-rate", "-0.1"], "learning rate"),
      (["--learning-rate", "nan"], "learning rate"), (["--learning-rate", "inf"], "learning rate"),
      (["--beta", "-1"], "Beta"), (["--warm-up-epochs", "-1"], "warm-up"),
      (["--free-bits", "-1"], "Free bits"), (["--patience", "-1"], "Patience"),
      (["--checkpoint-every", "0"], "--checkpoint-every"),
      (["--row-groups", "0"], "row groups"), (["--row-groups", "-1"], "row groups"),
      (["--row-groups", "9223372036854775807"], "row groups"),
      (
        ["--hidden", "8192", "--objective", "iwae", "--samples", "100000", "--batch-size", "1500"],
        "takes more memory than this machine has; choose smaller batches"
      ),
      (
        ["--hidden", "8192", "--inference", "svi", "--samples", "100000", "--batch-size", "1500"],
        "takes more memory than this machine has; choose smaller batches"
      ),
      (["--learning-rate", "1e-60"], "learning rate"), (["--beta", "1e300"], "Beta"),
      (["--held-out", "1"], "held-out fraction"), (["--held-out", "-0.5"], "held-out fraction"),
      (["--held-out", "0.5", "--test-data", "digits"], "found both"),
      (["--threads", "0"], "threads"), (["--threads", "-2"], "threads"),
      (["--threads", "65"], "threads"), (["--backend", "simd", "--threads", "0"], "threads"),
      (["--binarize", "sample", "--dequantize"], "one of"),
      (["--standardize"], "--standardize"), (["--columns", "1-3"], "ships as it is"),
    ]

    @Test func badSettings() throws {
      let place = try Workspace()
      for (arguments, fragment) in Self.settings {
        try place.latentRefuses(["fit", "vae"] + arguments, saying: fragment)
      }
    }

    @Test func badUsageIs64() throws {
      let place = try Workspace()
      for arguments in [
        ["fit", "vae", "--nonsense"], ["fit", "vae", "--epochs", "many"],
        ["fit", "vae", "--likelihood", "poisson"], ["fit", "vae", "--seed", "-1"],
        ["fit", "vae", "--hidden", "200,,200"], ["score"], ["nonsense"],
      ] {
        let outcome = try Command.run(arguments, in: place)
        #expect(outcome.status == 64, "\(arguments) \(outcome.errors)")
      }
      #expect(try place.contents.isEmpty)
    }

    /// What a file says is believed no more than what an option says.
    @Test(arguments: ["0", "-1", "9223372036854775807"])
    func rowGroupsOfARunToResume(_ groups: String) throws {
      let place = try Workspace()
      try place.latent(
        "fit", "vae", "--data", "iris", "--hidden", "4", "--latent", "1", "--epochs", "1",
        "--row-groups", "2", "--quiet", "--output", "run")
      let settings = try place.text("run/config.json")
      let damaged = settings.replacing(/"rowGroups" ?: ?2/, with: "\"rowGroups\" : \(groups)")
      #expect(damaged != settings)
      try place.write("run/config.json", damaged.utf8)
      try place.latentFails(
        ["fit", "vae", "--resume", "run"], saying: "config.json: The number of row groups")
    }

    @Test func unwritableOutput() throws {
      let place = try Workspace()
      try place.write("file", "x".utf8)
      try place.latentFails(["fit", "vae", "--output", "file"], saying: "found a file")
      try place.latentFails(["fit", "vae", "--output", "file/run"], saying: "cannot be made")
      try place.latentFails(["fit", "vae", "--output", "/proc/run"], saying: "cannot be made")
      try place.latentFails(["fit", "vae", "--output", "."], saying: "not empty")
      _ = try Command.run(["fit", "vae", "--output", "run", "--quiet"] + small, in: place)
      try place.latentFails(["fit", "vae", "--output", "run"], saying: "--resume run")
    }

    /// What a command always refuses is no part of its help.
    @Test func helpOffersWhatWorks() throws {
      let place = try Workspace()
      func help(_ command: String) throws -> String {
        let words = command.split(separator: " ").map(String.init)
        return try Command.run(words + ["--help"], in: place).output
      }
      #if OpenBLAS
        for command in ["fit mixture", "fit factors", "predict", "segment"] {
          #expect(try !help(command).contains("--backend") && help(command).contains("--threads"))
        }
      #endif
      #expect(try help("fit vae").contains("--missing"))
      #expect(try !help("fit autoencoder").contains("--missing"))
      try place.latentRefuses(["fit", "autoencoder", "--missing"], saying: "drop --missing")
      #expect(try help("profile").contains("--batch-size <counts>"))
    }

    @Test func instructionSets() throws {
      let place = try Workspace()
      for set in ["sse9", ""] {
        try place.latentRefuses(
          ["fit", "vae"], saying: "LATENT_ISA", environment: ["LATENT_ISA": set])
        try place.latentRefuses(
          ["fit", "vae", "--backend", "simd"], saying: "LATENT_ISA",
          environment: ["LATENT_ISA": set])
      }
      #if arch(x86_64)
        let lacking = "neon"
      #else
        let lacking = "avx2"
      #endif
      try place.latentRefuses(
        ["doctor"], saying: "CPU lacks", environment: ["LATENT_ISA": lacking])
    }

    @Test func hopelessHeldOutRows() throws {
      let place = try Workspace()
      let names = "sepal_length,sepal_width,petal_length,petal_width"
      try place.write("test.csv", "\(names)\n1,2,3,1e30\n".utf8)
      try place.write("other.csv", "a,b,c,d\n1,2,3,4\n".utf8)
      try place.latentFails(
        ["fit", "vae", "--data", "iris", "--test-data", "test.csv", "--quiet"],
        saying: "held-out ELBO")
      try place.latentFails(
        ["fit", "vae", "--data", "iris", "--test-data", "other.csv", "--quiet"],
        saying: "give them the same names")
    }

    @Test func divergenceInTheFirstEpochLeavesNothing() throws {
      try Workspace().latentFails(
        ["fit", "vae", "--data", "iris", "--learning-rate", "1e30", "--quiet"],
        saying: "Training stopped")
    }

    /// Nor in a directory that was there, and empty.
    @Test func divergenceInADirectoryThatWasThere() throws {
      let place = try Workspace()
      try FileManager.default.createDirectory(
        atPath: "\(place.path)/run", withIntermediateDirectories: false)
      let diverging = ["fit", "vae", "--data", "iris", "--learning-rate", "1e30", "--quiet"]
      try place.latentFails(diverging + ["--output", "run"], saying: "Training stopped")
      #expect(try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/run").isEmpty)
      try place.latent(
        "fit", "vae", "--data", "iris", "--epochs", "1", "--quiet", "--output", "run")

      // One that is resumed without a checkpoint keeps what it had.
      try FileManager.default.createDirectory(
        atPath: "\(place.path)/killed", withIntermediateDirectories: false)
      try place.write("killed/config.json", place.read("run/config.json"))
      let outcome = try Command.run(
        ["fit", "vae", "--resume", "killed", "--learning-rate", "1e30"], in: place)
      #expect(outcome.status == 1 && outcome.errors.contains("Training stopped"))
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/killed")
          .contains("config.json"))
      try place.latent("fit", "vae", "--resume", "killed", "--learning-rate", "0.001")
    }
  }
}
