import CKernels
import Synchronization

/// A backend that times what another one executes: give it to a network, a trainer or a plan in place
/// of the one it wraps, and take the records when enough steps are done.
///
///     let backend = ProfilingBackend(try FusedBackend())
///     let encoder = try Encoder(..., backend: backend)
///     ...
///     for profile in StepProfile.all(of: backend.takeRecords()) { print(profile.phases) }
///
/// Switched off it costs one relaxed load a call.
public final class ProfilingBackend: Backend {
  /// The backend that executes.
  public let base: any Backend
  /// Runs that are kept until they are taken; later ones are executed, not recorded.
  public let limit: Int
  private let recording: Atomic<Bool>
  private let records = Mutex<[StepRecord]>([])

  public var name: String { base.name }

  /// - Parameter isRecording: whether it times from the start.
  public init(_ base: any Backend, isRecording: Bool = true, limit: Int = 4096) {
    self.base = base
    self.limit = limit
    recording = Atomic(isRecording)
  }

  /// Whether runs are timed and recorded; any thread may switch it at any time.
  public var isRecording: Bool {
    get { recording.load(ordering: .relaxed) }
    set { recording.store(newValue, ordering: .relaxed) }
  }

  /// What was recorded since the last call, oldest first.
  public func takeRecords() -> [StepRecord] {
    records.withLock { records in
      defer { records.removeAll(keepingCapacity: true) }
      return records
    }
  }

  public func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run) {
    guard isRecording, !operations.isEmpty, run.rows > 0 else {
      return base.execute(operations, on: buffers, run: run)
    }
    let record = record(operations, on: buffers, run: run)
    records.withLock { records in
      if records.count < limit { records.append(record) }
    }
  }

  private func record(_ operations: [PlanOperation], on buffers: [Buffer], run: Run) -> StepRecord {
    let fused = base as? FusedBackend
    let threads = fused?.threads ?? 1
    let begin = latent_ticks()
    let ticks = [UInt64](unsafeUninitializedCapacity: operations.count * threads * 2) {
      ticks, count in
      if let fused {
        fused.execute(operations, on: buffers, run: run, timestamps: ticks.baseAddress!)
      } else {
        for (index, operation) in operations.enumerated() {
          let one = [operation]
          ticks.initializeElement(at: 2 * index, to: latent_ticks())
          base.execute(one, on: buffers, run: run)
          ticks.initializeElement(at: 2 * index + 1, to: latent_ticks())
        }
      }
      count = operations.count * threads * 2
    }
    return StepRecord(
      operations: operations, rows: Int(run.rows), threads: threads, begin: begin,
      end: latent_ticks(), ticks: ticks)
  }
}
