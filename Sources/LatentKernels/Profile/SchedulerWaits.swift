#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How long the threads of this process have been ready to run without a core to run on: what
/// neighbours cost us, by the system's own account (Linux; zero elsewhere).
public final class SchedulerWaits {
  private let files: [Int32]

  /// Watches the threads that there are now.
  public init() {
    var files: [Int32] = []
    if let tasks = opendir("/proc/self/task") {
      while let entry = readdir(tasks) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) {
          String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        let file = name.hasPrefix(".") ? -1 : open("/proc/self/task/\(name)/schedstat", O_RDONLY)
        if file >= 0 { files.append(file) }
      }
      closedir(tasks)
    }
    self.files = files
  }

  deinit { for file in files { close(file) } }

  /// Nanoseconds so far, of all threads; less than before when one of them has ended.
  public var nanoseconds: UInt64 { files.reduce(0) { $0 &+ Self.wait($1) } }

  /// Whether threads have waited, since the sum was `before`, for less than a share of a time.
  public func isCalm(since before: UInt64, seconds: Double, tolerance: Double = 0.002) -> Bool {
    let waited = Int64(bitPattern: nanoseconds &- before)
    return waited >= 0 && Double(waited) * 1e-9 <= tolerance * seconds
  }

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
