import CKernels

/// One operation of a step over many runs.
public struct PhaseProfile: Sendable, Codable {
  /// What the operation is.
  public var name: String
  /// A thread's time in it, a mean over threads, in microseconds.
  public var microseconds: Spread
  /// Waiting before it, at its barrier: the median of the mean over threads.
  public var waitMicroseconds: Double
  /// Of the step timed from outside.
  public var share: Double
  /// 10⁹ FLOP of its product; nil where it has none, or its cost is not known.
  public var gflop: Double?
  /// GFLOP/s over the median time; nil where ``gflop`` is.
  public var gflops: Double?
  /// ``gflops`` by the machine's peak; nil without roofs, too.
  public var fractionOfPeak: Double?
  /// 10⁶ bytes, every operand moved once; nil where the cost is not known.
  public var minimumMegabytes: Double?
  /// GB/s of these bytes over the median time.
  public var gigabytesPerSecond: Double?
  /// FLOP a byte.
  public var intensity: Double?
  /// Whether it adds up gathered rows where the batch is zeros and ones: fewer operations than the
  /// product that ``gflop`` counts, so that no roof is given.
  public var gathers: Bool
  /// Which roof bounds it.
  public var bound: Roofs.Bound?
  /// The least time that this roof allows, by the time taken.
  public var fractionOfRoof: Double?
  /// The median of each thread.
  public var threadMicroseconds: [Double]
}

/// Where the time of a step goes: medians over many runs of one list of operations.
public struct StepProfile: Sendable, Codable {
  /// Rows of the batch.
  public var rows: Int
  /// Threads whose times are told apart.
  public var threads: Int
  /// Runs that were summarized.
  public var runs: Int
  /// One an operation, in their order.
  public var phases: [PhaseProfile]
  /// Threads at barriers, with nothing to do; a mean over threads.
  public var idleMicroseconds: Spread
  /// Starting the threads, and returning.
  public var restMicroseconds: Spread
  /// From before the first operation to after the last.
  public var totalMicroseconds: Spread

  /// All rows together: the phases, idling, and the rest.
  public var sumMicroseconds: Double {
    phases.reduce(idleMicroseconds.median + restMicroseconds.median) { $0 + $1.microseconds.median }
  }

  /// - Parameters:
  ///   - records: runs of the same operations.
  ///   - names: of the operations; their summaries if nil.
  ///   - step: seconds that shares are of, timed from outside; the records' own median if nil.
  /// - Throws: ``ShapeError`` for no record, records of different operations, batch sizes or threads, or
  ///   another number of names than of operations.
  public init(
    _ records: [StepRecord], names: [String]? = nil, roofs: Roofs? = nil, step: Double? = nil
  ) throws {
    guard let first = records.first else {
      throw ShapeError("A profile needs at least one record, found none.")
    }
    guard records.allSatisfy({ $0.key == first.key }) else {
      throw ShapeError(
        "A profile is of runs of one list of operations; StepProfile.all(of:) makes one for each.")
    }
    guard names == nil || names!.count == first.operations.count else {
      throw ShapeError(
        "\(first.operations.count) operations need as many names, found \(names!.count).")
    }
    self.init(alike: records, names: names, roofs: roofs, step: step)
  }

  /// Of at least one run of the same operations.
  package init(
    alike records: [StepRecord], names: [String]? = nil, roofs: Roofs? = nil, step: Double? = nil
  ) {
    let first = records[0]
    let perTick = 1e6 / latent_ticks_per_second()
    let parts = records.map(\.parts)
    (rows, threads, runs) = (first.rows, first.threads, records.count)
    idleMicroseconds = Spread(
      parts.map { ($0.waits.reduce(0, +) + $0.finalWait) * perTick })
    restMicroseconds = Spread(parts.map { $0.rest * perTick })
    totalMicroseconds = Spread(records.map { StepRecord.elapsed($0.begin, $0.end) * perTick })
    let whole = step.map { $0 * 1e6 } ?? totalMicroseconds.median
    let costs = first.operations.costs(rows: first.rows)
    let threads = threads
    phases = first.operations.indices.map { index in
      let times = parts.map { $0.busy[index].reduce(0, +) / Double(threads) * perTick }
      var phase = PhaseProfile(
        name: names?[index] ?? first.operations[index].summary, microseconds: Spread(times),
        waitMicroseconds: Spread(parts.map { $0.waits[index] * perTick }).median, share: 0,
        gathers: first.operations[index].ones,
        threadMicroseconds: (0..<threads).map { thread in
          Spread(parts.map { $0.busy[index][thread] * perTick }).median
        })
      phase.share = phase.microseconds.median / whole
      if let cost = costs[index] { phase.add(cost, roofs) }
      return phase
    }
  }

  /// A profile for each list of operations and batch size among the records, in the order of their
  /// first runs.
  public static func all(of records: [StepRecord], roofs: Roofs? = nil) -> [StepProfile] {
    var order: [String] = []
    var groups: [String: [StepRecord]] = [:]
    for record in records {
      let key = record.key
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(record)
    }
    return order.map { StepProfile(alike: groups[$0]!, roofs: roofs) }
  }
}

extension PhaseProfile {
  fileprivate mutating func add(_ cost: OperationCost, _ roofs: Roofs?) {
    let seconds = microseconds.median * 1e-6
    minimumMegabytes = cost.bytes / 1e6
    gigabytesPerSecond = cost.bytes / seconds / 1e9
    intensity = cost.intensity
    if cost.flops > 0 {
      gflop = cost.flops / 1e9
      gflops = cost.flops / seconds / 1e9
      fractionOfPeak = roofs.map { cost.flops / seconds / 1e9 / $0.peak }
    }
    guard !gathers, let limit = roofs?.limit(of: cost) else { return }
    bound = limit.bound
    fractionOfRoof = limit.seconds / seconds
  }
}

extension StepRecord {
  /// All that the time of its operations depends on, but for where operands lie.
  fileprivate var key: String {
    operations.reduce("\(rows) \(threads)") { key, operation in
      let sizes = [operation.inner, operation.columns, operation.dimensions, operation.samples]
      let kinds = [
        operation.kind.rawValue, operation.activation.rawValue, operation.likelihood.rawValue,
        operation.transform.rawValue, operation.source_kind.rawValue, operation.layout.rawValue,
        operation.objective.rawValue,
      ]
      let flags = [
        operation.barrier, operation.split_columns, operation.update, operation.ones,
        operation.missing,
      ]
      return key + " \(sizes) \(kinds) \(flags)"
    }
  }
}
