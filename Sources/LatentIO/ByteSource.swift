import LatentKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where bytes come from: a file, memory, or another source that is inflated.
protocol ByteSource: AnyObject {
  /// The most bytes that can still follow, where that is known.
  var bound: Int? { get }
  /// Fills the front of `target` and returns how many bytes it wrote; 0 only at the end.
  func read(into target: UnsafeMutableRawBufferPointer) throws -> Int
}

/// A file, or a pipe.
final class FileSource: ByteSource {
  private let path: String
  private let descriptor: Int32
  private(set) var bound: Int?

  init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(path, doing: "cannot be opened", errno: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw FileError(path, doing: "cannot be examined", errno: errno)
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: bound = Int(status.st_size)
    case S_IFIFO: bound = nil
    case S_IFDIR: throw FileError(path, "expected a file, found a directory.")
    default: throw FileError(path, "expected a file or a pipe, found a device or a socket.")
    }
  }

  deinit { if descriptor >= 0 { posixClose(descriptor) } }

  /// Passes over bytes of a file that has them.
  func skip(_ count: Int) throws {
    guard lseek(descriptor, off_t(count), SEEK_CUR) >= 0 else {
      throw FileError(path, doing: "cannot be read", errno: errno)
    }
    bound = bound.map { max(0, $0 - count) }
  }

  func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = posixRead(descriptor, target)
    guard count >= 0 else { throw FileError(path, doing: "cannot be read", errno: errno) }
    if let left = bound { bound = max(0, left - count) }
    return count
  }
}

/// Bytes that are in memory already.
final class MemorySource: ByteSource {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = ArraySlice(bytes) }

  var bound: Int? { rest.count }

  func read(into target: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(target.count, rest.count)
    target.copyBytes(from: rest.prefix(count))
    rest = rest.dropFirst(count)
    return count
  }
}
