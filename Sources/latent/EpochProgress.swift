import Foundation
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

/// Progress on standard error: a bar within an epoch on a terminal, a line an epoch everywhere.
final class EpochProgress {
  private let trainer: VAETrainer
  private let noun: String
  private let heldOut: Int?
  private let quiet: Bool
  private let firstStep: Int
  private let messagesBefore: UInt64?
  private let drawsBar: Bool
  private let clock = ContinuousClock()
  private let begin: ContinuousClock.Instant
  private var epochBegin, lastDrawn, lastStep: ContinuousClock.Instant
  private var rows = 0
  /// Of the running epoch, done before this run went on with it.
  private var rowsBefore: Int
  private var trainingTime = Duration.zero

  init(_ trainer: VAETrainer, noun: String, heldOut: Int?, quiet: Bool) {
    self.trainer = trainer
    self.noun = noun
    self.heldOut = heldOut
    (firstStep, messagesBefore) = (trainer.progress.step, Processes.messageBytes)
    self.quiet = quiet
    drawsBar = !quiet && isatty(STDERR_FILENO) == 1
    rowsBefore = trainer.progress.partial?.rows ?? 0
    begin = clock.now
    (epochBegin, lastDrawn, lastStep) = (begin, begin, begin)
  }

  var seconds: Double { (clock.now - begin).seconds }
  /// While training, held-out scores and files left out.
  var rowsPerSecond: Double? { rows > 0 ? Double(rows) / trainingTime.seconds : nil }

  /// Bytes a step that this rank handed to MPI; nil for one process.
  var messageBytesPerStep: Double? {
    guard let messagesBefore, let now = Processes.messageBytes else { return nil }
    return Double(now - messagesBefore) / Double(max(1, trainer.progress.step - firstStep))
  }

  func announce(_ settings: VAESettings) {
    guard !quiet else { return }
    let model = trainer.model
    printError(
      "\(settings.data.shortName): \(counted(trainer.rowsPerEpoch, String(noun.dropLast()))) of "
        + counted(model.architecture.dimensions, "column")
        + (heldOut.map { ", \(grouped($0)) held out" } ?? ", none held out"))
    printError(
      "\(model.architecture.description) \(model.architecture.activation.rawValue), "
        + "\(model.architecture.likelihood.rawValue) likelihood, "
        + "\(grouped(model.parameters.learnedCount)) parameters")
    let (threads, instructionSet) = trainer.backend.hardware
    let ranks = trainer.communicator.size
    printError(
      "\(trainer.backend.name) backend"
        + (threads.map { " on \($0) thread\($0 == 1 ? "" : "s")" } ?? "")
        + (ranks > 1 ? " of each of \(ranks) processes" : "")
        + (instructionSet.map { ", \($0)" } ?? "") + ", seed \(trainer.configuration.seed)")
    if instructionSet == InstructionSet.baseline.rawValue {
      printError(
        "note: baseline multiplies, then adds: other bits than those of other instruction sets")
    }
    for note in settings.notes { printError("note: \(note)") }
    if trainer.progress.step > 0 {
      printError(
        "resuming after epoch \(trainer.progress.epoch)"
          + (rowsBefore > 0 ? " and \(grouped(rowsBefore)) \(noun)" : ""))
    }
  }

  func step(_ done: Int) {
    let now = clock.now
    lastStep = now
    guard drawsBar, now - lastDrawn > .milliseconds(100) else { return }
    lastDrawn = now
    let width = 30
    let filled = done * width / trainer.rowsPerEpoch
    let rate = Double(done - rowsBefore) / (now - epochBegin).seconds
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    drawLine("\(epochTitle(trainer.progress.epoch + 1)) \(bar) \(grouped(Int(rate))) \(noun)/s")
  }

  func finish(_ metrics: EpochMetrics) {
    let time = lastStep - epochBegin
    let epochRows = trainer.rowsPerEpoch - rowsBefore
    let rate = Double(epochRows) / time.seconds
    trainingTime += time
    rows += epochRows
    rowsBefore = 0
    epochBegin = clock.now
    guard !quiet else { return }
    clear()
    let bound = trainer.configuration.boundName
    printError(
      trainer.model.isDeterministic
        ? "\(epochTitle(metrics.epoch))  log p(x|z) \(decimal(metrics.reconstruction, 3))"
          + (metrics.heldOutReconstruction.map { "  held-out \(decimal($0, 3))" } ?? "")
          + "  \(grouped(Int(rate))) \(noun)/s"
        : "\(epochTitle(metrics.epoch))  \(bound) \(decimal(metrics.elbo, 3))  "
          + "reconstruction \(decimal(metrics.reconstruction, 3))  KL \(decimal(metrics.kl, 3))"
          + (metrics.heldOutELBO.map { "  held-out \(bound) \(decimal($0, 3))" } ?? "")
          + "  \(grouped(Int(rate))) \(noun)/s")
  }

  func clear() {
    if drawsBar { drawLine("") }
  }

  private func epochTitle(_ epoch: Int) -> String {
    let total = String(trainer.configuration.epochs)
    let number = String(epoch)
    let padding = String(repeating: " ", count: max(0, total.count - number.count))
    return "epoch \(padding)\(number)/\(total)"
  }
}

extension Duration {
  var seconds: Double { self / .seconds(1) }
}

extension Backend {
  /// Threads and instruction set, where the backend has them.
  var hardware: (threads: Int?, instructionSet: String?) {
    #if OpenBLAS
      if let blas = self as? OpenBLASBackend { return (blas.threads, nil) }
    #endif
    switch self {
    case let fused as FusedBackend: return (fused.threads, fused.instructionSet.rawValue)
    case let simd as SIMDBackend: return (simd.threads, nil)
    default: return (nil, nil)
    }
  }
}

func decimal(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

/// 1234567 as "1,234,567".
func grouped(_ number: Int) -> String {
  var text = String(number)
  var index = text.count - 3
  while index > (number < 0 ? 1 : 0) {
    text.insert(",", at: text.index(text.startIndex, offsetBy: index))
    index -= 3
  }
  return text
}

/// "1 row" or "1,234 rows".
func counted(_ number: Int, _ noun: String) -> String {
  "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
}
