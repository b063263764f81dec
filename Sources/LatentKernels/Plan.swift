import CKernels

/// A flat list of operations on numbered buffers, built once for a network, a batch size and an
/// objective, then run as often as wanted without allocating anything.
public struct Plan: @unchecked Sendable {
  /// What is executed, in this order.
  public private(set) var operations: [PlanOperation] = []
  /// Number 0 means "none" to an operand, so that the first buffer is number 1.
  public private(set) var buffers: [Buffer] = [Buffer()]
  // Keeps alive what the buffers point into.
  private var owners: [AnyObject?] = [nil]

  /// A plan without operations or buffers.
  public init() {}

  /// Adds memory that lives as long as the plan.
  public mutating func addBuffer<Element>(_ storage: Storage<Element>) -> UInt32 {
    buffers.append(storage.buffer)
    owners.append(storage)
    return UInt32(buffers.count - 1)
  }

  /// Reserves a number for memory that ``bind(_:to:count:)`` names before each run.
  public mutating func addExternalBuffer() -> UInt32 {
    buffers.append(Buffer())
    owners.append(nil)
    return UInt32(buffers.count - 1)
  }

  /// Names the caller's memory for a reserved number; it must outlive the runs that use it.
  public mutating func bind<Element>(
    _ number: UInt32, to pointer: UnsafePointer<Element>?, count: Int
  ) {
    buffers[Int(number)] = Buffer(
      data: UnsafeMutableRawPointer(mutating: pointer), count: UInt64(count))
  }

  /// Gives a reserved number memory that lives as long as the plan.
  public mutating func bind<Element>(_ number: UInt32, to storage: Storage<Element>) {
    buffers[Int(number)] = storage.buffer
    owners[Int(number)] = storage
  }

  /// Adds an operation at the end.
  public mutating func append(_ operation: PlanOperation) { operations.append(operation) }

  /// Adds operations at the end.
  public mutating func append(contentsOf more: some Sequence<PlanOperation>) {
    operations.append(contentsOf: more)
  }

  /// The same buffers with a part of the operations.
  public func selecting(_ range: Range<Int>) -> Plan {
    var part = self
    part.operations = Array(operations[range])
    return part
  }

  /// The same buffers with other operations on them.
  public func replacing(_ operations: [PlanOperation]) -> Plan {
    var other = self
    other.operations = operations
    return other
  }

  /// Runs the operations on a batch of `run.rows` rows: none of them, on any backend, where there is no row.
  public func execute(on backend: any Backend, run: Run) {
    guard run.rows > 0 else { return }
    backend.execute(operations, on: buffers, run: run)
  }

  /// Checks every operand against its buffer, and against its operation's others, for batches of up to `rows`
  /// rows.
  ///
  /// - Throws: ``ShapeError`` naming the first operation that does not fit, or rows that no run can count;
  ///   ``OverlapError`` naming the first one that writes over an operand of its own.
  public func check(rows: Int) throws {
    guard 0...MatrixExtent.largest ~= rows else {
      throw ShapeError("A batch has 0...\(MatrixExtent.largest) rows, found \(rows).")
    }
    var index = 0
    let status = latent_plan_check(
      operations, operations.count, buffers, buffers.count, UInt32(rows), &index)
    guard status == LATENT_OK else {
      let operation = operations[index]
      let name =
        "PlanOperation \(index) of the plan (kind \(operation.kind.rawValue), \(operation.inner) x "
        + "\(operation.columns))"
      guard status != LATENT_ERROR_OVERLAP else {
        throw OverlapError(
          "\(name) writes over another of its operands; each needs memory of its own.")
      }
      throw ShapeError("\(name) does not fit its buffers at \(rows) rows.")
    }
  }
}
