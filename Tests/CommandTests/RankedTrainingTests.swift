import Foundation
import LatentIO
import Testing

/// `mpirun latent fit vae`: what one process alone would train.
@Suite(.enabled(if: Ranks.canRun, Ranks.absence), .serialized) struct RankedTrainingTests {
  let place: Workspace

  init() throws { place = try Workspace() }

  /// 1,500 digits in batches of 64: 24 steps an epoch, 216 in all.
  private let digits = [
    "fit", "vae", "--hidden", "24", "--latent", "3", "--epochs", "9", "--threads", "1", "--quiet",
    "--json",
  ]

  /// ‖a − b‖ / ‖b‖ over all parameters.
  private func distance(_ one: String, _ other: String) throws -> Double {
    let files = try [one, other].map {
      try TensorFile(contentsOf: "\(place.path)/\($0)/model.safetensors")
    }
    var (difference, size) = (0.0, 0.0)
    for (name, tensor) in files[1].tensors {
      guard case .float32(let b) = tensor.values,
        case .float32(let a)? = files[0].tensors[name]?.values
      else { continue }
      for (x, y) in zip(a, b) {
        difference += Double(x - y) * Double(x - y)
        size += Double(y) * Double(y)
      }
    }
    return (difference / size).squareRoot()
  }

  private func expectSameBytes(
    _ one: String, _ other: String, location: SourceLocation = #_sourceLocation
  ) throws {
    for file in ["model.safetensors", "checkpoint.safetensors", "metrics.csv", "config.json"] {
      #expect(
        try place.read("\(one)/\(file)") == place.read("\(other)/\(file)"), "\(file)",
        sourceLocation: location)
    }
  }

  @Test func ranksFollowOneProcess() throws {
    let alone = try Command.run(digits + ["--output", "alone"], in: place)
    let parameters = Double(try alone.json()["parameters"] as! Int)
    for ranks in 1...4 {
      let name = "by\(ranks)"
      let shared = try Ranks.run([(ranks, digits + ["--output", name])], in: place)
      #expect(shared.status == 0, "\(shared.errors)")
      #expect(try distance(name, "alone") < 1e-5)
      let files = try [name, "alone"].map {
        try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/\($0)").sorted()
      }
      #expect(files[0] == files[1])
      let result = try shared.json()
      #expect(result["digest"] as? String != nil)
      guard ranks > 1 else {
        // One rank is one process.
        try expectSameBytes(name, "alone")
        continue
      }
      #expect(result["ranks"] as? Int == ranks)
      // What travels is each parameter once.
      let bytes = try #require(result["messageBytesPerStep"] as? Double)
      #expect(abs(bytes / (4 * parameters) - 1) < 0.01, "\(bytes) bytes of \(parameters)")
    }
  }

  /// A file that each rank reads a part of, with rows held out and columns standardized by all rows.
  @Test func groupsHaveTheSameBytes() throws {
    let rows = (0..<211).map { row in
      (0..<5).map { String((row * (3 + $0) % 17) * (1 + $0 % 2)) }.joined(separator: ",")
    }
    try place.write("table.csv", (["a,b,c,d,e"] + rows).joined(separator: "\n").utf8)
    let fit = [
      "fit", "vae", "--data", "table.csv", "--hidden", "16", "--latent", "2", "--epochs", "6",
      "--batch-size", "16", "--held-out", "0.2", "--quiet", "--threads", "1", "--row-groups", "5",
      "--patience", "3",
    ]
    #expect(try Command.run(fit + ["--output", "alone"], in: place).status == 0)
    for ranks in [2, 3, 5] {
      let shared = try Ranks.run([(ranks, fit + ["--output", "by\(ranks)"])], in: place)
      #expect(shared.status == 0, "\(shared.errors)")
      try expectSameBytes("by\(ranks)", "alone")
    }
    try place.ranksFail(
      [(6, fit + ["--output", "by6"])], saying: "shared by at most 5 ranks, found 6", status: 64)
  }

  private let long = [
    "fit", "vae", "--hidden", "24", "--latent", "3", "--epochs", "60", "--threads", "1", "--quiet",
    "--checkpoint-every", "2", "--reproducible",
  ]

  /// Starts ranks, and waits for their first checkpoint.
  private func start(_ ranks: Int, run: String) throws -> (mpirun: Process, outputs: [URL]) {
    let (process, outputs) = try Command.start(
      Ranks.options + ["-n", "\(ranks)", Command.executable.path] + long + ["--output", run],
      in: place, environment: Ranks.environment, executable: URL(fileURLWithPath: Ranks.launcher!))
    let end = Date().addingTimeInterval(60)
    while !FileManager.default.fileExists(atPath: "\(place.path)/\(run)/checkpoint.safetensors") {
      try #require(process.isRunning && Date() < end, "the run has no checkpoint")
      usleep(10_000)
    }
    return (process, outputs)
  }

  /// Two ranks are told to stop; three go on.
  @Test func anotherNumberGoesOn() throws {
    #expect(try Command.run(long + ["--output", "whole"], in: place).status == 0)
    let (mpirun, outputs) = try start(2, run: "run")
    // One of them is told: they stop together.
    kill(try children(of: mpirun.processIdentifier)[1], SIGUSR1)
    mpirun.waitUntilExit()
    let errors = try String(contentsOf: outputs[1], encoding: .utf8)
    #expect([128 + SIGUSR1, 128 + SIGTERM].contains(mpirun.terminationStatus), "\(errors)")
    #expect(
      errors.split(separator: "\n").count { $0.contains("stopped by a signal after step") } == 1,
      "\(errors)")
    let again = try Ranks.run(
      [(3, ["fit", "vae", "--resume", "run", "--threads", "1"])], in: place)
    #expect(again.status == 0, "\(again.errors)")
    #expect(again.errors.contains("resuming after epoch"), "\(again.errors)")
    try expectSameBytes("run", "whole")
  }

  /// A rank that is killed takes the others with it; the last checkpoint stays whole.
  @Test func aLostRankEndsTheRun() throws {
    // mpirun kills what it tells to end after a second, on a loaded machine before the sentence is out.
    var told: [String] = []
    for attempt in 0..<3 where told.isEmpty { told = try loseARank(of: "run\(attempt)") }
    #expect(told.count == 1 && told[0].contains("does not answer"), "\(told)")
  }

  /// Kills one of three ranks; returns the sentences of the others.
  private func loseARank(of run: String) throws -> [String] {
    let (mpirun, outputs) = try start(3, run: run)
    let children = try children(of: mpirun.processIdentifier)
    try #require(children.count == 3)
    kill(children[2], SIGKILL)
    let begin = Date()
    mpirun.waitUntilExit()
    while children.contains(where: { kill($0, 0) == 0 }), Date().timeIntervalSince(begin) < 60 {
      usleep(10_000)
    }
    #expect(Date().timeIntervalSince(begin) < 30)
    #expect(mpirun.terminationStatus != 0)
    let again = try Command.run(["fit", "vae", "--resume", run, "--quiet"], in: place)
    #expect(again.status == 0, "\(again.errors)")
    return try String(contentsOf: outputs[1], encoding: .utf8).split(separator: "\n")
      .filter { $0.hasPrefix("error") }.map(String.init)
  }

  private func children(of parent: Int32) throws -> [Int32] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter {
      // "PID (name) state parent ...": no name of ours has a parenthesis.
      let stat = (try? String(contentsOfFile: "/proc/\($0)/stat", encoding: .utf8)) ?? ""
      let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
      return fields.count > 1 && fields[1] == String(parent)
    }.sorted()
  }

  @Test func refusals() throws {
    try place.ranksFail(
      [(3, digits + ["--output", "run", "--batch-size", "2"])],
      saying: "A batch of 2 rows cannot be shared by 3 ranks", status: 64)
    try place.ranksFail(
      [(2, digits + ["--output", "run", "--inference", "svi"])],
      saying: "runs on one rank, found 2", status: 64
    )
    try place.ranksFail(
      [
        (1, digits + ["--output", "run"]),
        (1, digits + ["--output", "run", "--learning-rate", "0.1"]),
      ],
      saying: "Rank 1: --learning-rate is 0.1 where rank 0 has none")
    try place.write("two.csv", "1,2\n4,5\n7,9\n2,2\n".utf8)
    try place.write("three.csv", "1,2,3\n4,5,6\n7,9,8\n2,2,1\n".utf8)
    func fit(_ data: String) -> [String] {
      ["fit", "vae", "--data", data, "--output", "run", "--batch-size", "4"]
    }
    try place.ranksFail(
      [(1, fit("three.csv")), (1, fit("two.csv"))], saying: "columns in the data is 2")
    try place.ranksFail(
      [(2, ["fit", "autoencoder", "--output", "run"])], saying: "is the work of one process",
      status: 64)
    try place.ranksFail(
      [(2, ["sample", "run"])], saying: "is the work of one process, found 2", status: 64)
  }
}
