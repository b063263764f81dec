import LatentKernels

/// One fused linear call on contiguous rows, through the Swift API and straight through C, on the same
/// numbers with a pool each.
package final class FusedCall {
  private let layer: PackedLinear
  private let backend: FusedBackend
  private let rows: Int
  private let x, y, weights, bias: Storage<Float>
  private let pool: OpaquePointer
  private let operation: UnsafeMutablePointer<PlanOperation>
  private let buffers: UnsafeMutablePointer<Buffer>
  private let run: UnsafeMutablePointer<Run>
  package let flops: Double

  package init(rows: Int, inputs: Int, outputs: Int, threads: Int) throws {
    let kernels = try Kernels()
    self.rows = rows
    backend = try FusedBackend(threads: threads, instructionSet: kernels.instructionSet)
    layer = try PackedLinear(
      inputs: inputs, outputs: outputs,
      weights: kernels.normals(inputs * outputs, seed: 1).map { $0 * 0.01 },
      bias: kernels.normals(outputs, seed: 2), activation: .relu)
    x = Storage(count: rows * inputs)
    y = Storage(count: rows * outputs)
    try kernels.normals(seed: 3, into: x.values)
    flops = 2 * Double(rows * inputs * outputs)

    // The plan that a C program writes.
    weights = Storage(count: Panels.count(outputs) * 16 * inputs)
    bias = Storage(count: Panels.count(outputs) * 16)
    try kernels.normals(seed: 4, into: weights.values)
    for index in 0..<weights.count { weights.pointer[index] *= 0.01 }
    var pool: OpaquePointer?
    guard latent_pool_create(Int32(threads), latent_isa_best(), &pool) == LATENT_OK, let pool else {
      throw SettingError("The system did not give \(threads) threads.")
    }
    self.pool = pool
    var operation = PlanOperation()
    operation.kind = LATENT_OP_LINEAR_FORWARD
    operation.activation = LATENT_ACTIVATION_RELU
    operation.split_columns = outputs >= 96
    operation.inner = UInt32(inputs)
    operation.columns = UInt32(outputs)
    operation.weights.buffer = 1
    operation.bias.buffer = 2
    operation.input = Operand(buffer: 3, stride: UInt32(inputs), offset: 0)
    operation.output = Operand(buffer: 4, stride: UInt32(outputs), offset: 0)
    self.operation = .allocate(capacity: 1)
    self.operation.initialize(to: operation)
    buffers = .allocate(capacity: 5)
    for (index, buffer) in [Buffer(), weights.buffer, bias.buffer, x.buffer, y.buffer].enumerated()
    {
      (buffers + index).initialize(to: buffer)
    }
    var values = Run()
    values.rows = UInt32(rows)
    run = .allocate(capacity: 1)
    run.initialize(to: values)
  }

  deinit {
    latent_pool_destroy(pool)
    operation.deallocate()
    buffers.deallocate()
    run.deallocate()
  }

  package func throughSwift() throws {
    try layer.forward(
      rows: rows, UnsafeBufferPointer(x.values), into: y.values, on: backend)
  }

  package func throughC() { latent_plan_run(pool, operation, 1, buffers, run, nil) }
}
