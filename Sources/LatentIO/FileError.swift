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

  /// A value that is no finite number, at a row and a column counted from 0.
  ///
  /// - Parameter line: of a text file.
  init(_ file: String, isMissing: Bool, row: Int, line: Int?, column: Int, names: [String]?) {
    let found = isMissing ? "a missing value (NaN)" : "an infinite one"
    let place = "row \(row + 1)" + (line.map { " (line \($0))" } ?? "")
    let title = names.map { " (\(excerpt($0[column])))" } ?? ""
    let advice =
      line == 1 && names == nil
      ? "if line 1 holds names, give --header"
      : isMissing
        ? "give --missing where the model takes gaps, or leave the column out with --columns"
        : "correct it, or leave the column out with --columns"
    self.init(
      file,
      "expected finite values, found \(found) in \(place), column \(column + 1)\(title); \(advice)."
    )
  }

  /// `doing` failed; the system's sentence for `code` follows.
  init(_ file: String, doing: String, errno code: Int32) {
    self.init(file, "\(doing): \(String(cString: strerror(code))).")
  }
}

/// The first bytes of something found in a file, fit to be printed: in quotes, and without what a
/// terminal would obey.
func excerpt(_ bytes: some Collection<UInt8>) -> String {
  let text = String(decoding: bytes.prefix(40), as: UTF8.self)
  return quoted(text) + (bytes.count > 40 ? "…" : "")
}

/// The first bytes of a text found in a file, in quotes, fit to be printed.
package func excerpt(_ text: String) -> String { excerpt(text.utf8) }

/// `text` in quotes, fit to be printed.
private func quoted(_ text: String) -> String {
  "\"" + printable(text, escaping: ["\"", "\\"]) + "\""
}

/// `text` with what a terminal obeys spelt out: controls, and characters that turn or break lines.
package func printable(_ text: String, escaping: [Unicode.Scalar] = []) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    if isPrintable(scalar) {
      if escaping.contains(scalar) { result += "\\" }
      result.unicodeScalars.append(scalar)
    } else {
      result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    }
  }
  return result
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
  if scalar.isASCII { return 0x20..<0x7F ~= scalar.value }
  return switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator: false
  default: true
  }
}
