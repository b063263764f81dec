import Foundation
import LatentKernels
import LatentModels

/// roofline.svg: a point a phase under the machine's roofs (Williams, Waterman and Patterson 2009),
/// both axes logarithmic. Phases without products have no FLOPs and no point.
public enum RooflineChart {
  /// The phases of a step under its roofs; those that gather rows have no point either.
  public static func picture(of measurement: StepMeasurement) -> SVG {
    let roofs = measurement.roofs
    let phases = measurement.profile.phases.filter { ($0.gflops ?? 0) > 0 && !$0.gathers }
    let lines = Double((phases.count + 1) / 2)
    var svg = SVG(width: 560, height: 420 + 19 * lines, title: "Roofline")
    svg.text("Roofline", x: 10, y: 14, size: 14, bold: true)
    svg.text(measurement.name, x: 10, y: 33, size: 12)
    let ridge = roofs.peak / roofs.stepBandwidth
    let intensities = phases.compactMap(\.intensity) + [ridge]
    let rates = phases.compactMap(\.gflops)
    let x = SVGAxes.Scale(
      range: pow(
        2, floor(log2(intensities.min()! / 1.5)))...pow(
          2, ceil(log2(intensities.max()! * 1.5))), isLogarithmic: true)
    let lowest = min(rates.min() ?? roofs.peak, roofs.peak / 10) / 1.5
    let y = SVGAxes.Scale(
      range: lowest...max(roofs.peak, rates.max() ?? 0) * 1.6, isLogarithmic: true)
    let axes = SVGAxes(frame: Frame(left: 66, top: 52, right: 546, bottom: 360), x: x, y: y)
    axes.draw(on: &svg, x: "FLOP a byte", y: "GFLOP/s")
    roof(roofs.stepBandwidth, "\(whole(roofs.stepBandwidth)) GB/s, a step's memory", axes, roofs)
    let megabytes = MachineProbes.triadBytes >> 20
    roof(
      roofs.memoryBandwidth, "\(whole(roofs.memoryBandwidth)) GB/s through \(megabytes) MB", axes,
      roofs)
    svg.text(
      "\(whole(roofs.peak)) GFLOP/s peak", x: axes.frame.right - 6,
      y: axes.point(1, roofs.peak).y - 10, anchor: .end, size: 12)
    // Points that nearly coincide share a label.
    var groups: [(at: (x: Double, y: Double), numbers: [Int])] = []
    for (index, phase) in phases.enumerated() {
      let at = axes.point(phase.intensity!, phase.gflops!)
      svg.disc(x: at.x, y: at.y, radius: 5, color(phase.name))
      if let near = groups.firstIndex(where: {
        abs($0.at.x - at.x) < 14 && abs($0.at.y - at.y) < 12
      }) {
        groups[near].numbers.append(index + 1)
      } else {
        groups.append((at, [index + 1]))
      }
      let (column, line) = (Double(index % 2), Double(index / 2))
      let place = (x: 16 + 274 * column, y: 418 + 19 * line)
      svg.disc(x: place.x, y: place.y, radius: 5, color(phase.name))
      svg.text(
        "\(index + 1)  \(PhaseName.short(phase.name))", x: place.x + 10, y: place.y, size: 12)
    }
    var taken: [(x: Double, y: Double)] = []
    for group in groups {
      let text = group.numbers.map(String.init).joined(separator: ", ")
      let width = SVG.width(of: text, size: 11)
      // Within the frame, and aside from others.
      let isRight = group.at.x + 8 + width < axes.frame.right
      var label = (x: isRight ? group.at.x + 8 : group.at.x - 8 - width, y: group.at.y + 9)
      while taken.contains(where: { abs($0.x - label.x) < width + 2 && abs($0.y - label.y) < 11 }) {
        label.y += 11
      }
      taken.append(label)
      svg.text(text, x: label.x, y: label.y, size: 11, halo: true)
    }
    return svg

    func roof(_ bandwidth: Double, _ name: String, _ axes: SVGAxes, _ roofs: Roofs) {
      let isStep = bandwidth == roofs.stepBandwidth
      let ridge = roofs.peak / bandwidth
      // From where the line enters the frame.
      let start = max(x.range.lowerBound, lowest / bandwidth)
      let end = min(ridge, x.range.upperBound)
      if start >= end { return }
      let points = [axes.point(start, start * bandwidth), axes.point(end, end * bandwidth)]
      svg.polyline(points, width: 2, isStep ? .ink : .palette[6], dashed: !isStep)
      if isStep, ridge < x.range.upperBound {
        svg.polyline(
          [points[1], axes.point(x.range.upperBound, roofs.peak)], width: 2, .ink)
      }
      let line = isStep ? 14.0 : 33.0
      svg.line(
        (270, line), (298, line), width: 2, isStep ? .ink : .palette[6], dashed: !isStep)
      svg.text(name, x: 304, y: line, size: 12)
    }
  }

  private static func whole(_ value: Double) -> String { String(format: "%.0f", value) }

  /// Forward, gradients of inputs, gradients of weights.
  private static func color(_ phase: String) -> Color {
    if phase.contains("weight gradient") { return .palette[1] }
    return phase.contains("input gradient") ? .palette[2] : .palette[0]
  }
}
