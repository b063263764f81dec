import Foundation
import Synchronization

/// While one of these lives, SIGINT, SIGTERM and SIGHUP are noted in place of ending the process, each of them
/// once: the second one of its kind ends it at once. What was ignored stays ignored, as under nohup.
final class Interruption {
  private static let received = Atomic<Int32>(0)
  private let signals: [Int32]
  private var before: [sigaction]

  /// - Parameter more: signals that are noted, too.
  init(also more: [Int32] = []) {
    signals = [SIGINT, SIGTERM, SIGHUP] + more
    Self.received.store(0, ordering: .relaxed)
    // Threads of Swift's dispatch block them, and a process that is started by one inherits that.
    var set = sigset_t()
    sigemptyset(&set)
    for number in signals { sigaddset(&set, number) }
    defer { pthread_sigmask(SIG_UNBLOCK, &set, nil) }
    before = signals.map { number in
      var old = sigaction()
      sigaction(number, nil, &old)
      guard !old.isIgnored else { return old }
      var new = sigaction(noting: { Interruption.received.store($0, ordering: .relaxed) })
      sigaction(number, &new, nil)
      return old
    }
  }

  deinit {
    for (number, var old) in zip(signals, before) { sigaction(number, &old, nil) }
  }

  /// Whether one has come.
  static var isRaised: Bool { received.load(ordering: .relaxed) != 0 }

  /// The last one that came.
  var signal: Int32? {
    let number = Self.received.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }
}

extension sigaction {
  /// Taken back when it has been called once; reads and writes that it meets go on.
  fileprivate init(noting handler: @escaping @convention(c) (Int32) -> Void) {
    self.init()
    #if canImport(Darwin)
      __sigaction_u.__sa_handler = handler
    #else
      __sigaction_handler.sa_handler = handler
    #endif
    sa_flags = Int32(truncatingIfNeeded: Int(SA_RESTART) | Int(SA_RESETHAND))
  }

  fileprivate var isIgnored: Bool {
    #if canImport(Darwin)
      let handler = __sigaction_u.__sa_handler
    #else
      let handler = __sigaction_handler.sa_handler
    #endif
    return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
