import Foundation
import LatentKernels
import LatentModels

/// step.svg: a bar a phase, dark as far as its roof needs, light for what it takes beyond.
public enum StepChart {
  /// The phases of a step in their order, then barriers and idling, and the rest.
  public static func picture(of measurement: StepMeasurement) -> SVG {
    let profile = measurement.profile
    var bars = profile.phases.map { phase in
      (
        name: phase.name, time: phase.microseconds.median,
        limit: min(1, phase.fractionOfRoof ?? 0) * phase.microseconds.median
      )
    }
    bars.append(("barriers and idle", profile.idleMicroseconds.median, 0))
    bars.append(("the rest", profile.restMicroseconds.median, 0))
    let names = bars.map { PhaseName.short($0.name, to: 30) }
    let rowHeight = 21.0
    let top = 66.0
    let bottom = top + rowHeight * Double(bars.count)
    let left = min(260, 24 + (names.map { SVG.width(of: $0, size: 12) }.max() ?? 0))
    var svg = SVG(width: 560, height: bottom + 50, title: "Where a step's time goes")
    svg.text("Where a step's time goes", x: 10, y: 14, size: 14, bold: true)
    svg.text(measurement.name, x: 10, y: 33, size: 12)
    let colors = [Color.palette[0], Color.palette[5], Color(red: 170, green: 170, blue: 170)]
    for (index, (name, x)) in [("at its roof", 240.0), ("beyond", 345), ("no roof", 425)]
      .enumerated()
    {
      svg.rectangle(Frame(left: x, top: 45, right: x + 14, bottom: 57), colors[index])
      svg.text(name, x: x + 19, y: 51, size: 12)
    }
    let longest = bars.map(\.time).max() ?? 1
    let scale = SVGAxes.Scale(range: 0...max(longest * 1.12, 1e-9))
    let frame = Frame(left: left, top: top, right: 546, bottom: bottom)
    let ticks = scale.ticks(5)
    for tick in ticks {
      let x = frame.left + scale.position(tick.value) * frame.width
      svg.line((x, top), (x, bottom), .faint)
      svg.text(tick.label, x: x, y: bottom + 13, anchor: .middle, size: 12)
    }
    svg.text(
      "microseconds a thread", x: (frame.left + frame.right) / 2, y: bottom + 33, anchor: .middle,
      size: 12)
    for (index, bar) in bars.enumerated() {
      let y = top + rowHeight * Double(index)
      let phase = index < profile.phases.count ? profile.phases[index] : nil
      func end(_ time: Double) -> Double { frame.left + scale.position(time) * frame.width }
      func rectangle(_ from: Double, _ to: Double, _ color: Color) {
        svg.rectangle(
          Frame(left: end(from), top: y + 3, right: end(to), bottom: y + rowHeight - 3), color)
      }
      if phase?.fractionOfRoof == nil {
        rectangle(0, bar.time, colors[2])
      } else {
        rectangle(0, bar.limit, colors[0])
        rectangle(bar.limit, bar.time, colors[1])
      }
      let middle = y + rowHeight / 2
      svg.text(names[index], x: left - 6, y: middle, anchor: .end, size: 12)
      let label = String(format: bar.time >= 100 ? "%.0f" : "%.1f", bar.time)
      svg.text(label, x: min(end(bar.time) + 4, 528), y: middle, size: 11)
    }
    return svg
  }
}
