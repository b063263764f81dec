import Foundation
import Testing

extension CommandTests {
  /// Standard streams that are closed, or lead to a full disk or a terminal that is gone.
  @Suite struct StandardStreamTests {
    private func shell(_ line: String, in place: Workspace) throws -> Command.Outcome {
      try Command.run(
        ["-c", "'\(Command.executable.path)' \(line)"], in: place,
        executable: URL(fileURLWithPath: "/bin/sh"))
    }

    #if os(Linux)
      /// A command whose answer is lost has failed.
      @Test func fullStandardOutput() throws {
        let place = try Workspace()
        try place.latent("fit", "factors", "--output", "run")
        for arguments in [
          "score run --json", "score run", "fit factors --output other --json",
          "sample run --count 3", "--help",
        ] {
          let outcome = try shell("\(arguments) > /dev/full", in: place)
          #expect(outcome.status == 1, "\(arguments)")
          let lines = outcome.errors.split(separator: "\n")
          let last = try #require(lines.last, "\(arguments)")
          #expect(last.hasPrefix("error: ") && last.contains("cannot be written: No space left"))
        }
      }
    #endif

    /// Work goes on where nobody can be told how far it is, and its files are the same.
    @Test(arguments: ["2> /dev/full", "2>&-", "<&- 2>&-"])
    func lostProgress(_ redirection: String) throws {
      let place = try Workspace()
      let fit = (["fit", "vae"] + small).joined(separator: " ")
      #expect(try shell("\(fit) --output heard", in: place).status == 0)
      let outcome = try shell("\(fit) --output unheard \(redirection)", in: place)
      #expect(outcome.status == 0)
      for file in try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/heard") {
        #expect(try place.read("unheard/\(file)") == place.read("heard/\(file)"), "\(file)")
      }
      #expect(try shell("score nothing \(redirection)", in: place).status == 1)
      #expect(try shell("score \(redirection)", in: place).status == 64)
    }

    /// A lost answer is told, and the run is whole all the same.
    @Test func closedStandardOutput() throws {
      let place = try Workspace()
      try place.latent("fit", "factors", "--output", "heard")
      let outcome = try shell("fit factors --output unheard >&-", in: place)
      #expect(outcome.status == 1)
      #expect(
        outcome.errors.hasSuffix("standard output: it cannot be written: Bad file descriptor.\n"))
      for file in try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/heard") {
        #expect(try place.read("unheard/\(file)") == place.read("heard/\(file)"), "\(file)")
      }
    }
  }
}
