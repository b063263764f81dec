import LatentKernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes files so that a kill at any instant leaves the old one or the new one, whole.
///
/// The bytes go to a hidden file in the same directory, are synced, and then take the name. What is
/// not a regular file (a pipe, a terminal) is written directly, and so is a descriptor that is open, by its name:
/// `/dev/stdout`, `/dev/fd/3`.
public enum AtomicFile {
  private static let serial = Atomic<Int>(0)

  /// - Throws: ``FileError``; nothing is left behind then.
  public static func write(_ bytes: [UInt8], to path: String) throws {
    try write(to: path) { try bytes.withUnsafeBytes($0.append) }
  }

  /// Writes what `body` appends.
  ///
  /// - Throws: ``FileError``, or what `body` throws; nothing is left behind then.
  public static func write(to path: String, _ body: (FileWriter) throws -> Void) throws {
    // Not by its name: where it is redirected to a file, that would replace what stands there.
    if let descriptor = openDescriptor(path) {
      return try body(FileWriter(copying: descriptor, shown: path))
    }
    var status = stat()
    guard stat(path, &status) == 0 else { return try replace(path, shown: path, body) }
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      // A link stays a link: the file it points to is replaced.
      let resolved = realpath(path, nil)
      defer { free(resolved) }
      try replace(resolved.map { String(cString: $0) } ?? path, shown: path, body)
    case S_IFDIR:
      throw FileError(path, "expected a file to write, found a directory.")
    default:
      let writer = try FileWriter(path, shown: path, flags: O_WRONLY)
      defer { writer.close() }
      try body(writer)
    }
  }

  /// The number of the open descriptor that a path names, if it is such a name.
  package static func openDescriptor(_ path: String) -> Int32? {
    switch path {
    case "/dev/stdout": return STDOUT_FILENO
    case "/dev/stderr": return STDERR_FILENO
    default:
      let names = ["/dev/fd/", "/proc/self/fd/"]
      return names.lazy.filter { path.hasPrefix($0) }.compactMap { Int32(path.dropFirst($0.count)) }
        .first { $0 >= 0 }
    }
  }

  private static func replace(
    _ path: String, shown: String, _ body: (FileWriter) throws -> Void
  ) throws {
    let slash = path.lastIndex(of: "/")
    let directory = slash.map { String(path[...$0]) } ?? "./"
    let name = slash.map { path[path.index(after: $0)...] } ?? path[...]
    guard !name.isEmpty else { throw FileError(shown, "expected the name of a file to write.") }
    let number = serial.add(1, ordering: .relaxed).newValue
    let aside = "\(directory).latent-\(getpid())-\(number).tmp"
    let writer = try FileWriter(aside, shown: shown, flags: O_WRONLY | O_CREAT | O_EXCL)
    do {
      try body(writer)
      try writer.sync()
      writer.close()
      guard rename(aside, path) == 0 else {
        throw FileError(shown, doing: "the file written aside cannot take its name", errno: errno)
      }
    } catch {
      writer.close()
      unlink(aside)
      throw error
    }
    try sync(directory: directory, shown: shown)
  }

  /// Makes the new name last: until then a power cut could bring back the old file.
  private static func sync(directory: String, shown: String) throws {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == EACCES { return }  // a directory that may be written but not read
      throw FileError(shown, doing: "its directory cannot be synced", errno: errno)
    }
    defer { close(descriptor) }
    // Some file systems cannot sync a directory and say EINVAL.
    guard posixSync(descriptor) || errno == EINVAL else {
      throw FileError(shown, doing: "its directory cannot be synced", errno: errno)
    }
  }
}

/// The file that ``AtomicFile`` is writing.
public final class FileWriter {
  private let shown: String
  private var descriptor: Int32

  fileprivate init(_ path: String, shown: String, flags: Int32) throws {
    self.shown = shown
    descriptor = open(path, flags | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw FileError(shown, doing: "cannot be written", errno: errno)
    }
  }

  /// A second descriptor of one that stays open.
  fileprivate init(copying open: Int32, shown: String) throws {
    self.shown = shown
    descriptor = dup(open)
    guard descriptor >= 0 else {
      throw FileError(shown, doing: "cannot be written", errno: errno)
    }
  }

  deinit { close() }

  /// Adds bytes to the file that is being written.
  ///
  /// - Throws: ``FileError`` when the disk is full or the like.
  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let count = posixWrite(descriptor, rest)
      if count >= 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
      } else if errno != EINTR {
        throw FileError(shown, doing: "cannot be written", errno: errno)
      }
    }
  }

  /// Adds text, as UTF-8.
  ///
  /// - Throws: ``FileError`` when the disk is full or the like.
  public func append(_ text: String) throws {
    var text = text
    try text.withUTF8 { try append(UnsafeRawBufferPointer($0)) }
  }

  fileprivate func sync() throws {
    guard posixSync(descriptor) else {
      throw FileError(shown, doing: "cannot be synced to disk", errno: errno)
    }
  }

  fileprivate func close() {
    guard descriptor >= 0 else { return }
    posixClose(descriptor)
    descriptor = -1
  }
}
