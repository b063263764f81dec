import Foundation
import LatentKernels

/// Training steps on several backends, batch sizes and numbers of threads, measured in turns, so that
/// what neighbours do to the machine falls on all of them.
public struct StepComparison {
  private let subjects: [StepSubject]
  private let instructionSet: InstructionSet

  /// One thing to measure; each has a model of its own.
  public struct Subject {
    /// The model's steps, on batches of one size.
    public var workload: StepWorkload
    /// What executes them.
    public var backend: any Backend
    /// Threads of the backend.
    public var threads: Int

    /// Steps of `workload` on a backend, and how many threads that has.
    public init(workload: StepWorkload, backend: any Backend, threads: Int) {
      self.workload = workload
      self.backend = backend
      self.threads = threads
    }
  }

  /// - Parameters:
  ///   - ablates: whether to run the fused backend's steps without each epilogue, too.
  ///   - instructionSet: whose peak they are compared with.
  public init(
    _ subjects: [Subject], ablates: Bool = true, instructionSet: InstructionSet = .best
  ) {
    self.subjects = subjects.map {
      StepSubject($0.workload, backend: $0.backend, threads: $0.threads, ablates: ablates)
    }
    self.instructionSet = instructionSet
  }

  /// - Parameters:
  ///   - seconds: for all together; each has one step of each kind at least, a round.
  ///   - onTurn: called after each turn with those done and those to do.
  public func measure(
    seconds: Double, rounds: Int = 5, onTurn: (Int, Int) -> Void = { _, _ in }
  ) -> [StepMeasurement] {
    guard !subjects.isEmpty else { return [] }
    let rounds = max(1, rounds)
    let turn = seconds / Double(rounds * subjects.count)
    for round in 0..<rounds {
      for index in subjects.indices {
        let subject = subjects[(index + round) % subjects.count]
        subject.turn(seconds: turn, instructionSet: instructionSet)
        if subject.rest > 0 { Thread.sleep(forTimeInterval: subject.rest) }
        onTurn(round * subjects.count + index + 1, rounds * subjects.count)
      }
    }
    var memory: [Int: Double] = [:]
    for threads in Set(subjects.map(\.threads)) {
      memory[threads] = MachineProbes.triad(instructionSet, threads: threads)
    }
    return subjects.map {
      $0.measurement(
        memory: memory[$0.threads]!,
        step: MachineProbes.update(
          instructionSet, threads: $0.threads, bytes: $0.workload.bytes))
    }
  }
}
