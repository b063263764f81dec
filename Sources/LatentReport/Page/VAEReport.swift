import Foundation
import LatentIO
import LatentKernels
import LatentModels

/// The sections about a fitted autoencoder, variational or deterministic.
public struct VAEReport {
  /// Learning, pictures and the latent space, as far as there are any.
  public let sections: [ReportPage.Section]
  /// Points of the latent map.
  public static let maximumRows = 2000

  /// - Parameters:
  ///   - directory: whose pictures are shown.
  ///   - examples: rows for the latent map; the first ``maximumRows`` of them.
  ///   - bound: what the history's ELBO is, `TrainingConfiguration.boundName`.
  ///   - other: names the model whose samples stand beside this one's; nil where none do.
  /// - Throws: `LatentError` for rows that the model does not take.
  public init(
    _ model: VAE, history: [EpochMetrics], modelEpoch: Int, directory: RunDirectory,
    examples: Dataset, bound: String = "ELBO", beside other: String? = nil, backend: any Backend
  ) throws {
    var sections: [ReportPage.Section] = []
    let bound = model.isDeterministic ? nil : bound
    if let last = history.first(where: { $0.epoch == modelEpoch }) ?? history.last {
      sections.append(Self.learning(history, last, bound: bound))
    }
    let pictures = try Self.pictures(of: model, in: directory, beside: other)
    if !pictures.isEmpty { sections.append(.init("Pictures", [.figures(pictures)])) }
    if examples.rows.count > 0 {
      sections.append(try Self.latentSpace(model, examples, backend))
    }
    self.sections = sections
  }

  /// - Parameter bound: nil for an autoencoder without one.
  private static func learning(
    _ history: [EpochMetrics], _ last: EpochMetrics, bound: String?
  ) -> ReportPage.Section {
    func row(_ name: String, _ training: Double, _ heldOut: Double?) -> [String] {
      [name, nats(training)] + (heldOut.map { [nats($0)] } ?? [])
    }
    let reconstruction = row(
      bound == nil ? "log p(x|z) at the code" : "reconstruction", last.reconstruction,
      last.heldOutReconstruction)
    return .init(
      "Learning",
      [
        .table(
          ["nats a row, epoch \(last.epoch)", "training"]
            + (last.heldOutReconstruction == nil ? [] : ["held out"]),
          rows: bound.map {
            [
              row($0, last.elbo, last.heldOutELBO), reconstruction,
              row("KL", last.kl, last.heldOutKL),
            ]
          } ?? [reconstruction]),
        .figures(
          LineChart.learningCurves(history, bound: bound).compactMap { chart in
            chart.picture.map { .init($0, chart.caption) }
          }),
      ])
  }

  private static func pictures(
    of model: VAE, in directory: RunDirectory, beside other: String?
  ) throws -> [ReportPage.Figure] {
    let isDeterministic = model.isDeterministic
    let pictures = [
      (directory.reconstructions, "Rows of the data, what the model makes of them below each."),
      (
        directory.samples,
        isDeterministic
          ? "Draws from a normal distribution with the mean and covariance of the codes, decoded."
          : "Draws from the prior, decoded: E[x|z] for z ~ N(0, I)."
      ),
      (
        directory.manifold,
        isDeterministic
          ? "Decoded quantiles of the codes' normal distribution in both dimensions."
          : "E[x|z] over quantiles of the prior in both latent dimensions."
      ),
    ]
    // Only where this fit wrote it: a resumed run may have an older one.
    let beside = other.map {
      [(directory.beside, "Draws from this model, left, and \($0), right.")]
    }
    return try (pictures + (beside ?? [])).compactMap { try ReportPage.Figure(file: $0.0, $0.1) }
  }

  private static func latentSpace(
    _ model: VAE, _ examples: Dataset, _ backend: any Backend
  ) throws -> ReportPage.Section {
    let rows = examples.selecting(Array(0..<min(examples.rows.count, maximumRows)))
    let means = try model.transform(model.batches(of: rows), backend: backend).mean
    let units = ActiveUnits(means: means)
    let first = units.order[0]
    let second = units.order.count > 1 ? units.order[1] : nil
    let points = (0..<means.rows).map { row in
      (x: Double(means[row, first]), y: second.map { Double(means[row, $0]) } ?? 0)
    }
    let isDeterministic = model.isDeterministic
    func axis(_ dimension: Int) -> String {
      (isDeterministic ? "code" : "posterior mean of") + " z\(dimension + 1)"
    }
    let map = ScatterChart.picture(
      "Latent map", x: axis(first), y: second.map(axis) ?? "", points: points, labels: rows.labels)
    let which =
      second == nil
      ? "the latent dimension"
      : isDeterministic
        ? "the two dimensions where they vary most" : "the two most active latent dimensions"
    return .init(
      "Latent space",
      [
        .figures([
          .init(
            map,
            "\(isDeterministic ? "Codes" : "Posterior means") of \(means.rows) rows in \(which)"
              + (rows.labels == nil ? "." : ", coloured by their labels.")),
          isDeterministic
            ? .init(
              units.codePicture, "The variance of each dimension of the code over these rows.")
            : .init(
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
