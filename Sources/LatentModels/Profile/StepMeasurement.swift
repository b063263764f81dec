import LatentKernels

/// Training steps on one backend with one batch size: their time, and where it goes.
public struct StepMeasurement: Sendable {
  /// The backend's name.
  public var backend: String
  /// Of the fused backend.
  public var instructionSet: String?
  /// Threads of the backend.
  public var threads: Int
  /// Rows of a batch.
  public var batchSize: Int
  /// A step timed from outside, nothing recorded inside.
  public var stepMicroseconds: Spread
  /// Steps behind that figure.
  public var steps: Int
  /// Which share of the steps timed from outside nobody interrupted.
  public var undisturbed: Double
  /// 10⁹ FLOP of a step's products, each as if it were dense.
  public var gflop: Double
  /// GFLOP/s over the median time of a step.
  public var gflops: Double
  /// ``gflops`` by the machine's peak.
  public var fractionOfPeak: Double
  /// How much longer a step takes while it is recorded, as a fraction; the median over pairs of
  /// neighbours.
  public var overhead: Double
  /// What the machine gives at most, measured beside the steps.
  public var roofs: Roofs
  /// Where the time of the recorded steps goes.
  public var profile: StepProfile
  /// Of the fused backend's operations; empty for others, whose passes are separate.
  public var epilogues: [EpilogueCost]
  /// Some of the recorded steps, for a trace.
  public var records: [StepRecord]
  /// What each operation of a step is, in their order.
  public var phases: [String]

  /// All rows of the table by the step timed from outside: 1 where nothing is missing.
  public var sumOfRows: Double { profile.sumMicroseconds / stepMicroseconds.median }

  /// "fused, batch 128, 2 threads"
  public var name: String {
    "\(backend), batch \(batchSize), \(threads) thread\(threads == 1 ? "" : "s")"
  }

  /// Whether neighbours left too few steps in peace for the figures to say much.
  public var isDisturbed: Bool { undisturbed < 0.2 }

  /// Whether some of its products gather rows where the batch is zeros and ones, so that the rates of
  /// the step count more than is computed.
  public var gathers: Bool { profile.phases.contains(where: \.gathers) }

  /// The phases by how much of their roof they reach, the least first.
  public var furthestFromRoof: [PhaseProfile] {
    profile.phases.filter { $0.fractionOfRoof != nil }.sorted {
      ($0.fractionOfRoof ?? 1) < ($1.fractionOfRoof ?? 1)
    }
  }
}

extension StepMeasurement: Encodable {
  enum CodingKeys: String, CodingKey {
    case backend, instructionSet, threads, batchSize, stepMicroseconds, steps, undisturbed, gflop
    case gflops, fractionOfPeak, overhead, sumOfRows, roofs, profile, epilogues
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(backend, forKey: .backend)
    try values.encodeIfPresent(instructionSet, forKey: .instructionSet)
    try values.encode(threads, forKey: .threads)
    try values.encode(batchSize, forKey: .batchSize)
    try values.encode(stepMicroseconds, forKey: .stepMicroseconds)
    try values.encode(steps, forKey: .steps)
    try values.encode(undisturbed, forKey: .undisturbed)
    try values.encode(gflop, forKey: .gflop)
    try values.encode(gflops, forKey: .gflops)
    try values.encode(fractionOfPeak, forKey: .fractionOfPeak)
    try values.encode(overhead, forKey: .overhead)
    try values.encode(sumOfRows, forKey: .sumOfRows)
    try values.encode(roofs, forKey: .roofs)
    try values.encode(profile, forKey: .profile)
    try values.encode(epilogues, forKey: .epilogues)
  }
}
