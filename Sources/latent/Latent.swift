import ArgumentParser
import Foundation
import LatentIO
import LatentKernels

@main struct Latent: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "latent",
    abstract: "Fast latent variable models on the CPU.",
    version: version,
    subcommands: [
      Fit.self, ScoreCommand.self, CompareCommand.self, GapCommand.self, SampleCommand.self,
      TransformCommand.self, ReconstructCommand.self, ProfileCommand.self, Doctor.self,
    ] + tableCommands)

  #if OpenBLAS
    private static let tableCommands: [any ParsableCommand.Type] = [
      PredictCommand.self, ImputeCommand.self, SegmentCommand.self,
    ]
  #else
    private static let tableCommands: [any ParsableCommand.Type] = [ImputeCommand.self]
  #endif

  static let version = "0.1.0"

  /// What a user can mend is one sentence on standard error.
  static func main() {
    do {
      var command = try parseAsRoot()
      try Processes.run(&command)
    } catch let error as any LatentError {
      Processes.fail(error)
      exit(withError: ExitCode.failure)
    } catch {
      guard exitCode(for: error).isSuccess else {
        Processes.letTheFirstTell()
        exit(withError: error)
      }
      if Processes.speaks { printHelp(fullMessage(for: error)) }
      Foundation.exit(EXIT_SUCCESS)
    }
  }

  private static func printHelp(_ text: String) {
    if !text.isEmpty { print(text) }
    do {
      try flushOutput()
    } catch {
      printError("error: \(error)")
      Foundation.exit(EXIT_FAILURE)
    }
  }
}

struct Fit: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fit a model to data, into a run directory.", subcommands: subcommands)

  #if OpenBLAS
    private static let subcommands: [any ParsableCommand.Type] = [
      FitVAE.self, FitAutoencoder.self, FitMixture.self, FitFactors.self,
    ]
  #else
    private static let subcommands: [any ParsableCommand.Type] = [
      FitVAE.self, FitAutoencoder.self, FitFactors.self,
    ]
  #endif
}

/// One line on standard error.
func printError(_ line: String) {
  FileHandle.standardError.write(Data((line + "\n").utf8))
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
