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
  ///   nothing of MPI; ``CommunicationError`` where MPI cannot start; ``FileError`` where what it prints
  ///   is lost; and what the command throws.
  static func run(_ command: inout any ParsableCommand) throws {
    guard let launched else {
      try command.run()
      return try flushOutput()
    }
    guard launched.size == 1 || command is any SharedCommand else {
      throw SettingError(
        "latent \(type(of: command)._commandName) is the work of one process, found \(launched.size) "
          + "that a launcher started, each of which would do it.")
    }
    try join(launched.size)
    do {
      try command.run()
      try flushOutput()
    } catch let code as ExitCode {
      try leave()
      throw code
    }
    try leave()
  }

  /// Waits a while on other ranks than 0, which the launcher ends meanwhile where rank 0 has the same to
  /// tell: the first to end takes the rest with it, told or not.
  static func letTheFirstTell() {
    if !speaks { Thread.sleep(forTimeInterval: 2) }
  }

  /// Tells of an error that ends the run, on rank 0 if it is everybody's, and ends all ranks.
  static func fail(_ error: any LatentError, _ code: ExitCode) {
    letTheFirstTell()
    printError((speaks ? "error" : "error on rank \(launched?.rank ?? 0)") + ": \(error)")
    #if MPI
      ranks?.abort(exitCode: code.rawValue)
    #endif
  }

  // MARK: Watching the others

  nonisolated(unsafe) private static var lastStep: ContinuousClock.Instant?
  nonisolated(unsafe) private static var longestStep = 0.0

  /// Whether a rank that does not answer for long ends the run: where all of them do the same work.
  /// `LATENT_MPI_PATIENCE` says how many seconds that is, 0 for ever.
  static func watch(patiently isWatching: Bool) {
    (lastStep, longestStep) = (nil, 0)
    setPatience(isWatching)
  }

  /// A rank that was told to end waits for the others as long as a step may take.
  static func noteStep() {
    guard communicator.size > 1 else { return }
    let now = ContinuousClock.now
    if let lastStep, (now - lastStep).seconds > 1.5 * longestStep {
      longestStep = (now - lastStep).seconds
      setPatience(true)
    }
    lastStep = now
  }

  private static func setPatience(_ isWatching: Bool) {
    #if MPI
      guard isWatching else {
        return MPICommunicator.setPatience(seconds: 0, secondsToStop: 0, isStopping: nil)
      }
      let given = ProcessInfo.processInfo.environment["LATENT_MPI_PATIENCE"].flatMap { Double($0) }
      MPICommunicator.setPatience(
        seconds: given ?? 20, secondsToStop: max(0.5, 3 * longestStep),
        isStopping: { Interruption.isRaised })
    #endif
  }

  /// Bytes that this rank has handed to MPI so far; nil for one process.
  static var messageBytes: UInt64? {
    #if MPI
      if communicator.size > 1 { return MPICommunicator.handed.bytes }
    #endif
    return nil
  }

  private static func join(_ count: Int) throws {
    #if MPI
      let ranks = try MPICommunicator()
      self.ranks = ranks
      let environment = ProcessInfo.processInfo.environment
      if environment["LATENT_MPI_PROGRESS"] == "thread" { try ranks.startThread() }
      // On one host nothing is gained by computing meanwhile: the ranks' own cores move the data.
      let isOneHost = environment["OMPI_COMM_WORLD_LOCAL_SIZE"] == "\(count)"
      let overlaps = environment["LATENT_OVERLAP"].map { $0 != "0" } ?? !isOneHost
      communicator = overlaps ? ranks : BlockingCommunicator(ranks)
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

  /// The cores that this process may use, a part of them where ranks of this machine share them all.
  static var defaultThreads: Int {
    let allowed = FusedBackend.allowedThreads
    let environment = ProcessInfo.processInfo.environment
    guard communicator.size > 1, allowed == ProcessInfo.processInfo.processorCount,
      let here = environment["OMPI_COMM_WORLD_LOCAL_SIZE"] ?? environment["MPI_LOCALNRANKS"]
    else { return allowed }
    return max(1, allowed / max(1, Int(here) ?? 1))
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

extension Communicator {
  /// What rank 0 makes, as all ranks get it.
  ///
  /// - Throws: on all ranks, where it cannot be made.
  func first<Value: Codable>(_ make: () throws -> Value) throws -> Value {
    guard size > 1 else { return try make() }
    let own = try unanimously { rank == 0 ? try JSONEncoder().encode([make()]) : Data() }
    let told = try broadcast(Array(own), from: 0)
    return try JSONDecoder().decode([Value].self, from: Data(told))[0]
  }
}
