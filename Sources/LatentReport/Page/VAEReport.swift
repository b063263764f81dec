import Foundation
import LatentIO
import LatentKernels
import LatentModels

/// The sections about a fitted variational autoencoder.
public struct VAEReport {
  /// Learning, pictures and the latent space, as far as there are any.
  public let sections: [ReportPage.Section]
  /// Points of the latent map.
  public static let maximumRows = 2000

  /// - Parameters:
  ///   - directory: whose pictures are shown.
  ///   - examples: rows for the latent map; the first ``maximumRows`` of them.
  ///   - bound: what the history's ELBO is, `TrainingConfiguration.boundName`.
  /// - Throws: `LatentError` for rows that the model does not take.
  public init(
    _ model: VAE, history: [EpochMetrics], modelEpoch: Int, directory: RunDirectory,
    examples: Dataset, bound: String = "ELBO", backend: any Backend
  ) throws {
    var sections: [ReportPage.Section] = []
    let last = history.first { $0.epoch == modelEpoch } ?? history.last
    if let last {
      func row(_ name: String, _ training: Double, _ heldOut: Double?) -> [String] {
        [name, Self.nats(training), heldOut.map(Self.nats) ?? ""]
      }
      sections.append(
        .init(
          "Learning",
          [
            .table(
              ["nats a row, epoch \(last.epoch)", "training", "held out"],
              rows: [
                row(bound, last.elbo, last.heldOutELBO),
                row("reconstruction", last.reconstruction, last.heldOutReconstruction),
                row("KL", last.kl, last.heldOutKL),
              ]),
            .figures(
              LineChart.learningCurves(history, bound: bound).compactMap { chart in
                chart.picture.map { .init($0, chart.caption) }
              }),
          ]))
    }
    let pictures = try [
      (directory.reconstructions, "Rows of the data, what the model makes of them below each."),
      (directory.samples, "Draws from the prior, decoded: E[x|z] for z ~ N(0, I)."),
      (directory.manifold, "E[x|z] over quantiles of the prior in both latent dimensions."),
    ].compactMap { try ReportPage.Figure(file: $0.0, $0.1) }
    if !pictures.isEmpty { sections.append(.init("Pictures", [.figures(pictures)])) }
    if examples.rows.count > 0 {
      sections.append(try Self.latentSpace(model, examples, backend))
    }
    self.sections = sections
  }

  private static func latentSpace(
    _ model: VAE, _ examples: Dataset, _ backend: any Backend
  ) throws -> ReportPage.Section {
    let rows = examples.selecting(Array(0..<min(examples.rows.count, maximumRows)))
    let means = try model.transform(model.batches(of: rows), backend: backend).mean
    let units = ActiveUnits(
      variances: (0..<means.columns).map { column in
        let values = (0..<means.rows).map { Double(means[$0, column]) }
        let center = values.reduce(0, +) / Double(values.count)
        return values.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(values.count)
      })
    let first = units.order[0]
    let second = units.order.count > 1 ? units.order[1] : nil
    let points = (0..<means.rows).map { row in
      (x: Double(means[row, first]), y: second.map { Double(means[row, $0]) } ?? 0)
    }
    let map = ScatterChart.picture(
      "Latent map", x: "posterior mean of z\(first + 1)",
      y: second.map { "posterior mean of z\($0 + 1)" } ?? "", points: points, labels: rows.labels)
    let which = second == nil ? "the latent dimension" : "the two most active latent dimensions"
    return .init(
      "Latent space",
      [
        .figures([
          .init(
            map,
            "Posterior means of \(means.rows) rows in \(which)"
              + (rows.labels == nil ? "." : "; labels stand at the medians of their rows.")),
          .init(
            units.picture,
            "The variance of each posterior mean over these rows, in units of the prior's."),
        ])
      ])
  }

  private static func nats(_ value: Double) -> String { String(format: "%.3f", value) }
}

extension LineChart {
  fileprivate var caption: String { "\(title), a mean over rows." }
}
