import Foundation

/// How long the threads of this process have been ready to run without a core to run on: what
/// neighbours cost us, by the system's own account.
final class Waits {
  private let files: [Int32]

  /// Watches the threads that there are now.
  init() {
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    files = threads.map { open("/proc/self/task/\($0)/schedstat", O_RDONLY) }.filter { $0 >= 0 }
  }

  deinit { for file in files { close(file) } }

  /// Nanoseconds so far, of all threads.
  func nanoseconds() -> UInt64 { files.reduce(0) { $0 &+ Self.wait($1) } }

  /// The second of "running waiting slices".
  private static func wait(_ file: Int32) -> UInt64 {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { text in
      var field = 0
      var value: UInt64 = 0
      for byte in text.prefix(max(0, pread(file, text.baseAddress!, 64, 0))) {
        if byte == UInt8(ascii: " ") {
          field += 1
        } else if field == 1 {
          value = value &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
        }
      }
      return value
    }
  }
}
