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
      // A setting out of range, or in another's way, is bad usage like an option that is none.
      let code = error is SettingError ? ExitCode.validationFailure : .failure
      Processes.fail(error, code)
      exit(withError: code)
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
