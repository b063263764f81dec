import Foundation
import LatentIO

/// Keeps other processes from writing a run into the same directory, for as long as it lives; the system
/// takes it back however the process ends. It is on the directory itself: no file is left behind.
final class DirectoryLock: Sendable {
  private let descriptor: Int32

  /// - Throws: ``FileError`` when another process has it. Where the file system has no locks, there is
  ///   none.
  init(_ path: String) throws {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK
    else { return }
    // `deinit` closes it: every property has its value.
    throw FileError(
      path, "another process is training in this run directory; wait for it, or stop it first.")
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }
}
