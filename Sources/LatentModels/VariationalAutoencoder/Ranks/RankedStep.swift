import LatentKernels
import LatentNetworks

/// A step that ranks take together, each on the rows of the batch that it holds: gradients are summed over
/// the ranks, slice by slice while they are computed, then each rank takes the same Adam step.
///
/// With groups of rows, each group is summed by itself, and the sums are joined by a fixed tree: the same
/// bits for any number of ranks.
final class RankedStep: TrainingStep {
  let capacity: Int
  let communicator: any Communicator
  private let balanced: BalancedRows
  let groups: RowGroups?
  /// Asked before a step; see ``stops``.
  var isStopping = false
  /// Whether any rank was asked to stop before the last step.
  private(set) var stops = false
  /// Whether a number of the last step was not finite on any rank.
  private(set) var diverges = false

  private let plan: ELBOPlan
  private let parameters: Parameters
  private let slices: GradientSlices
  private let parts: GradientParts
  private let adam: [Plan]
  private let gradientLimit: Double
  /// Of the last batch: the rows that this rank computes, and how many of each group.
  private var rows: [UInt32] = []
  private var counts: [Int] = []
  /// Sums on their way up the tree, the gradients' own storage first.
  private let sums: [Storage<Float>]

  init(
    _ networks: VariationalNetworks, batches: BatchSource, capacity: Int,
    configuration: TrainingConfiguration, balanced: BalancedRows, groups: RowGroups?,
    communicator: any Communicator
  ) throws {
    self.capacity = capacity
    self.communicator = communicator
    self.balanced = balanced
    self.groups = groups
    plan = try ELBOPlan(
      networks, batches: batches,
      capacity: min(capacity, max(1, balanced.reach(of: communicator.rank).count)), work: .gradient,
      objective: configuration.objective, samples: configuration.samples,
      freeBits: configuration.freeBits > 0)
    let parameters = networks.parameters
    self.parameters = parameters
    gradientLimit = configuration.gradientLimit
    slices = GradientSlices(parameters)
    parts = GradientParts(plan.plan, slices: slices.slices)
    adam = try slices.slices.map { slice in
      var builder = StepBuilder(parameters: parameters, capacity: 1)
      builder.adam(slice)
      let plan = builder.finish().plan
      try plan.check(rows: 1)
      return plan
    }
    let more = (groups?.buffersNeeded ?? 1) - 1
    sums =
      [parameters.gradients] + (0..<more).map { _ in Storage(count: parameters.gradients.count) }
  }

  func execute(on backend: any Backend, rows batch: ArraySlice<UInt32>, run: Run) throws {
    choose(batch)
    let run = plan.place(rows[...], run: run)
    try groups == nil
      ? overlap(on: backend, run: run, batchRows: batch.count)
      : group(on: backend, run: run, batchRows: batch.count)
    let flags = parameters.gradients.pointer + slices.flags.lowerBound
    (stops, diverges) = (flags[0] != 0, flags[1] != 0)
  }

  /// The rows of a batch that this rank computes, group by group where there are groups.
  private func choose(_ batch: ArraySlice<UInt32>) {
    rows = balanced.rows(of: batch, on: communicator.rank)
    guard let groups else { return }
    counts = [Int](repeating: 0, count: groups.count)
    let group = rows.map { groups.group(of: Int($0)) }
    for number in group { counts[number] += 1 }
    rows = rows.indices.sorted { (group[$0], $0) < (group[$1], $1) }.map { rows[$0] }
  }

  // MARK: Slices on their way while others are computed

  private func overlap(on backend: any Backend, run: Run, batchRows: Int) throws {
    var messages: [any CommunicationRequest] = []
    var finished = 0
    for part in parts.parts {
      if let gate = part.gate { try open(gate, run: run, batchRows: batchRows) }
      if run.rows > 0 { part.plan.execute(on: backend, run: run) }
      guard let number = part.slice else {
        for message in messages { _ = try message.test() }
        continue
      }
      let slice = slices.slices[number]
      if run.rows == 0 {
        (parameters.gradients.pointer + slice.range.lowerBound)
          .update(repeating: 0, count: slice.range.count)
      }
      if number == 0 { raiseFlags(in: parameters.gradients, isOne: true) }
      messages.append(
        try communicator.beginAllReduce(slices.pack(slice, in: parameters.gradients)))
      for message in messages.dropLast() { _ = try message.test() }
      // Nothing reads the parameters of the slices before any more, and they are still near.
      while finished < number, try messages[finished].test() {
        finish(finished, on: backend, run: run)
        finished += 1
      }
    }
    for number in finished..<messages.count {
      try messages[number].wait()
      finish(number, on: backend, run: run)
    }
    if gradientLimit > 0 { update(on: backend, run: run) }
  }

  private func finish(_ number: Int, on backend: any Backend, run: Run) {
    slices.unpack(slices.slices[number], in: parameters.gradients)
    // The length of a gradient is known when all of it is there.
    if gradientLimit == 0 { adam[number].execute(on: backend, run: run.onOneRow) }
  }

  private func update(on backend: any Backend, run: Run) {
    parameters.clipGradients(to: gradientLimit)
    for plan in adam { plan.execute(on: backend, run: run.onOneRow) }
  }

  /// What travels behind the first slice: whether this rank is to stop, or has a number that is not finite.
  private func raiseFlags(in buffer: Storage<Float>, isOne: Bool) {
    let flags = buffer.pointer + slices.flags.lowerBound
    flags[0] = isOne && isStopping ? 1 : 0
    flags[1] = isOne && !isFinite ? 1 : 0
  }

  private var isFinite: Bool {
    rows.indices.reduce(0.0) { $0 + Double(plan.logDensity($1)) - Double(plan.kl($1)) }.isFinite
  }

  // MARK: Groups of rows

  private func group(on backend: any Backend, run: Run, batchRows: Int) throws {
    for part in parts.passes {
      if let gate = part.gate { try open(gate, run: run, batchRows: batchRows) }
      if run.rows > 0 { part.plan.execute(on: backend, run: run) }
    }
    guard let groups else { return }
    let own = RowGroups.groups(
      groups.count, of: communicator.rank, size: communicator.size)
    let buffer = parts.gradients.map { max($0.weights_gradient.buffer, $0.bias_gradient.buffer) }
      .max()!
    var first = 0
    try groups.reduce(sums.map(\.values), over: communicator) { group, target in
      let sum = sums.first { $0.pointer == target.baseAddress }!
      defer {
        first += counts[group]
        raiseFlags(in: sum, isOne: group == own.lowerBound)
      }
      guard counts[group] > 0 else { return sum.values.update(repeating: 0) }
      var plan = plan.plan.replacing(parts.gradients.map { $0.shifted(to: first) })
      plan.bind(buffer, to: sum)
      var run = run
      run.rows = UInt32(counts[group])
      plan.execute(on: backend, run: run)
    }
    update(on: backend, run: run)
  }

  // MARK: Free bits

  /// Opens the dimensions whose KL, a mean over the whole batch, is above the free bits.
  private func open(_ gate: Operand, run: Run, batchRows: Int) throws {
    let latents = plan.latentDimensions
    let own = rows.indices.map { klByDimension($0) }
    func sum(_ range: Range<Int>) -> [Double] {
      range.reduce(into: [Double](repeating: 0, count: latents)) { sums, row in
        for l in 0..<latents { sums[l] += own[row][l] }
      }
    }
    var sums: [Double]
    if let groups {
      var first = 0
      sums = (0..<groups.count).flatMap { group in
        defer { first += counts[group] }
        return sum(first..<first + counts[group])
      }
    } else {
      sums = sum(0..<rows.count)
    }
    try communicator.allReduce(&sums)
    let values = plan.values(at: gate)
    for l in 0..<latents {
      let kl = stride(from: l, to: sums.count, by: latents).reduce(0) { $0 + sums[$1] }
      values[l] = kl > Double(run.free_bits) * Double(batchRows) ? 1 : 0
    }
  }

  private func klByDimension(_ row: Int) -> [Double] {
    let (mean, logVariance) = plan.posterior(row)
    let variance = logVariance.applying(InstructionSet.reproducible.kernels.exp)
    return mean.indices.map {
      0.5 * Double(mean[$0] * mean[$0] + variance[$0] - 1 - logVariance[$0])
    }
  }

  // MARK: What the batch says

  func logDensity(_ row: Int) -> Float { plan.logDensity(row) }
  func kl(_ row: Int) -> Float { plan.kl(row) }
  func evidenceBound(_ row: Int, beta: Float) -> Float { plan.evidenceBound(row, beta: beta) }

  func add(rows count: Int, to sums: inout PartialEpoch, boundAt beta: Float?) {
    sums.rows += count
    guard groups != nil else { return sums.add(rows.indices, of: self, boundAt: beta) }
    var first = 0
    for (group, count) in counts.enumerated() {
      var sum = sums.group(group)
      sum.add(first..<first + count, of: self, boundAt: beta)
      sums.set(group, to: sum)
      first += count
    }
  }

  /// Named by the first rank that has one.
  func firstNotFinite(rows count: Int) -> String? {
    let own = plan.firstNotFinite(rows: rows.count)
    let names = try? communicator.gather(Array((own ?? "").utf8) + [0])
    let phases = (names ?? []).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    return phases.first ?? own
  }

  func largestInput(rows count: Int) -> Float? { plan.largestInput(rows: rows.count) }
}

extension Run {
  /// For operations on parameters, which know no rows; a run without any does nothing.
  fileprivate var onOneRow: Run {
    var run = self
    run.rows = 1
    return run
  }
}
