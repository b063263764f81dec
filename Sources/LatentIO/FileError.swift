import LatentKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that cannot be read, written or understood.
public struct FileError: LatentError, Equatable {
  /// The path as it was given, or the name of the data.
  public let file: String
  /// One sentence: the file, what was expected, what was found, what to do.
  public let description: String

  /// An error about a file: "path: sentence".
  public init(_ file: String, _ sentence: String) {
    self.file = file
    description = "\(file): \(sentence)"
  }

  /// A place inside a text file.
  init(_ file: String, line: Int, _ sentence: String) {
    self.file = file
    description = "\(file), line \(line): \(sentence)"
  }

  /// `doing` failed; the system's sentence for `code` follows.
  init(_ file: String, doing: String, errno code: Int32) {
    self.init(file, "\(doing): \(String(cString: strerror(code))).")
  }
}

/// The first bytes of something found in a file, fit to be printed.
func excerpt(_ bytes: some Collection<UInt8>) -> String {
  let text = String(decoding: bytes.prefix(40), as: UTF8.self)
  return text.debugDescription + (bytes.count > 40 ? "…" : "")
}
