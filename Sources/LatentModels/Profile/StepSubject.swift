import LatentKernels

/// A workload on a backend, and what was measured of it so far.
final class StepSubject {
  let workload: StepWorkload
  let backend: ProfilingBackend
  let threads: Int
  /// Seconds of peace afterwards: OpenBLAS's threads spin for some time.
  let rest: Double
  private var plain = Calls()
  private var recorded: [(record: StepRecord, undisturbed: Bool)] = []
  private var overheads: [Double] = []
  private var ablation: EpilogueAblation
  private(set) var peaks: [Double] = []
  private var recordsFirst = false

  init(_ workload: StepWorkload, backend: any Backend, threads: Int, ablates: Bool) {
    self.workload = workload
    self.backend = ProfilingBackend(backend, isRecording: false)
    self.threads = threads
    rest = backend.name == "openblas" && threads > 1 ? 0.15 : 0
    ablation = EpilogueAblation(
      ablates && backend is FusedBackend ? workload.plan.plan.operations : [])
  }

  private struct Calls {
    var all: [Double] = []
    var undisturbed: [Double] = []
    var fasterHalf: [Double] { Array(all.sorted().prefix((all.count + 1) / 2)) }
  }

  /// Steps for so many seconds: plain ones, recorded ones and ablated ones in turns.
  func turn(seconds: Double, instructionSet: InstructionSet) {
    peaks.append(
      MachineProbes.peak(instructionSet, threads: threads, rounds: 2, seconds: 0.004))
    backend.isRecording = false
    step()
    let waits = SchedulerWaits()
    let perTick = 1 / latent_ticks_per_second()
    let start = latent_ticks()
    repeat {
      recordsFirst.toggle()
      let first = time(waits, recording: recordsFirst)
      let second = time(waits, recording: !recordsFirst)
      let (recorded, plain) = recordsFirst ? (first, second) : (second, first)
      if recorded.undisturbed && plain.undisturbed {
        overheads.append(recorded.seconds / plain.seconds - 1)
      }
      if !ablation.isEmpty {
        backend.isRecording = true
        ablation.run { operations in
          let before = waits.nanoseconds
          backend.execute(operations, on: workload.plan.plan.buffers, run: workload.run)
          return waits.nanoseconds == before ? backend.takeRecords().last : discard()
        }
      }
    } while Double(latent_ticks() - start) * perTick < seconds
    peaks.append(
      MachineProbes.peak(instructionSet, threads: threads, rounds: 2, seconds: 0.004))
  }

  private func discard() -> StepRecord? {
    _ = backend.takeRecords()
    return nil
  }

  private func step() {
    workload.plan.execute(on: backend, rows: workload.nextRows(), run: workload.run)
  }

  private func time(
    _ waits: SchedulerWaits, recording: Bool
  ) -> (seconds: Double, undisturbed: Bool) {
    backend.isRecording = recording
    let before = waits.nanoseconds
    let begin = latent_ticks()
    step()
    let seconds = Double(latent_ticks() - begin) / latent_ticks_per_second()
    let undisturbed = waits.isCalm(since: before, seconds: seconds)
    if recording {
      if let record = backend.takeRecords().last { recorded.append((record, undisturbed)) }
    } else {
      plain.all.append(seconds)
      if undisturbed { plain.undisturbed.append(seconds) }
    }
    return (seconds, undisturbed)
  }

  private var fasterHalf: [StepRecord] {
    let sorted = recorded.map(\.record).sorted { $0.end &- $0.begin < $1.end &- $1.begin }
    return Array(sorted.prefix((sorted.count + 1) / 2))
  }

  /// - Parameter memory: GB/s from memory, and of arrays as large as the step's.
  func measurement(memory: Double, step: Double) -> StepMeasurement {
    // Steps that nobody interrupted; where they are too few, the faster half: the same choice for
    // both kinds, since their times are compared.
    let calm = recorded.filter(\.undisturbed).map(\.record)
    let isCalm = min(calm.count, plain.undisturbed.count) >= 5
    let records = isCalm ? calm : fasterHalf
    let times = isCalm ? plain.undisturbed : plain.fasterHalf
    let roofs = Roofs(
      threads: threads, peak: peaks.max() ?? .nan, memoryBandwidth: memory, stepBandwidth: step)
    let seconds = Spread(times)
    let phases = workload.plan.phases
    let names = workload.plan.plan.operations.map { phases[Int($0.label)] }
    let gflop = workload.flops / 1e9
    return StepMeasurement(
      backend: backend.name,
      instructionSet: (backend.base as? FusedBackend)?.instructionSet.rawValue, threads: threads,
      batchSize: workload.batchSize,
      stepMicroseconds: Spread(times.map { $0 * 1e6 }), steps: times.count,
      undisturbed: Double(plain.undisturbed.count) / Double(max(1, plain.all.count)),
      gflop: gflop, gflops: gflop / seconds.median,
      fractionOfPeak: gflop / seconds.median / roofs.peak, overhead: Spread(overheads).median,
      roofs: roofs,
      profile: StepProfile(alike: records, names: names, roofs: roofs, step: seconds.median),
      epilogues: ablation.costs(whole: records, names: names),
      records: Array(records.suffix(20)), phases: names)
  }
}
