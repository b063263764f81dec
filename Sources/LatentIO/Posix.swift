#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// The calls whose plain names would clash with our own methods.

/// For reading; programs that ours starts do not inherit it.
func posixOpen(_ path: String) -> Int32 { open(path, O_RDONLY | O_CLOEXEC) }

/// Read again where a signal came between.
func posixRead(_ descriptor: Int32, _ target: UnsafeMutableRawBufferPointer) -> Int {
  while true {
    let count = read(descriptor, target.baseAddress, target.count)
    if count >= 0 || errno != EINTR { return count }
  }
}

func posixWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  write(descriptor, bytes.baseAddress, bytes.count)
}

func posixClose(_ descriptor: Int32) {
  _ = close(descriptor)
}

/// The names in a directory.
///
/// - Throws: ``FileError`` with the system's reason.
package func listDirectory(_ path: String) throws -> [String] {
  func failure() -> FileError { FileError(path, doing: "its files cannot be listed", errno: errno) }
  guard let directory = opendir(path) else { throw failure() }
  defer { closedir(directory) }
  var names: [String] = []
  while true {
    errno = 0
    guard let entry = readdir(directory) else {
      guard errno == 0 else { throw failure() }
      return names
    }
    let name = withUnsafeBytes(of: &entry.pointee.d_name) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name != ".", name != ".." { names.append(name) }
  }
}

/// Whether the file is on the disk now; `errno` says why not. A signal on the way is no reason.
func posixSync(_ descriptor: Int32) -> Bool {
  while fsync(descriptor) != 0 {
    guard errno == EINTR else { return false }
  }
  return true
}
