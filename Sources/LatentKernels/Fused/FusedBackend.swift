import CKernels

/// The C kernels on a pool of threads: the backend that everything uses unless told otherwise.
///
/// Same seed, same bits: on every instruction set that keeps the bit contract, for any number of
/// threads.
public final class FusedBackend: Backend, @unchecked Sendable {
  // The pool is locked by C for the length of a plan; nothing else here changes.
  let pool: OpaquePointer
  /// How many threads compute, the caller among them.
  public let threads: Int
  /// Whose kernels they run.
  public let instructionSet: InstructionSet

  /// "fused".
  public var name: String { "fused" }

  /// - Parameters:
  ///   - threads: how many compute, the caller among them; all cores allowed to the process if nil.
  ///   - instructionSet: ``InstructionSet/selected()`` if nil.
  /// - Throws: ``SettingError`` when the CPU lacks the set, or the threads cannot be had.
  public init(threads: Int? = nil, instructionSet: InstructionSet? = nil) throws {
    let threads = threads ?? Self.allowedThreads
    let chosen = try instructionSet ?? InstructionSet.selected()
    var pool: OpaquePointer?
    try checkThreads(threads)
    switch latent_pool_create(Int32(threads), chosen.code, &pool) {
    case LATENT_OK: break
    case LATENT_ERROR_INSTRUCTION_SET:
      throw SettingError(
        "This CPU lacks \(chosen.rawValue); it has "
          + InstructionSet.available.map(\.rawValue).joined(separator: ", ") + ".")
    default:
      throw SettingError("The system did not give \(threads) threads; ask for fewer.")
    }
    self.pool = pool!
    self.threads = threads
    self.instructionSet = chosen
  }

  deinit { latent_pool_destroy(pool) }

  /// Runs the operations in one parallel region; a second caller waits its turn.
  public func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run) {
    withUnsafePointer(to: run) { run in
      latent_plan_run(pool, operations, operations.count, buffers, run, nil)
    }
  }

  /// Executes as ``execute(_:on:run:)`` and writes for each operation and thread when it started and
  /// ended, in ticks: `operations.count * threads * 2` values.
  public func execute(
    _ operations: [PlanOperation], on buffers: [Buffer], run: Run,
    timestamps: UnsafeMutablePointer<UInt64>
  ) {
    withUnsafePointer(to: run) { run in
      latent_plan_run(pool, operations, operations.count, buffers, run, timestamps)
    }
  }

  /// The cores that this process may use (`taskset` and cgroups included).
  public static var allowedThreads: Int { Int(latent_allowed_threads()) }
}
