import LatentKernels

extension Operand {
  init(_ buffer: UInt32, _ offset: Int, stride: Int = 0) {
    self.init(buffer: buffer, stride: UInt32(stride), offset: UInt64(offset))
  }
}

/// Collects the operations of a step, gives them room in a workspace, and sets barriers where an
/// operation reads what other threads wrote.
public struct StepBuilder {
  /// Rows of the largest batch.
  public let capacity: Int
  /// Draws of z a row in the operations to come; room in the workspace is for as many.
  public var samples = 1
  /// The operations so far.
  public private(set) var plan = Plan()
  private var workspaceCount = 0
  private let workspace: UInt32
  let parameters, transposed, gradients, firstMoments, secondMoments: UInt32
  /// The data set's row behind each row of the batch.
  public let rowIndex: UInt32

  /// What an operation reads of what others wrote before it.
  public enum Reads {
    /// Rows that the same thread wrote, if those before it were split by rows too.
    case ownRows
    /// Rows that any thread wrote.
    case allRows
    /// Activations and their gradients, never what another such operation writes.
    case activations
    /// Written gradients of the parameters.
    case gradients
    /// Nothing that was written since the last barrier.
    case settled
  }
  private var last = Reads.settled
  private var lastSamples = 1
  /// What each operation is, for profiles and error messages; an operation's `label` is its index.
  public private(set) var phases: [String] = []

  /// A step on `set`, for batches of up to `capacity` rows.
  public init(parameters set: Parameters, capacity: Int, rowIndex: Storage<UInt32>? = nil) {
    self.capacity = capacity
    workspace = plan.addExternalBuffer()
    parameters = plan.addBuffer(set.values)
    transposed = plan.addBuffer(set.transposed)
    gradients = plan.addBuffer(set.gradients)
    firstMoments = plan.addBuffer(set.firstMoments)
    secondMoments = plan.addBuffer(set.secondMoments)
    self.rowIndex = if let rowIndex { plan.addBuffer(rowIndex) } else { 0 }
  }

  /// Memory of the caller's that lives as long as the plan.
  public mutating func addBuffer<Element>(_ storage: Storage<Element>) -> UInt32 {
    plan.addBuffer(storage)
  }

  /// Room for [capacity * samples x columns] in the workspace, or [rows x columns]; rows start on cache
  /// lines.
  public mutating func matrix(columns: Int, rows: Int? = nil) -> Operand {
    let stride = Panels.count(columns) * 16
    defer { workspaceCount += (rows ?? capacity * samples) * stride }
    return Operand(workspace, workspaceCount, stride: stride)
  }

  /// Room for `count` floats in the workspace.
  public mutating func vector(count: Int) -> Operand {
    defer { workspaceCount += Panels.count(count) * 16 }
    return Operand(workspace, workspaceCount)
  }

  /// A row-major matrix in memory that is bound before each run.
  public mutating func external(columns: Int) -> Operand {
    Operand(plan.addExternalBuffer(), 0, stride: columns)
  }

  /// Adds an operation, behind a barrier where it reads what other threads wrote.
  public mutating func append(_ operation: PlanOperation, reads: Reads, phase: String) {
    var operation = operation
    operation.label = UInt32(phases.count)
    operation.samples = UInt32(samples)
    phases.append(phase)
    operation.barrier =
      switch (last, reads) {
      case (_, .settled), (.settled, _), (.activations, .activations): false
      // Threads share draws out in another way than rows.
      case (.ownRows, .ownRows): samples != lastSamples
      default: true
      }
    plan.append(operation)
    if reads != .settled { (last, lastSamples) = (reads, samples) }
  }

  /// The finished plan and its workspace; builders that went on from the same start can share one.
  public func finish(sharing shared: Storage<Float>? = nil) -> (
    plan: Plan, workspace: Storage<Float>
  ) {
    let storage = shared ?? Storage<Float>(count: workspaceCount)
    precondition(storage.count >= workspaceCount)
    var plan = plan
    plan.bind(workspace, to: storage)
    return (plan, storage)
  }
}
