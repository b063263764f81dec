import Foundation

/// Progress of work on draws, on standard error: a bar on a terminal, a line now and then elsewhere.
final class DrawProgress {
  private let title: String
  private let total: Int
  /// Of several ranks one talks.
  private let isSilent = !Processes.speaks
  private let isTerminal = Processes.speaks && isatty(STDERR_FILENO) == 1
  private let clock = ContinuousClock()
  private let begin: ContinuousClock.Instant
  private var lastShown: ContinuousClock.Instant

  init(_ title: String, total: Int) {
    self.title = title
    self.total = max(1, total)
    begin = clock.now
    lastShown = begin
  }

  var seconds: Double { (clock.now - begin).seconds }

  func show(_ done: Int) {
    guard !isSilent else { return }
    let now = clock.now
    guard now - lastShown > .milliseconds(isTerminal ? 100 : 10_000) else { return }
    lastShown = now
    let left = (now - begin).seconds / Double(max(1, done)) * Double(total - done)
    let part = "\(title)  \(100 * done / total) %, \(Int(left.rounded(.up))) s left"
    guard isTerminal else { return printError(part) }
    let width = 30
    let filled = min(width, done * width / total)
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    drawLine("\(bar) \(part)")
  }

  func finish() {
    if isTerminal { drawLine("") }
  }
}
