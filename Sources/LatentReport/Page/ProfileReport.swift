import Foundation
import LatentKernels
import LatentModels

/// The sections about measured training steps.
public struct ProfileReport {
  /// The steps side by side, each by itself, and the gradient estimators.
  public let sections: [ReportPage.Section]

  /// - Parameter estimators: of gradients, where they were compared.
  public init(_ measurements: [StepMeasurement], _ estimators: [GradientNoise] = []) {
    var sections: [ReportPage.Section] = []
    if measurements.count > 1 { sections.append(Self.sideBySide(measurements)) }
    sections += measurements.prefix(12).map(Self.section)
    if !estimators.isEmpty { sections.append(EstimatorReport.section(estimators)) }
    self.sections = sections
  }

  private static func sideBySide(_ measurements: [StepMeasurement]) -> ReportPage.Section {
    let first = measurements[0]
    let unit = first.stepMicroseconds.median / Double(first.batchSize)
    return .init(
      "Side by side",
      [
        .table(
          [
            "step", "ms", "p10", "p90", "GFLOP/s", "of peak", "rows/s", "time a row by the first's",
          ],
          rows: measurements.map { m in
            let step = m.stepMicroseconds
            return [
              m.name, n(step.median / 1e3, 3), n(step.p10 / 1e3, 3), n(step.p90 / 1e3, 3),
              n(m.gflops, 1), percent(m.fractionOfPeak),
              n(Double(m.batchSize) / step.median * 1e6, 0),
              n(step.median / Double(m.batchSize) / unit, 2),
            ]
          })
      ])
  }

  private static func section(_ m: StepMeasurement) -> ReportPage.Section {
    let profile = m.profile
    let step = m.stepMicroseconds.median
    var rows = profile.phases.map(row)
    func other(_ name: String, _ spread: Spread) -> [String] {
      [
        name, n(spread.median, 1), "\(n(spread.p10, 1))...\(n(spread.p90, 1))",
        percent(spread.median / step),
      ] + [String](repeating: "", count: 8)
    }
    rows.append(other("barriers and idle", profile.idleMicroseconds))
    rows.append(other("the rest", profile.restMicroseconds))
    rows.append(
      ["sum of these rows", n(profile.sumMicroseconds, 1), "", percent(m.sumOfRows)]
        + [String](repeating: "", count: 8))
    var whole = other("step, timed from outside", m.stepMicroseconds)
    (whole[4], whole[5], whole[6]) = (n(m.gflop, 4), n(m.gflops, 1), percent(m.fractionOfPeak))
    rows.append(whole)
    var blocks: [ReportPage.Block] = [
      .paragraph(
        "\(n(step / 1e3, 3)) ms a step, \(percent(m.fractionOfPeak)) of the measured peak of "
          + "\(n(m.roofs.peak, 0)) GFLOP/s. Bandwidth: \(n(m.roofs.stepBandwidth, 0)) GB/s through "
          + "as much memory as a step uses, \(n(m.roofs.memoryBandwidth, 0)) GB/s "
          + "through \(MachineProbes.triadBytes >> 20) MB. "
          + (m.gathers
            ? "Products with the batch gather rows where it is one, and compute less than their "
              + "GFLOP, which count the dense product. " : "")
          + (m.overhead.isFinite ? "Recording costs \(n(m.overhead * 100, 2)) % of the step. " : "")
          + "\(m.steps) steps; \(n(m.undisturbed * 100, 0)) % of all ran undisturbed"
          + (m.isDisturbed
            ? ": others used this machine's cores, so measure again in a calmer moment." : ".")),
      .figures([
        .init(StepChart.picture(of: m), "Medians of a thread's time in each phase."),
        .init(
          RooflineChart.picture(of: m),
          "Bytes are the least that a phase must move: each operand once."),
      ]),
      .table(
        [
          "phase", "µs", "p10...p90", "share", "GFLOP", "GFLOP/s", "of peak", "MB at least", "GB/s",
          "FLOP/byte", "bound by", "of roof",
        ], rows: rows),
    ]
    if !m.epilogues.isEmpty {
      blocks.append(
        .paragraph(
          "What epilogues cost, by ablation: the phase's time against that of the plain product "
            + "in its place."))
      blocks.append(
        .table(
          ["phase", "epilogue", "µs", "plain µs", "cost µs", "of step"],
          rows: m.epilogues.map {
            [
              PhaseName.short($0.phase, to: 30), $0.epilogue.title, n($0.microseconds, 1),
              n($0.plainMicroseconds, 1),
              n($0.costMicroseconds, 1), percent($0.costMicroseconds / step),
            ]
          }))
    }
    return .init("A step: \(m.name)", blocks)
  }

  private static func row(_ phase: PhaseProfile) -> [String] {
    let time = phase.microseconds
    var cells: [String] = [PhaseName.short(phase.name, to: 30), n(time.median, 1)]
    cells.append("\(n(time.p10, 1))...\(n(time.p90, 1))")
    cells.append(percent(phase.share))
    func add(_ value: Double?, _ text: (Double) -> String) {
      cells.append(value.map(text) ?? "")
    }
    add(phase.gflop) { n($0, 4) }
    add(phase.gflops) { n($0, 1) }
    add(phase.fractionOfPeak, percent)
    add(phase.minimumMegabytes) { n($0, 3) }
    add(phase.gigabytesPerSecond) { n($0, 1) }
    add(phase.intensity.flatMap { $0 > 0 ? $0 : nil }) { n($0, 2) }
    cells.append(phase.bound?.rawValue ?? "")
    add(phase.fractionOfRoof, percent)
    return cells
  }

  static func n(_ value: Double, _ digits: Int) -> String {
    value.isFinite ? String(format: "%.\(digits)f", value) : "-"
  }

  private static func percent(_ share: Double) -> String {
    share.isFinite ? String(format: "%.1f %%", share * 100) : "-"
  }
}
