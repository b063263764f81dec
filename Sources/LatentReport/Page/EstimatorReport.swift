import Foundation
import LatentModels

/// The section about gradient estimators: what a millisecond buys.
enum EstimatorReport {
  static func section(_ estimators: [GradientNoise]) -> ReportPage.Section {
    var blocks: [ReportPage.Block] = [
      .paragraph(
        "\(estimators[0].draws) gradients of one batch of \(estimators[0].batchSize) rows each, with "
          + "draws of z of their own. The signal-to-noise ratio is the norm of the mean gradient by the root of the trace of its "
          + "covariance; a second's ratio is that of the mean over a second's gradients.")
    ]
    let figures = ["encoder", "decoder"].compactMap { group in
      chart(estimators, group).picture.map {
        ReportPage.Figure($0, "Of the \(group)'s gradient; logarithms to base 10.")
      }
    }
    if Set(estimators.map(\.samples)).count > 1 { blocks.append(.figures(figures)) }
    blocks.append(
      .table(
        [
          "objective, samples", "ms a batch", "parameters", "variance", "signal to noise",
          "in a second",
        ],
        rows: estimators.flatMap { one in
          one.groups.map { group in
            [
              "\(one.objective), \(one.samples): \(group.name)",
              String(format: "%.3f", one.millisecondsPerBatch.median), "\(group.parameters)",
              String(format: "%.3e", group.variance), ProfileReport.n(group.signalToNoise, 3),
              ProfileReport.n(group.signalToNoisePerSecond, 2),
            ]
          }
        }))
    return .init("Gradient estimators", blocks)
  }

  private static func chart(_ estimators: [GradientNoise], _ group: String) -> LineChart {
    var names: [String] = []
    for one in estimators where !names.contains(one.objective) { names.append(one.objective) }
    return LineChart(
      "Signal to noise in a second: \(group)", x: "log10 samples", y: "log10 SNR",
      series: names.map { name in
        .init(
          name,
          estimators.filter { $0.objective == name }.sorted { $0.samples < $1.samples }.map { one in
            let ratio = one.group(group)?.signalToNoisePerSecond ?? .nan
            return (log10(Double(one.samples)), log10(ratio))
          })
      })
  }
}
