import Foundation
import LatentKernels
import LatentModels
import LatentReport

/// Profiles as text, no line longer than 80 columns.
struct ProfileTable {
  let measurements: [StepMeasurement]
  var perThread = false

  var text: String {
    var parts: [String] = []
    if measurements.count > 1 {
      parts.append(comparison)
      parts += stride(from: 0, to: measurements.count, by: 5).map {
        phasesSideBySide(Array(measurements[$0..<min($0 + 5, measurements.count)]))
      }
    } else {
      parts += measurements.map(single)
    }
    return parts.joined(separator: "\n\n")
  }

  // MARK: One

  private func single(_ m: StepMeasurement) -> String {
    let profile = m.profile
    let step = m.stepMicroseconds.median
    var rows = profile.phases.map { phase -> [String] in
      [
        PhaseName.short(phase.name, to: phase.gathers ? 16 : 17) + (phase.gathers ? "*" : ""),
        Columns.number(phase.microseconds.median, 6),
        Columns.number((phase.microseconds.p90 - phase.microseconds.p10) / 2, 4),
        Columns.percent(phase.share),
        phase.gflop.map { Columns.number($0, 6) } ?? "",
        phase.gflops.map { Columns.number($0, 5) } ?? "",
        phase.fractionOfPeak.map { Columns.percent($0) } ?? "",
        phase.minimumMegabytes.map { Columns.number($0, 5) } ?? "-",
        phase.gigabytesPerSecond.map { Columns.number($0, 5) } ?? "-",
        phase.intensity.map { $0 > 0 ? Columns.number($0, 5) : "" } ?? "-",
        phase.bound.map { $0 == .compute ? "FMA" : "mem" } ?? "-",
        phase.fractionOfRoof.map { Columns.percent($0) } ?? "-",
      ]
    }
    func row(_ name: String, _ spread: Spread) -> [String] {
      [
        name, Columns.number(spread.median, 6), Columns.number((spread.p90 - spread.p10) / 2, 4),
        Columns.percent(spread.median / step),
      ] + [String](repeating: "", count: 8)
    }
    rows.append(row("barriers and idle", profile.idleMicroseconds))
    rows.append(row("the rest", profile.restMicroseconds))
    rows.append(
      [
        "sum of these rows", Columns.number(profile.sumMicroseconds, 6), "",
        Columns.percent(m.sumOfRows),
      ]
        + [String](repeating: "", count: 8))
    rows.append(
      [
        "step from outside", Columns.number(step, 6),
        Columns.number((m.stepMicroseconds.p90 - m.stepMicroseconds.p10) / 2, 4), "100",
        Columns.number(m.gflop, 6), Columns.number(m.gflops, 5), Columns.percent(m.fractionOfPeak),
      ] + [String](repeating: "", count: 5))
    let header = [
      "phase", "us", "+-", "%", "GFLOP", "GF/s", "pk%", "MB", "GB/s", "F/B", "roof", "rf%",
    ]
    var parts = [head(m), Columns.table(header, rows)]
    if perThread { parts.append(threads(m)) }
    if !m.epilogues.isEmpty { parts.append(epilogues(m)) }
    parts.append(summary(m))
    return parts.joined(separator: "\n\n")
  }

  private func head(_ m: StepMeasurement) -> String {
    let set = m.instructionSet.map { ", \($0)" } ?? ""
    return """
      \(m.name)\(set): \(m.steps) steps, \(Columns.percent(m.undisturbed)) % of all undisturbed
      roofs: \(Columns.number(m.roofs.peak, 5)) GFLOP/s; \(Columns.number(m.roofs.stepBandwidth, 5)) GB/s through a \
      step's memory, \(Columns.number(m.roofs.memoryBandwidth, 5)) through \(MachineProbes.triadBytes >> 20) MB
      """
  }

  private func summary(_ m: StepMeasurement) -> String {
    let worst = m.furthestFromRoof.prefix(2).map {
      "\(PhaseName.short($0.name)) (\(Columns.percent($0.fractionOfRoof!)) %)"
    }
    return """
      \(m.gathers ? "* gathers rows where the batch is one: computes less than GFLOP counts\n" : "")\
      us: median of a thread's time; +-: half of p10...p90; F/B: FLOP a byte
      furthest from their roofs: \(worst.joined(separator: ", "))
      recording costs \(String(format: "%+.2f", m.overhead * 100)) % of the step
      """
  }

  private func threads(_ m: StepMeasurement) -> String {
    let shown = min(m.profile.threads, 7)
    let rows = m.profile.phases.map { phase in
      [PhaseName.short(phase.name)]
        + phase.threadMicroseconds.prefix(shown).map { Columns.number($0, 6) }
        + [Columns.number(phase.waitMicroseconds, 6)]
    }
    return Columns.table(["phase"] + (0..<shown).map { "thread \($0)" } + ["wait before"], rows)
  }

  private func epilogues(_ m: StepMeasurement) -> String {
    let step = m.stepMicroseconds.median
    let rows = m.epilogues.map {
      [
        PhaseName.short($0.phase), $0.epilogue.title, Columns.number($0.microseconds, 6),
        Columns.number($0.plainMicroseconds, 6), Columns.number($0.costMicroseconds, 6),
        Columns.percent($0.costMicroseconds / step),
      ]
    }
    return "epilogues, by ablation\n"
      + Columns.table(["phase", "epilogue", "us", "plain us", "cost us", "% of step"], rows)
  }

  // MARK: Several

  private var comparison: String {
    let first = measurements[0].stepMicroseconds.median / Double(measurements[0].batchSize)
    let rows = measurements.map { m in
      let step = m.stepMicroseconds
      return [
        m.backend, "\(m.batchSize)", "\(m.threads)", Columns.number(step.median / 1e3, 6),
        Columns.number(step.p10 / 1e3, 6), Columns.number(step.p90 / 1e3, 6),
        Columns.number(m.gflops, 5),
        Columns.percent(m.fractionOfPeak),
        Columns.number(Double(m.batchSize) / step.median * 1e6, 8),
        String(format: "%.2f", step.median / Double(m.batchSize) / first),
        Columns.percent(m.sumOfRows),
      ]
    }
    return Columns.table(
      [
        "backend", "batch", "thr", "ms", "p10", "p90", "GF/s", "pk%", "rows/s", "ratio", "sum%",
      ], rows) + "\nratio: time a row by the first line's"
  }

  private func phasesSideBySide(_ group: [StepMeasurement]) -> String {
    // A step may have two phases of one name.
    struct Place: Hashable {
      var name: String
      var occurrence: Int
    }
    let columns = group.map { m in
      var counts: [String: Int] = [:]
      return m.profile.phases.map { phase -> (place: Place, time: Double) in
        defer { counts[phase.name, default: 0] += 1 }
        let place = Place(name: phase.name, occurrence: counts[phase.name, default: 0])
        return (place, phase.microseconds.median)
      }
    }
    let places = columns.joined().reduce(into: [Place]()) { places, phase in
      if !places.contains(phase.place) { places.append(phase.place) }
    }
    var rows = places.map { place in
      [PhaseName.short(place.name)]
        + columns.map { column in
          column.first { $0.place == place }.map { Columns.number($0.time, 7) } ?? ""
        }
    }
    rows.append(
      ["barriers and idle"] + group.map { Columns.number($0.profile.idleMicroseconds.median, 7) })
    rows.append(["the rest"] + group.map { Columns.number($0.profile.restMicroseconds.median, 7) })
    rows.append(["step"] + group.map { Columns.number($0.stepMicroseconds.median, 7) })
    return Columns.table(
      ["phase, us"] + group.map { "\($0.backend.prefix(5))/\($0.batchSize)/\($0.threads)" }, rows)
  }
}
