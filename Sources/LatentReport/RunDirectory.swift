import Foundation
import LatentIO
import LatentModels

/// Where a training run keeps what it makes. Every file is replaced as a whole, so that a kill at any
/// instant leaves each of them as it was or as it should be.
public struct RunDirectory: Sendable {
  /// The directory.
  public let path: String
  /// The directories that ``create(_:)`` had to make, the outermost first; nil for a run that was there.
  private let created: [String]?
  /// Held while this process writes a run here.
  private let lock: DirectoryLock?

  /// The fitted parameters.
  public var model: String { path + "/model.safetensors" }
  /// What a training that goes on needs.
  public var checkpoint: String { path + "/checkpoint.safetensors" }
  /// What was asked for.
  public var configuration: String { path + "/config.json" }
  /// A row an epoch or iteration.
  public var metrics: String { path + "/metrics.csv" }
  /// Held-out rows beside their reconstructions.
  public var reconstructions: String { path + "/reconstructions.png" }
  /// Draws from the model.
  public var samples: String { path + "/samples.png" }
  /// Samples of two models side by side.
  public var beside: String { path + "/beside.png" }
  /// Decoded points of a latent plane.
  public var manifold: String { path + "/manifold.png" }

  /// The run as one page.
  public var report: String { path + "/report.html" }
  /// Where a step's time goes, as JSON.
  public var profile: String { path + "/profile.json" }
  /// A step's phases as bars.
  public var stepChart: String { path + "/step.svg" }
  /// The phases under the machine's roofs.
  public var roofline: String { path + "/roofline.svg" }

  /// A mixture's weights, means and covariances.
  public var components: String { path + "/components.csv" }
  /// Criteria of each number of components.
  public var selection: String { path + "/selection.csv" }
  /// Quantiles of the training rows' scores.
  public var scoreQuantiles: String { path + "/score-quantiles.csv" }
  /// The rows in the colours of their clusters.
  public var clusters: String { path + "/clusters.png" }
  /// EM's first steps.
  public var steps: String { path + "/em-steps.png" }
  /// Criteria over numbers of components.
  public var selectionPlot: String { path + "/selection.png" }
  /// Factors' loadings as a heat map.
  public var loadings: String { path + "/loadings.png" }

  /// How many epochs ``metrics`` tells of, whatever they are.
  public var epochsTold: Int {
    guard let text = try? String(contentsOfFile: metrics, encoding: .utf8) else { return 0 }
    return max(0, text.split(separator: "\n").count - 1)
  }

  /// Whether there is a training to go on with.
  public var hasCheckpoint: Bool { FileManager.default.fileExists(atPath: checkpoint) }

  private init(path: String, created: [String]?, lock: DirectoryLock? = nil) {
    self.path = path
    self.created = created
    self.lock = lock
  }

  /// A directory for a new run: one that is not there yet, or an empty one.
  ///
  /// - Throws: ``FileError`` when it holds something, cannot be made or written, or another process
  ///   is writing a run there.
  public static func create(_ path: String) throws -> RunDirectory {
    let files = FileManager.default
    try checkFree(path)
    var missing: [String] = []
    var parent = URL(fileURLWithPath: path).standardizedFileURL
    while !files.fileExists(atPath: parent.path) {
      missing.insert(parent.path, at: 0)
      parent.deleteLastPathComponent()
    }
    for (index, directory) in missing.enumerated() {
      guard mkdir(directory, 0o777) == 0 else {
        let reason = String(cString: strerror(errno))
        // What was made is empty; what another process has made meanwhile is its own.
        for made in missing[..<index].reversed() { rmdir(made) }
        throw FileError(path, "the run directory cannot be made: \(reason).")
      }
    }
    guard access(path, W_OK | X_OK) == 0 else {
      let reason = String(cString: strerror(errno))
      throw FileError(path, "the run directory cannot be written: \(reason).")
    }
    let lock = try DirectoryLock(path)
    // Another process may have had it until just now.
    try checkFree(path)
    let result = RunDirectory(path: path, created: missing, lock: lock)
    result.removeLeftovers()
    return result
  }

  /// - Parameter canResume: whether runs of this kind can go on.
  /// - Throws: ``FileError`` unless a new run may have this directory.
  public static func checkFree(_ path: String, canResume: Bool = true) throws {
    guard !path.isEmpty else { throw FileError("\"\"", "expected the name of a run directory.") }
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return }
    guard isDirectory.boolValue else {
      throw FileError(path, "expected a run directory, found a file; choose another name.")
    }
    // What a run left aside that was killed before it began is nobody's.
    let contents = try listDirectory(path).filter { !isLeftover($0) }
    guard !contents.contains("config.json") else {
      throw FileError(
        path,
        "a run is here already; "
          + (canResume ? "go on with --resume \(path), or " : "") + "choose another name.")
    }
    guard contents.isEmpty else {
      throw FileError(path, "the directory is not empty; choose another name.")
    }
  }

  /// The first free of `prefix`1, `prefix`2, and so on.
  public static func nextName(_ prefix: String) -> String {
    var number = 1
    while FileManager.default.fileExists(atPath: "\(prefix)\(number)") { number += 1 }
    return "\(prefix)\(number)"
  }

  /// Whether a directory is there, whatever it holds.
  public static func exists(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
      && isDirectory.boolValue
  }

  /// The directory of a run that has begun.
  ///
  /// - Throws: ``FileError`` when it holds no run.
  public static func open(_ path: String) throws -> RunDirectory {
    let directory = RunDirectory(path: path, created: nil)
    guard FileManager.default.fileExists(atPath: path) else {
      throw FileError(path, "there is no such run directory.")
    }
    guard FileManager.default.fileExists(atPath: directory.configuration) else {
      throw FileError(path, "expected a run directory, found no config.json in it.")
    }
    return directory
  }

  /// The directory of a run that has begun, to go on with it: no other process may, meanwhile.
  ///
  /// - Throws: ``FileError`` when it holds no run, or another process is training it.
  public static func resume(_ path: String) throws -> RunDirectory {
    let directory = try open(path)
    return RunDirectory(path: path, created: nil, lock: try DirectoryLock(directory.path))
  }

  /// The directory of a run that another process writes: only its name is used here.
  public static func elsewhere(_ path: String) -> RunDirectory {
    RunDirectory(path: path, created: nil)
  }

  /// Removes what a killed writer left aside.
  public func removeLeftovers() {
    for directory in [path, eventDirectory] {
      let names = (try? listDirectory(directory)) ?? []
      for name in names where Self.isLeftover(name) { unlink("\(directory)/\(name)") }
    }
  }

  private static func isLeftover(_ name: String) -> Bool {
    name.hasPrefix(".latent-") && name.hasSuffix(".tmp")
  }

  /// Takes back what ``create(_:)`` began: the directories that it made, or all that is in the one it found
  /// empty. A run that was there before stays.
  public func remove() {
    guard let created else { return }
    if created.isEmpty {
      for name in (try? listDirectory(path)) ?? [] {
        try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
      }
    } else {
      try? FileManager.default.removeItem(atPath: path)
    }
    for directory in created.reversed() { rmdir(directory) }
  }
}

// MARK: - Contents

extension RunDirectory {
  /// Writes what was asked for, as JSON.
  ///
  /// - Throws: ``FileError``.
  public func write(configuration value: some Encodable) throws {
    try write(value, to: configuration)
  }

  /// Writes where a step's time goes, as JSON.
  ///
  /// - Throws: ``FileError``.
  public func write(profile value: some Encodable) throws { try write(value, to: profile) }

  private func write(_ value: some Encodable, to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    try AtomicFile.write(Array(encoder.encode(value)) + [UInt8(ascii: "\n")], to: path)
  }

  /// - Throws: ``FileError`` when the file is missing or not what a run of this kind writes.
  public func readConfiguration<Value: Decodable>(_ type: Value.Type) throws -> Value {
    let bytes = try FileBytes.read(configuration, limit: 1 << 26)
    do {
      return try JSONDecoder().decodeChecked(type, from: bytes)
    } catch {
      throw FileError(
        configuration, "expected the configuration of a run, found other or damaged JSON.")
    }
  }

  /// One row an epoch. No time is in it: a resumed run writes the same bytes.
  ///
  /// - Throws: ``FileError``.
  public func write(metrics history: [EpochMetrics]) throws {
    try AtomicFile.write(to: metrics) { file in
      try file.append(
        "epoch,elbo,reconstruction,kl,beta,learningRate,heldOutELBO,heldOutReconstruction,heldOutKL\n"
      )
      for row in history {
        let values: [Double?] = [
          row.elbo, row.reconstruction, row.kl, row.beta, row.learningRate, row.heldOutELBO,
          row.heldOutReconstruction, row.heldOutKL,
        ]
        let fields = values.map { $0.map { String($0) } ?? "" }
        try file.append("\(row.epoch),\(fields.joined(separator: ","))\n")
      }
    }
  }
}
