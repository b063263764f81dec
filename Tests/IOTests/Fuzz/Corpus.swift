import Foundation

/// The files that fuzzing starts from, in `Tests/Fuzz/Corpus`, a directory a format.
enum Corpus {
  static let directory: String = {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return tests.appendingPathComponent("Fuzz/Corpus").path
  }()

  static func files(in directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }
}
