#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Bytes of memory that the machine has.
package let physicalMemory = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))

/// - Parameters:
///   - what: the sentence's subject, "A model of 784-200-50".
///   - remedy: what to do, "choose smaller layers".
/// - Throws: ``SettingError`` where `bytes` are more than the machine has.
package func expectMemory(
  for bytes: Double, _ what: @autoclosure () -> String, _ remedy: String
) throws(SettingError) {
  guard bytes <= Double(physicalMemory) else {
    throw SettingError("\(what()) takes more memory than this machine has; \(remedy).")
  }
}
