import LatentKernels
import Synchronization

/// Counts the operations that it hands on to the C kernels.
public final class CountingBackend: Backend {
  public let name = "counting"
  private let inner: FusedBackend
  private let count = Atomic(0)

  public init() throws { inner = try FusedBackend() }

  /// Operations executed so far.
  public var operations: Int { count.load(ordering: .relaxed) }

  public func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run) {
    count.add(operations.count, ordering: .relaxed)
    inner.execute(operations, on: buffers, run: run)
  }
}
