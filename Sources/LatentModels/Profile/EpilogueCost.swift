import LatentKernels

/// What an epilogue costs: the operation's time against that of the plain product in its place.
public struct EpilogueCost: Sendable, Codable {
  /// The operation, by the name of its phase.
  public var phase: String
  /// What the plain product in its place leaves out.
  public var epilogue: Epilogue
  /// With the epilogue: a thread's time, a mean over threads; the median over runs.
  public var microseconds: Double
  /// The same without it.
  public var plainMicroseconds: Double
  /// The difference: what the epilogue adds.
  public var costMicroseconds: Double
  /// Runs with the plain product.
  public var runs: Int
}

/// Steps with one operation's epilogue left out, in turns with whole ones.
struct EpilogueAblation {
  private struct Variant {
    let operation: Int
    let epilogue: Epilogue
    let operations: [PlanOperation]
    var times: [Double] = []
  }
  private var variants: [Variant]
  private var next = 0

  init(_ operations: [PlanOperation]) {
    variants = operations.indices.compactMap { index in
      guard let (epilogue, plain) = operations[index].withoutEpilogue else { return nil }
      var changed = operations
      changed[index] = plain
      return Variant(operation: index, epilogue: epilogue, operations: changed)
    }
  }

  var isEmpty: Bool { variants.isEmpty }

  /// One step of the next variant.
  mutating func run(_ execute: ([PlanOperation]) -> StepRecord?) {
    guard !variants.isEmpty else { return }
    if let record = execute(variants[next].operations) {
      variants[next].times.append(record.microseconds(of: variants[next].operation))
    }
    next = (next + 1) % variants.count
  }

  /// - Parameter whole: records of the whole steps in between.
  func costs(whole: [StepRecord], names: [String]) -> [EpilogueCost] {
    variants.filter { !$0.times.isEmpty && !whole.isEmpty }.map { variant in
      let fused = Spread(whole.map { $0.microseconds(of: variant.operation) }).median
      let plain = Spread(variant.times).median
      return EpilogueCost(
        phase: names[variant.operation], epilogue: variant.epilogue, microseconds: fused,
        plainMicroseconds: plain, costMicroseconds: fused - plain, runs: variant.times.count)
    }
  }
}
