import ArgumentParser
import Foundation
import LatentKernels
import LatentMPI

/// A command whose work several processes can share: it asks ``Processes/communicator`` for them, and
/// writes files on rank 0 only. What others print on standard output goes nowhere.
protocol SharedCommand: ParsableCommand {}

/// The processes of this run: several where a launcher of MPI (`mpirun`, `srun`) started them, else this
/// one alone.
enum Processes {
  /// Ranks that do this command's work together.
  nonisolated(unsafe) private(set) static var communicator: any Communicator = SerialCommunicator()

  #if MPI
    nonisolated(unsafe) private static var ranks: MPICommunicator?
  #endif

  /// Whether this process talks: rank 0, or one alone.
  static var speaks: Bool { (launched?.rank ?? 0) == 0 }

  /// Runs a command, together with the others if it can.
  ///
  /// - Throws: ``SettingError`` where several processes would do the same work, or this build knows
  ///   nothing of MPI; ``CommunicationError`` where MPI cannot start; and what the command throws.
  static func run(_ command: inout any ParsableCommand) throws {
    guard let launched else { return try command.run() }
    guard launched.size == 1 || command is any SharedCommand else {
      throw SettingError(
        "latent \(type(of: command)._commandName) is the work of one process, found \(launched.size) "
          + "that a launcher started, each of which would do it.")
    }
    try join(launched.size)
    do {
      try command.run()
    } catch let code as ExitCode {
      try leave()
      throw code
    }
    try leave()
  }

  /// Tells of an error that ends the run, on rank 0 if it is everybody's, and ends all ranks.
  static func fail(_ error: any LatentError) {
    // Rank 0 ends this one meanwhile, where it has the same to tell.
    if !speaks { Thread.sleep(forTimeInterval: 2) }
    printError((speaks ? "error" : "error on rank \(launched?.rank ?? 0)") + ": \(error)")
    #if MPI
      ranks?.abort(exitCode: 1)
    #endif
  }

  private static func join(_ count: Int) throws {
    #if MPI
      let ranks = try MPICommunicator()
      self.ranks = ranks
      // What overlap is measured against.
      let waits = ProcessInfo.processInfo.environment["LATENT_OVERLAP"] == "0"
      communicator = waits ? BlockingCommunicator(ranks) : ranks
      if communicator.rank != 0 {
        let null = open("/dev/null", O_WRONLY)
        dup2(null, STDOUT_FILENO)
        close(null)
      }
    #else
      guard count == 1 else {
        throw SettingError(
          "A launcher started \(count) of this process, each of which would do the same work: build "
            + "latent with --traits MPI,OpenBLAS to share it, or start one.")
      }
    #endif
  }

  private static func leave() throws {
    #if MPI
      try ranks?.end()
    #endif
  }

  /// What the launcher says of this process; nil where none started it.
  private static let launched: (rank: Int, size: Int)? = {
    let environment = ProcessInfo.processInfo.environment
    // Open MPI; MPICH and Slurm's PMI; PMIx, where Slurm knows how many.
    let names = [
      ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"),
      ("PMIX_RANK", "SLURM_NTASKS"),
    ]
    for (rankName, sizeName) in names {
      guard let rank = environment[rankName].flatMap({ Int($0) }) else { continue }
      return (rank, environment[sizeName].flatMap { Int($0) } ?? rank + 1)
    }
    return nil
  }()
}
