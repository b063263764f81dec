import ArgumentParser
import Foundation
import LatentIO

/// One line on standard error.
func printError(_ line: String) { writeError(line + "\n") }

/// Lines for whoever waits, beside a table: on standard output, unless the table goes there.
func tell(_ lines: String, beside table: String?) {
  if TableFile.isStandardOutput(table) { printError(lines) } else { print(lines) }
}

/// Over the line that is there, on a terminal.
func drawLine(_ text: String) { writeError("\r\u{1B}[K\(text)") }

/// Nobody can be told that this fails: the terminal may be gone, and work goes on without it.
private func writeError(_ text: String) {
  var bytes = Array(text.utf8)[...]
  while !bytes.isEmpty {
    let count = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { return }
    bytes = bytes.dropFirst(count)
  }
}

/// Sends what was printed on its way: a disk may be full, and a command whose answer is lost has failed.
///
/// - Throws: ``FileError``.
func flushOutput() throws {
  // Nothing else is written by streams of C.
  guard fflush(nil) == 0 else {
    let reason = String(cString: strerror(errno))
    throw FileError("standard output", "it cannot be written: \(reason).")
  }
}

/// One JSON object on standard output.
func printJSON(_ value: some Encodable) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  // JSON has no infinity, and a score of hopeless rows may be one.
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
  print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

/// - Parameters:
///   - table: where a table goes; nil: nowhere.
///   - option: what says so.
/// - Throws: `ValidationError` where both would go to standard output.
func checkOneAnswer(json: Bool, table: String?, by option: String = "--output") throws {
  guard !json || !TableFile.isStandardOutput(table) else {
    throw ValidationError(
      "--json needs a file for \(option): standard output holds one or the other.")
  }
}
