import Foundation
import Testing

/// The built command, run as users run it.
enum Command {
  /// Beside the test bundle; or LATENT_COMMAND, as of another build.
  static let executable: URL = {
    if let other = ProcessInfo.processInfo.environment["LATENT_COMMAND"] {
      return URL(fileURLWithPath: other)
    }
    let candidates = [CommandLine.arguments[0], "/proc/self/exe", Bundle.main.bundlePath].map {
      URL(fileURLWithPath: $0).resolvingSymlinksInPath()
    }
    for candidate in candidates {
      for directory in [candidate, candidate.deletingLastPathComponent()] {
        let file = directory.appendingPathComponent("latent")
        if FileManager.default.isExecutableFile(atPath: file.path) { return file }
      }
    }
    fatalError("the command is not beside the tests; looked around \(candidates)")
  }()

  struct Outcome {
    var status: Int32
    var output: String
    var errors: String

    /// The one JSON object on standard output.
    func json(_ location: SourceLocation = #_sourceLocation) throws -> [String: Any] {
      try #require(
        JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any],
        "\(output) \(errors)", sourceLocation: location)
    }
  }

  static func start(
    _ arguments: [String], in directory: Workspace, environment: [String: String] = [:],
    executable: URL = executable
  ) throws -> (Process, outputs: [URL]) {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: directory.path)
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    // Files, not pipes: nothing blocks, however much is printed.
    let outputs = ["stdout", "stderr"].map {
      FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).\($0)")
    }
    for file in outputs { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: outputs[0])
    process.standardError = try FileHandle(forWritingTo: outputs[1])
    try process.run()
    return (process, outputs)
  }

  static func run(
    _ arguments: [String], in directory: Workspace, environment: [String: String] = [:],
    executable: URL = executable
  ) throws -> Outcome {
    let (process, outputs) = try start(
      arguments, in: directory, environment: environment, executable: executable)
    process.waitUntilExit()
    let texts = try outputs.map { try String(contentsOf: $0, encoding: .utf8) }
    for file in outputs { try FileManager.default.removeItem(at: file) }
    return Outcome(
      status: process.terminationReason == .exit
        ? process.terminationStatus : 128 + process.terminationStatus,
      output: texts[0], errors: texts[1])
  }
}

/// A directory that goes away with the value.
final class Workspace {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "latent-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ bytes: some Sequence<UInt8>) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
  }

  func read(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)"))
  }

  func text(_ name: String) throws -> String { String(decoding: try read(name), as: UTF8.self) }

  var contents: Set<String> {
    get throws { Set(try FileManager.default.contentsOfDirectory(atPath: path)) }
  }

  /// Runs the command here and expects it to work.
  @discardableResult
  func latent(
    _ arguments: String..., environment: [String: String] = [:],
    location: SourceLocation = #_sourceLocation
  ) throws -> Command.Outcome {
    let outcome = try Command.run(arguments, in: self, environment: environment)
    #expect(outcome.status == 0, "\(outcome.errors)", sourceLocation: location)
    return outcome
  }

  /// Runs the command and expects that it fails: one sentence, exit code 1, and nothing new in the directory.
  @discardableResult
  func latentFails(
    _ arguments: [String], saying fragment: String, environment: [String: String] = [:],
    location: SourceLocation = #_sourceLocation
  ) throws -> String {
    try ends(arguments, with: 1, saying: fragment, environment, location)
  }

  /// The same for options that are out of range, or in each other's way: exit code 64.
  @discardableResult
  func latentRefuses(
    _ arguments: [String], saying fragment: String, environment: [String: String] = [:],
    location: SourceLocation = #_sourceLocation
  ) throws -> String {
    try ends(arguments, with: 64, saying: fragment, environment, location)
  }

  private func ends(
    _ arguments: [String], with status: Int32, saying fragment: String,
    _ environment: [String: String], _ location: SourceLocation
  ) throws -> String {
    let before = try contents
    let outcome = try Command.run(arguments, in: self, environment: environment)
    #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: location)
    #expect(outcome.output.isEmpty, sourceLocation: location)
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.count == 1, "\(outcome.errors)", sourceLocation: location)
    #expect(outcome.errors.hasPrefix("error: "), sourceLocation: location)
    #expect(
      outcome.errors.contains(fragment), "\(outcome.errors)", sourceLocation: location)
    #expect(try contents == before, sourceLocation: location)
    return outcome.errors
  }
}

/// A network small enough to be trained in a blink.
let small = ["--hidden", "16", "--latent", "2", "--epochs", "3"]
