import Foundation
import LatentIO
import LatentKernels
import LatentNetworks

// A checkpoint holds all that the next step depends on: parameters, Adam's moments as they are held,
// and progress. Random numbers come from counters, so that there is no generator to save.
extension VAETrainer {
  private static func momentNames(_ slot: TensorSlot) -> [(String, ParameterAspect)] {
    [(slot.name + ".firstMoment", .firstMoments), (slot.name + ".secondMoment", .secondMoments)]
  }

  /// Writes everything that a resumed training needs for the same bits, aside and then renamed.
  ///
  /// - Throws: ``FileError``.
  public func saveCheckpoint(to path: String) throws {
    var file = TensorFile(metadata: FileKind.vaeCheckpoint.metadata)
    try file.encode(model.configuration, as: "configuration")
    try file.encode(configuration, as: "training")
    try file.encode(progress, as: "progress")
    file.metadata["data"] = dataFingerprint
    let parameters = model.parameters
    for slot in parameters.slots {
      file.tensors[slot.name] = try Tensor(
        shape: slot.shape, values: .float32(parameters.read(slot)))
      for (name, aspect) in Self.momentNames(slot) {
        file.tensors[name] = try Tensor(
          shape: slot.shape, values: .float32(parameters.read(slot, aspect)))
      }
    }
    // The posteriors go before the checkpoint that names their moment.
    try posteriors?.save(to: Self.posteriorsPath(beside: path, at: progress))
    try file.write(to: path)
    try removeOldPosteriors(beside: path)
  }

  /// Goes on where the checkpoint was written.
  ///
  /// - Throws: ``ModelFileError`` when the file is damaged, newer, of another architecture, or when
  ///   settings or data that decide bits have changed.
  public func restore(from path: String) throws {
    try restore(readOnce(path), path: path)
    // A kill behind a checkpoint leaves the posteriors of the one before.
    try removeOldPosteriors(beside: path)
  }

  func restore(_ file: TensorFile, path: String) throws {
    let saved = try SavedRun(file, path: path)
    if let change = saved.training.inferenceDifference(from: configuration) {
      throw ModelFileError(
        path, "the checkpoint was trained with \(change); resume with the same settings.")
    }
    // Codes are fitted to what was trained, and decide nothing.
    var (then, now) = (saved.model, model.configuration)
    (then.codes, now.codes) = (nil, nil)
    guard then == now else {
      let (was, wanted) = (then.architecture, now.architecture)
      then.standardization = now.standardization
      throw ModelFileError(
        path,
        then == now
          ? "the checkpoint was trained on columns of other means and deviations; resume with the same data."
          : was == wanted
            ? "the checkpoint's model treats its data differently, or knows its columns by other names; resume "
              + "with the same settings."
            : "the checkpoint is of a \(was.description) \(was.activation) \(was.likelihood) model, "
              + "this run's is \(wanted.description) \(wanted.activation) \(wanted.likelihood).")
    }
    if let change = saved.training.difference(from: configuration) {
      throw ModelFileError(
        path, "the checkpoint was trained with \(change); resume with the same settings.")
    }
    guard file.metadata["data"] == dataFingerprint else {
      throw ModelFileError(
        path,
        "the checkpoint was trained or tested on other rows; resume with the same --data, "
          + "--test-data and --seed.")
    }
    try saved.progress.validate(rows: rowsPerEpoch, configuration, path: path)
    let parameters = model.parameters
    let before = TrainingSnapshot(parameters, progress: progress)
    do {
      parameters.clear()
      for slot in parameters.slots {
        for (name, aspect) in Self.momentNames(slot) {
          try parameters.write(
            try file.floats(name, shape: slot.shape, path: path), to: slot, aspect)
        }
      }
      try model.readParameters(from: file, path: path)
      try posteriors?.load(Self.savedPosteriors(beside: path, at: saved.progress))
    } catch {
      before.restore(parameters)
      throw error
    }
    model.configuration.codes = saved.model.codes
    progress = saved.progress
    if saved.training.patience == 0, configuration.patience > 0 {
      progress.beginPatience(configuration)
    }
    (lastGood, checkedStep) = (nil, progress.step)
  }

  /// Only rank 0 need have the file.
  private func readOnce(_ path: String) throws -> TensorFile {
    guard communicator.size > 1 else { return try TensorFile(contentsOf: path) }
    let bytes = try communicator.unanimously {
      communicator.rank == 0 ? try FileBytes.read(path, limit: .max) : []
    }
    return try TensorFile(communicator.broadcast(bytes, from: 0), name: path)
  }

  /// How the names of a checkpoint's posteriors begin. They are its own, whatever lies beside it.
  private static func posteriorsPrefix(of path: String) -> String {
    let name = URL(fileURLWithPath: path).lastPathComponent
    return (name == "checkpoint.safetensors" ? "" : "\(name).") + "posteriors-"
  }

  /// Never the name of an earlier moment's: those stay whole until the new checkpoint has its name.
  private static func posteriorsPath(beside path: String, at progress: Progress) -> String {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent()
    let moment = "\(progress.epoch)" + (progress.partial.map { "-\($0.rows)" } ?? "")
    return directory.appendingPathComponent("\(posteriorsPrefix(of: path))\(moment).npy")
      .relativePath
  }

  /// Where a checkpoint's posteriors are: earlier versions named them all as the command's are.
  private static func savedPosteriors(beside path: String, at progress: Progress) -> String {
    let own = posteriorsPath(beside: path, at: progress)
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent()
    let earlier = posteriorsPath(
      beside: directory.appendingPathComponent("checkpoint.safetensors").relativePath, at: progress)
    let files = FileManager.default
    return !files.fileExists(atPath: own) && files.fileExists(atPath: earlier) ? earlier : own
  }

  private func removeOldPosteriors(beside path: String) throws {
    guard posteriors != nil else { return }
    let current = URL(fileURLWithPath: Self.posteriorsPath(beside: path, at: progress))
    let directory = current.deletingLastPathComponent()
    for name in try listDirectory(directory.relativePath)
    where name.hasPrefix(Self.posteriorsPrefix(of: path)) && name.hasSuffix(".npy") {
      guard name != current.lastPathComponent else { continue }
      let old = directory.appendingPathComponent(name).relativePath
      guard unlink(old) == 0 else {
        throw FileError(old, "cannot be removed: \(String(cString: strerror(errno))).")
      }
    }
  }
}

/// The settings of a checkpointed run, to resume it without repeating them.
public struct SavedRun: Sendable {
  /// What is trained.
  public let model: VAEConfiguration
  /// How it is trained.
  public let training: TrainingConfiguration
  /// How far it has come.
  public let progress: VAETrainer.Progress

  /// Reads what a checkpoint says of itself, parameters aside.
  ///
  /// - Throws: ``ModelFileError`` when it is no checkpoint of this kind.
  public init(checkpoint path: String) throws {
    try self.init(TensorFile(contentsOf: path), path: path)
  }

  init(_ file: TensorFile, path: String) throws {
    try FileKind.vaeCheckpoint.check(file, path: path)
    model = try file.decode(VAEConfiguration.self, from: "configuration", path: path)
    training = try file.decode(TrainingConfiguration.self, from: "training", path: path)
    progress = try file.decode(VAETrainer.Progress.self, from: "progress", path: path)
  }
}

extension VAETrainer.Progress {
  /// - Throws: ``ModelFileError`` for counts that no training of so many rows comes to.
  fileprivate func validate(
    rows: Int, _ configuration: TrainingConfiguration, path: String
  ) throws {
    let done = partial?.rows ?? 0
    // As many as 32 bits count: the epoch keys random numbers.
    guard 0..<Int(UInt32.max) ~= epoch, 0...epoch ~= bestEpoch, 0..<Int.max / 2 ~= step,
      history.count == epoch, 0...rows ~= done,
      done % configuration.batchSize == 0 || done == rows,
      partial?.groups.map({ $0.count == 3 * (configuration.rowGroups ?? 0) }) ?? true,
      0...1 ~= beta1Power, 0...1 ~= beta2Power
    else {
      throw ModelFileError(path, "its progress cannot be that of a training; it is damaged.")
    }
  }
}

extension TrainingConfiguration {
  /// What the model's own configuration repeats.
  fileprivate func inferenceDifference(from now: TrainingConfiguration) -> String? {
    guard inference != now.inference else { return nil }
    return "\(inference.rawValue) inference, now \(now.inference.rawValue)"
  }

  private var groupCount: Int { rowGroups ?? 1 }

  /// The first setting that differs and would change the bits of the epochs to come, as
  /// "setting a, now b". More epochs at a constant rate, and another patience, are no such change.
  func difference(from now: TrainingConfiguration) -> String? {
    func compare<Value: Equatable>(_ name: String, _ path: KeyPath<Self, Value>) -> String? {
      guard self[keyPath: path] != now[keyPath: path] else { return nil }
      return "\(name) \(self[keyPath: path]), now \(now[keyPath: path])"
    }
    let differences: [String?] = [
      schedule == .constant || schedule == .stages ? nil : compare("epochs", \.epochs),
      compare("batch size", \.batchSize), compare("learning rate", \.learningRate),
      compare("schedule", \.schedule), compare("beta", \.beta),
      compare("warm-up epochs", \.warmUpEpochs), compare("free bits", \.freeBits),
      compare("Adam's beta 1", \.beta1), compare("Adam's beta 2", \.beta2),
      compare("Adam's epsilon", \.epsilon), compare("gradient limit", \.gradientLimit),
      compare("seed", \.seed),
      compare("samples", \.samples), compare("objective", \.objective),
      compare("row groups", \.groupCount),
      inference == .amortized ? nil : compare("inner steps", \.innerSteps),
    ]
    return differences.compactMap { $0 }.first
  }
}
