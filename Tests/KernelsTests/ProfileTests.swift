import LatentKernels
import Testing

@Suite struct ProfileTests {
  /// x[rows x inner] W[inner x columns] and Adam on W from x as its own gradient's left factor.
  private func plan(rows: Int, inner: Int, columns: Int) throws -> Plan {
    var plan = Plan()
    func buffer(_ count: Int) -> UInt32 {
      let storage = Storage<Float>(count: count)
      for index in 0..<count { storage.pointer[index] = Float(index % 7) / 7 }
      return plan.addBuffer(storage)
    }
    let width = Panels.count(columns) * 16
    let x = Operand(buffer: buffer(rows * inner), stride: UInt32(inner), offset: 0)
    let y = Operand(buffer: buffer(rows * width), stride: UInt32(width), offset: 0)
    let weights = Panels.count(columns) * inner * 16
    func operand(_ count: Int) -> Operand { Operand(buffer: buffer(count), stride: 0, offset: 0) }
    var forward = PlanOperation()
    forward.kind = LATENT_OP_LINEAR_FORWARD
    forward.split_columns = true
    forward.activation = LATENT_ACTIVATION_TANH
    (forward.inner, forward.columns) = (UInt32(inner), UInt32(columns))
    (forward.input, forward.output) = (x, y)
    (forward.weights, forward.bias) = (operand(weights), operand(width))
    var backward = forward
    backward.kind = LATENT_OP_LINEAR_BACKWARD_WEIGHTS
    backward.barrier = true
    backward.update = true
    backward.gradient = y
    backward.weights_first_moment = operand(weights)
    backward.weights_second_moment = operand(weights)
    backward.bias_first_moment = operand(width)
    backward.bias_second_moment = operand(width)
    plan.append(contentsOf: [forward, backward])
    try plan.check(rows: rows)
    return plan
  }

  private func run(_ rows: Int) -> Run {
    var run = Run()
    run.rows = UInt32(rows)
    run.epsilon = 1e-8
    return run
  }

  @Test func costsCountProductsAndOperands() throws {
    let plan = try plan(rows: 10, inner: 20, columns: 30)
    let costs = plan.operations.costs(rows: 10).compactMap { $0 }
    #expect(costs.map(\.flops) == [12_000, 12_000])
    let (forward, backward) = (200 + 600 + 30 + 300, 200 + 300 + 6 * 630)
    #expect(costs.map(\.bytes) == [4 * Double(forward), 4 * Double(backward)])
    #expect(costs[0].intensity == 12_000 / costs[0].bytes)
  }

  @Test func drawsOfARowAreRows() {
    var operation = PlanOperation()
    operation.kind = LATENT_OP_LINEAR_FORWARD
    (operation.inner, operation.columns, operation.samples) = (8, 16, 5)
    let cost = [operation].costs(rows: 3)[0]
    #expect(cost?.flops == Double(2 * 15 * 8 * 16))
    operation.kind = LATENT_OP_LIST_ONES
    operation.split_columns = true
    #expect([operation].costs(rows: 3)[0] == nil)
  }

  @Test func pairedLayersCountWithoutTheirPadding() {
    var operation = PlanOperation()
    operation.kind = LATENT_OP_LIKELIHOOD_FORWARD
    operation.likelihood = LATENT_LIKELIHOOD_GAUSSIAN
    (operation.inner, operation.columns, operation.dimensions) = (8, 64, 20)
    #expect([operation].costs(rows: 3)[0]?.flops == Double(2 * 3 * 8 * 40))
  }

  @Test(arguments: [1, 2, 3]) func partsOfARecordAddUp(threads: Int) throws {
    let plan = try plan(rows: 64, inner: 96, columns: 96)
    let backend = ProfilingBackend(try FusedBackend(threads: threads))
    for _ in 0..<5 { plan.execute(on: backend, run: run(64)) }
    let records = backend.takeRecords()
    #expect(records.count == 5 && backend.takeRecords().isEmpty)
    for record in records {
      #expect(record.threads == threads && record.ticks.count == 2 * 2 * threads)
      #expect(record.begin <= record.start(0, thread: 0) && record.last <= record.end)
      for thread in 0..<threads {
        #expect(record.start(0, thread: thread) <= record.end(0, thread: thread))
        #expect(record.end(0, thread: thread) <= record.start(1, thread: thread))
      }
      // One record: medians are the values themselves, so rows add up to the whole.
      let profile = try StepProfile([record])
      let total = profile.totalMicroseconds.median
      #expect(abs(profile.sumMicroseconds - total) < 1e-6 * total + 1e-6)
    }
  }

  @Test func recordsOnlyWhenAsked() throws {
    let plan = try plan(rows: 8, inner: 16, columns: 16)
    let backend = ProfilingBackend(ReferenceBackend(), isRecording: false, limit: 2)
    plan.execute(on: backend, run: run(8))
    #expect(backend.takeRecords().isEmpty)
    backend.isRecording = true
    for _ in 0..<4 { plan.execute(on: backend, run: run(8)) }
    let records = backend.takeRecords()
    #expect(records.count == 2 && records[0].threads == 1)
    #expect(backend.name == "reference")
  }

  /// Recorded or not, the same bits come out.
  @Test func recordingChangesNothing() throws {
    func results(_ backend: any Backend) throws -> [Float] {
      let plan = try plan(rows: 33, inner: 50, columns: 40)
      var run = run(33)
      (run.rate, run.decay1, run.decay2) = (0.01, 0.9, 0.999)
      for _ in 0..<3 { plan.execute(on: backend, run: run) }
      return withExtendedLifetime(plan) {
        plan.buffers.dropFirst().flatMap { buffer in
          let values = buffer.data.assumingMemoryBound(to: Float.self)
          return (0..<Int(buffer.count)).map { values[$0] }
        }
      }
    }
    let fused = try FusedBackend(threads: 2)
    let plain = try results(fused).map(\.bitPattern)
    #expect(try results(ProfilingBackend(fused)).map(\.bitPattern) == plain)
    #expect(
      try results(ProfilingBackend(ReferenceBackend())).map(\.bitPattern)
        == results(ReferenceBackend()).map(\.bitPattern))
  }

  @Test func profilesAreOfOneListOfOperationsEach() throws {
    let (small, large) = (
      try plan(rows: 16, inner: 16, columns: 16), try plan(rows: 16, inner: 32, columns: 16)
    )
    let backend = ProfilingBackend(try FusedBackend(threads: 1))
    for _ in 0..<3 {
      small.execute(on: backend, run: run(16))
      large.execute(on: backend, run: run(16))
      large.execute(on: backend, run: run(8))
    }
    let roofs = Roofs(threads: 1, peak: 100, memoryBandwidth: 10, stepBandwidth: 20)
    let profiles = StepProfile.all(of: backend.takeRecords(), roofs: roofs)
    #expect(profiles.map(\.runs) == [3, 3, 3])
    #expect(profiles.map(\.rows) == [16, 16, 8])
    #expect(
      profiles[1].phases.map(\.name) == [
        "linear forward 32 x 16", "weight gradient and Adam 32 x 16",
      ])
    for phase in profiles.flatMap(\.phases) {
      // What is told twice agrees.
      let seconds = phase.microseconds.median * 1e-6
      #expect(abs(phase.gflops! * seconds - phase.gflop!) < 1e-9)
      #expect(abs(phase.fractionOfPeak! * 100 - phase.gflops!) < 1e-6 * phase.gflops!)
      // 2 to 8 FLOP a byte, below a ridge of 5, above it: the roof follows.
      #expect(phase.bound == (phase.intensity! >= 5 ? .compute : .memory))
    }
  }

  /// What differs in a single kind is another step.
  @Test func kindsAreNotMixed() throws {
    let one = try plan(rows: 16, inner: 16, columns: 16)
    let backend = ProfilingBackend(try FusedBackend(threads: 1))
    let changes: [(inout PlanOperation) -> Void] = [
      { _ in }, { $0.activation = LATENT_ACTIVATION_ELU }, { $0.samples = 1 },
    ]
    for change in changes {
      var operations = one.operations
      change(&operations[0])
      one.replacing(operations).execute(on: backend, run: run(16))
    }
    let records = backend.takeRecords()
    #expect(StepProfile.all(of: records).map(\.runs) == [1, 1, 1])
    #expect(throws: ShapeError.self) { try StepProfile(records) }
    #expect(throws: ShapeError.self) { try StepProfile([]) }
    for names in [[], ["one"], ["one", "two", "three"]] {
      #expect(throws: ShapeError.self) { try StepProfile([records[0]], names: names) }
    }
    #expect(
      try StepProfile([records[0]], names: ["one", "two"]).phases.map(\.name) == ["one", "two"])
  }

  @Test func ablationLeavesTheProductAsItIs() throws {
    let plan = try plan(rows: 24, inner: 40, columns: 48)
    let (epilogue, plain) = try #require(plan.operations[0].withoutEpilogue)
    #expect(epilogue == .activation && plain.activation == LATENT_ACTIVATION_IDENTITY)
    let (second, written) = try #require(plan.operations[1].withoutEpilogue)
    #expect(second == .adam && !written.update)
    #expect(written.weights_gradient.buffer == plan.operations[1].weights_first_moment.buffer)
    #expect(plain.withoutEpilogue == nil && written.withoutEpilogue == nil)
    // Both fit the buffers of the plan that they are taken from.
    var ablated = plan.selecting(0..<0)
    ablated.append(contentsOf: [plain, written])
    try ablated.check(rows: 24)
    ablated.execute(on: try FusedBackend(threads: 2), run: run(24))
  }

  @Test func spreads() {
    let spread = Spread([5, 1, 3, 2, 4])
    #expect(spread.median == 3 && abs(spread.p10 - 1.4) < 1e-12 && abs(spread.p90 - 4.6) < 1e-12)
    #expect(Spread([Double]()).median.isNaN)
    #expect(Spread([7]).p90 == 7)
  }

  @Test func probesMeasureSomething() {
    #expect(MachineProbes.peak(.best, threads: 1, rounds: 1, seconds: 0.001) > 0.1)
    for set in InstructionSet.available {
      #expect(MachineProbes.triad(set, threads: 2, bytes: 1 << 12) > 0)
      #expect(MachineProbes.update(set, threads: 2, bytes: 1 << 12) > 0)
      let (b, c): ([Float], [Float]) = (
        [1, 2, 3] + (0..<30).map(Float.init), Array(repeating: 2, count: 33)
      )
      var a = [Float](repeating: 0, count: 34)
      set.kernels.triad(33, b, c, &a)
      #expect(Array(a.prefix(33)) == b.map { $0 + 6 } && a[33] == 0)
    }
    for threads in [Int.min, -1, 0] {
      #expect(MachineProbes.triad(.best, threads: threads, bytes: 1 << 12) > 0)
      #expect(MachineProbes.update(.best, threads: threads, bytes: 1 << 12) > 0)
      #expect(MachineProbes.peak(.best, threads: threads, rounds: 1, seconds: 0.001) > 0)
    }
    #expect(MachineProbes.triad(.best, threads: .max, bytes: 1 << 12) > 0)
  }

  /// A second of waiting is more than a five hundredth of a second, and five are less than that of an hour;
  /// threads that have ended take theirs along.
  @Test func calm() {
    let waits = SchedulerWaits()
    let second: UInt64 = 1_000_000_000
    #expect(!waits.isCalm(since: waits.nanoseconds &- second, seconds: 1))
    #expect(waits.isCalm(since: waits.nanoseconds &- 5 * second, seconds: 3600))
    #expect(!waits.isCalm(since: waits.nanoseconds &+ 100 * second, seconds: 3600))
  }
}
