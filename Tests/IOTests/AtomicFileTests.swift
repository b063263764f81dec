import Foundation
import LatentKernels
import Testing

@testable import LatentIO

struct AtomicFileTests {
  @Test func writesAndReplaces() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/x"
    try AtomicFile.write([1, 2, 3], to: path)
    try AtomicFile.write([4], to: path)
    #expect(try FileBytes.read(path, limit: 10) == [4])
    #expect(try directory.contents == ["x"])
  }

  @Test func aFailureLeavesTheOldFile() throws {
    struct Failed: Error {}
    let directory = try TemporaryDirectory()
    let path = try directory.file("x", [1])
    #expect(throws: Failed.self) {
      try AtomicFile.write(to: path) { file in
        try file.append("half")
        throw Failed()
      }
    }
    #expect(try FileBytes.read(path, limit: 10) == [1])
    #expect(try directory.contents == ["x"])
  }

  @Test func linksStayLinks() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.file("x", [1])
    try FileManager.default.createSymbolicLink(
      atPath: directory.path + "/link", withDestinationPath: path)
    try AtomicFile.write([2], to: directory.path + "/link")
    #expect(try FileBytes.read(path, limit: 10) == [2])
    #expect(
      try FileManager.default.destinationOfSymbolicLink(atPath: directory.path + "/link") == path)
  }

  @Test func devicesAreWrittenDirectly() throws {
    try AtomicFile.write([1, 2, 3], to: "/dev/null")
    var status = stat()
    #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
  }

  @Test func badTargets() throws {
    let directory = try TemporaryDirectory()
    #expect(failure { try AtomicFile.write([1], to: directory.path) }.contains("found a directory"))
    let lost = directory.path + "/no/x"
    #expect(
      failure { try AtomicFile.write([1], to: lost) }
        == "\(lost): cannot be written: No such file or directory.")
    #expect(failure { try AtomicFile.write([1], to: directory.path + "/no/") }.contains("name"))
    #expect(failure { try AtomicFile.write([1], to: "") }.contains("name"))
    #expect(failure { try AtomicFile.write([1], to: "/dev/full") }.contains("No space left"))
    #expect(try directory.contents.isEmpty)
  }
}
