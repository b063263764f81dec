import Foundation
import Testing

/// Runs of the command by several processes.
enum Ranks {
  /// What `mpirun` is on this machine; nil where there is none.
  static let launcher: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "")
    .split(separator: ":").map { "\($0)/mpirun" }
    .first { FileManager.default.isExecutableFile(atPath: $0) }

  /// Why tests of several processes cannot run here.
  static let absence: Comment = {
    #if MPI
      "mpirun is not installed: apt-get install openmpi-bin libopenmpi-dev"
    #else
      "built without MPI: swift test --traits MPI,OpenBLAS"
    #endif
  }()

  static var canRun: Bool {
    #if MPI
      launcher != nil
    #else
      false
    #endif
  }

  /// Options of mpirun that let ranks share cores, and root start them.
  static let options = ["--oversubscribe", "--bind-to", "none", "-q"]
  static let environment = [
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    // No more than this machine: no network is asked.
    "OMPI_MCA_btl": "self,vader", "OMPI_MCA_plm": "isolated",
    // As between hosts.
    "LATENT_OVERLAP": "1",
  ]

  /// Runs the command with these arguments on so many ranks; or with others on some, part by part.
  static func run(
    _ parts: [(ranks: Int, arguments: [String])], in directory: Workspace,
    environment: [String: String] = [:]
  ) throws -> Command.Outcome {
    var arguments = options
    for (index, part) in parts.enumerated() {
      if index > 0 { arguments.append(":") }
      arguments += ["-n", "\(part.ranks)", Command.executable.path] + part.arguments
    }
    return try Command.run(
      arguments, in: directory, environment: Self.environment.merging(environment) { $1 },
      executable: URL(fileURLWithPath: launcher!))
  }
}

extension Workspace {
  /// Runs the command on so many ranks and expects it to work.
  @discardableResult
  func latent(
    ranks: Int, _ arguments: String..., location: SourceLocation = #_sourceLocation
  ) throws -> Command.Outcome {
    let outcome = try Ranks.run([(ranks, arguments)], in: self)
    #expect(outcome.status == 0, "\(outcome.errors)", sourceLocation: location)
    return outcome
  }

  /// Runs the command on ranks that cannot go on together, and expects one sentence and nothing new.
  func ranksFail(
    _ parts: [(ranks: Int, arguments: [String])], saying sentence: String, status: Int32 = 1,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let before = try contents
    let outcome = try Ranks.run(parts, in: self)
    #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: location)
    #expect(outcome.output.isEmpty, sourceLocation: location)
    let told = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error") }
    #expect(told.count == 1, "\(outcome.errors)", sourceLocation: location)
    #expect(
      told.first?.contains(sentence) ?? false, "\(outcome.errors)", sourceLocation: location)
    #expect(try contents == before, sourceLocation: location)
  }
}
