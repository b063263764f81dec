import LatentKernels
import Testing

@testable import LatentIO

/// Files that claim what they do not hold, or hold what must not reach a terminal.
struct HostileFileTests {
  /// 32 bytes that claim a row of 2³¹ columns: a list of them would take 16 GB.
  @Test func streamedHeadersAreNotBelieved() throws {
    let header = idx(type: 9, [1, 1 << 31], [UInt8](repeating: 0, count: 20))
    for options in [LoadOptions(), LoadOptions(columns: ["1"])] {
      #expect(
        failure {
          try makeRowReader(ByteStream(header, name: "x"), options)
        }.contains("expected 2147483648 values, found at most 20 bytes"))
    }
  }

  @Test func streamedLabelsAreRefusedAsTheyAreWhole() throws {
    let labels = idx([3], [1, 2, 3])
    let whole = failure { try load(labels, name: "x") }
    #expect(whole.contains("how IDX stores labels"))
    #expect(whole == failure { try makeRowReader(ByteStream(labels, name: "x"), LoadOptions()) })
  }

  @Test func excerptsSpellOutWhatATerminalObeys() {
    #expect(excerpt("a\u{1B}[2J\u{9B}m\r\n\u{7F}") == #""a\u{1B}[2J\u{9B}m\u{D}\u{A}\u{7F}""#)
    #expect(excerpt("\u{202E}\u{2028}\u{FEFF}") == #""\u{202E}\u{2028}\u{FEFF}""#)
    #expect(excerpt("é\"\\日") == #""é\"\\日""#)
    #expect(excerpt(String(repeating: "x", count: 41)).hasSuffix("x\"…"))
    // No UTF-8 at all, and a character cut in two.
    #expect(excerpt([0xFF, 0x9B]) == "\"\u{FFFD}\u{FFFD}\"")
    #expect(excerpt(String(repeating: "x", count: 39) + "é").hasSuffix("x\u{FFFD}\"…"))
  }

  @Test func namesOfColumnsAreQuotedInErrors() throws {
    let data = try load("a\u{1B}[2J,b\n1,2\ninf,4\n")
    #expect(failure { try data.validateFinite() }.contains(#"column 1 ("a\u{1B}[2J")"#))
    #expect(
      failure { try load("a\u{1B}[2J,b\n1,2\n", LoadOptions(columns: ["c"])) }
        .contains(#"its columns are "a\u{1B}[2J", "b""#))
  }

  /// What the fuzzer starts from is read, or refused, without a crash; and read in pieces alike.
  @Test(arguments: Format.allCases) func corpora(_ format: Format) throws {
    let directory = Corpus.directory + "/" + format.rawValue
    let names = try Corpus.files(in: directory)
    #expect(!names.isEmpty)
    for name in names { format.parse(try FileBytes.read(directory + "/" + name, limit: 1 << 20)) }
  }

  /// What it starts from gets past the checks: else it would fuzz nothing but them.
  @Test(arguments: Format.allCases) func seedsAreRead(_ format: Format) throws {
    let directory = Corpus.directory + "/" + format.rawValue
    for name in try Corpus.files(in: directory) where !name.hasPrefix("refused") {
      #expect(
        format.refusal(of: try FileBytes.read(directory + "/" + name, limit: 1 << 20)) == nil,
        "\(format) \(name)")
    }
  }
}
