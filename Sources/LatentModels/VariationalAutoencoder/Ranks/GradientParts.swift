import LatentKernels
import LatentNetworks

/// A plan of gradients in parts, each gradient as early as it can be had: what is finished travels while
/// the rest is computed.
struct GradientParts {
  /// What is run in one go.
  struct Part {
    var plan: Plan
    /// The slice whose gradients are complete after it.
    var slice: Int?
    /// Where the KL of the whole batch opens gates, in place of any operations.
    var gate: Operand?
  }

  let parts: [Part]
  /// All but the gradients of parameters, up to the gate, and after it.
  let passes: [Part]
  /// The gradients of parameters.
  let gradients: [PlanOperation]

  init(_ plan: Plan, slices: [GradientSlices.Slice]) {
    var pending = plan.operations.filter { $0.isGradient }
    gradients = pending
    var left = slices.map { $0.layers.count + ($0.vectors.isEmpty ? 0 : 1) }
    let passes = Self.passes(plan.operations)
    var parts: [Part] = []
    var operations: [PlanOperation] = []
    func finish(slice: Int? = nil, gate: Operand? = nil) {
      guard !operations.isEmpty || gate != nil else { return }
      parts.append(Part(plan: plan.replacing(operations), slice: slice, gate: gate))
      operations = []
    }
    for (index, operation) in passes.enumerated() {
      if operation.kind == LATENT_OP_KL_GATE {
        finish()
        finish(gate: operation.gate)
        continue
      }
      operations.append(operation)
      let later = passes[(index + 1)...]
      let ready = pending.filter { gradient in !later.contains { $0.writes(gradient.gradient) } }
      pending.removeAll { gradient in !later.contains { $0.writes(gradient.gradient) } }
      for var gradient in ready {
        gradient.barrier = true
        operations.append(gradient)
        let slice = slices.firstIndex { $0.range.contains(Int(gradient.bias_gradient.offset)) }!
        left[slice] -= 1
        if left[slice] == 0 { finish(slice: slice) }
      }
      // From the first message on there is something to look after between operations.
      if parts.contains(where: { $0.slice != nil }) { finish() }
    }
    self.parts = parts
    self.passes = passes.split(
      maxSplits: 1, omittingEmptySubsequences: false, whereSeparator: \.isGate
    ).enumerated().flatMap { index, part in
      let gate = index == 0 ? nil : passes.first(where: \.isGate)?.gate
      return (gate.map { [Part(plan: Plan(), gate: $0)] } ?? [])
        + [Part(plan: plan.replacing(Array(part)))]
    }
  }

  /// The operations but for the parameters' gradients; what a row's likelihood is comes right behind it.
  private static func passes(_ operations: [PlanOperation]) -> [PlanOperation] {
    var passes = operations.filter { !$0.isGradient && $0.kind != LATENT_OP_LIKELIHOOD_ROWS }
    if var rows = operations.first(where: { $0.kind == LATENT_OP_LIKELIHOOD_ROWS }) {
      rows.barrier = true
      let place = passes.firstIndex { $0.kind == LATENT_OP_LIKELIHOOD_FORWARD }! + 1
      passes.insert(rows, at: place)
      if place + 1 < passes.count { passes[place + 1].barrier = true }
    }
    return passes
  }
}

extension PlanOperation {
  fileprivate var isGate: Bool { kind == LATENT_OP_KL_GATE }

  /// Whether it makes gradients of parameters.
  fileprivate var isGradient: Bool {
    kind == LATENT_OP_LINEAR_BACKWARD_WEIGHTS || kind == LATENT_OP_VARIANCE_BACKWARD
  }

  fileprivate func writes(_ operand: Operand) -> Bool {
    func isSame(_ other: Operand) -> Bool {
      other.buffer == operand.buffer && other.offset == operand.offset
    }
    switch kind {
    case LATENT_OP_LIKELIHOOD_FORWARD, LATENT_OP_WEIGH_ROWS: return isSame(gradient)
    default: return isSame(output)
    }
  }

  /// The same on rows of the batch from `row` on, which nobody has listed the ones of.
  func shifted(to row: Int) -> PlanOperation {
    var operation = self
    operation.ones = false
    let draws = max(1, Int(samples))
    operation.input.offset += UInt64(row * draws * Int(input.stride))
    operation.gradient.offset += UInt64(row * draws * Int(gradient.stride))
    operation.draw_weight.offset += UInt64(draw_weight.exists ? row * draws : 0)
    operation.target.offset += UInt64(row * Int(target.stride))
    return operation
  }
}
