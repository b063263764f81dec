import LatentKernels
import LatentModels
import LatentReport

// report.html of models with exact densities. Nothing of time or threads is in it: the same fit writes
// the same page.

extension FactorResult {
  func page(_ model: any FittedFactors, names: [String]?, in run: RunDirectory) throws -> ReportPage
  {
    let columnNames = names ?? (1...columns).map { "x\($0)" }
    var fit: [(name: String, value: String)] = [
      ("log-likelihood", "\(decimal(logLikelihood, 3)) nats"),
      ("a row", "\(decimal(meanLogLikelihood, 4)) nats"),
    ]
    if let heldOutMeanLogLikelihood {
      fit.append(("held out, a row", "\(decimal(heldOutMeanLogLikelihood, 4)) nats"))
    }
    fit += [
      ("observations", grouped(observations)), ("factors", "\(factors)"),
      ("parameters", grouped(parameters)),
    ]
    if let iterations { fit.append(("iterations", "\(iterations)")) }
    if let test, test.degreesOfFreedom > 0 {
      fit.append(
        (
          "test that these factors suffice",
          "chi-squared \(decimal(test.statistic, 2)) on \(test.degreesOfFreedom) degrees of freedom, "
            + "p \(test.pValue < 0.0001 ? "below 0.0001" : "= " + decimal(test.pValue, 4))"
        ))
    }
    fit += warnings.map { ("warning", $0) }
    var sections = [ReportPage.Section("Fit", [.pairs(fit)])]
    var blocks: [ReportPage.Block] = []
    if let figure = try ReportPage.Figure(
      file: run.loadings,
      "Loadings of columns of variance 1, blue above zero and orange below; uniquenesses in grey.")
    {
      blocks.append(.figures([figure]))
    }
    blocks.append(
      .table(
        ["column"] + (0..<factors).map { "factor \($0 + 1)" } + ["uniqueness"],
        rows: columnNames.indices.prefix(200).map { column in
          [columnNames[column]] + loadings[column].map { decimal($0, 3) }
            + [decimal(uniquenesses[column], 3)]
        }))
    sections.append(.init("Loadings", blocks))
    if let history = model.report?.history, history.count > 1 {
      sections.append(
        learning([("log-likelihood", history.map { $0 / Double(max(1, observations)) })]))
    }
    sections.append(.repeating(givenCommand(), digest: nil))
    return ReportPage(
      "\(kind == "ppca" ? "Probabilistic PCA" : "Factor analysis") of \(dataTitle(data))",
      subtitle: "\(counted(factors, "factor")) of \(counted(columns, "column")); "
        + "Latent \(Latent.version)", sections: sections)
  }
}

#if OpenBLAS
  extension MixtureResult {
    /// - Parameters:
    ///   - lowerBounds: of every iteration, restart by restart.
    ///   - logScale: what they lose on the way to the data's units.
    func page(
      lowerBounds: [[Double]], logScale: Double, names: [String]?, in run: RunDirectory
    ) throws -> ReportPage {
      var fit: [(name: String, value: String)] = [
        ("log-likelihood", "\(decimal(logLikelihood, 3)) nats"),
        ("a row", "\(decimal(meanLogLikelihood, 4)) nats"),
      ]
      if let heldOutMeanLogLikelihood {
        fit.append(("held out, a row", "\(decimal(heldOutMeanLogLikelihood, 4)) nats"))
      }
      fit += [
        ("rows", grouped(rows)), ("components", "\(components)"), ("covariance", covariance),
        ("parameters", grouped(parameters)), ("iterations", "\(iterations)"),
        ("converged", converged ? "yes" : "no"),
      ]
      fit += warnings.map { ("warning", $0) }
      var sections = [
        ReportPage.Section("Fit", [.pairs(fit)]), try componentsSection(names, in: run),
      ]
      if let selection { sections.append(try choice(selection, in: run)) }
      sections.append(
        learning(
          lowerBounds.prefix(8).enumerated().map { restart, bounds in
            (lowerBounds.count > 1 ? "start \(restart + 1)" : "EM", bounds.map { $0 - logScale })
          }))
      sections.append(.repeating(givenCommand(), digest: nil))
      return ReportPage(
        "Mixture of Gaussians on \(dataTitle(data))",
        subtitle: "\(counted(components, "component")) of \(counted(columns, "column")), "
          + "\(covariance) covariance; Latent \(Latent.version)", sections: sections)
    }

    private func componentsSection(
      _ names: [String]?, in run: RunDirectory
    ) throws -> ReportPage.Section {
      let columnNames = (names ?? (1...columns).map { "x\($0)" }).prefix(12)
      let figures = try [
        (
          run.clusters,
          "Rows in the colours of their components; ellipses at one and two deviations."
        ),
        (run.steps, "EM on its way from one blob to these clusters, on the rows shown."),
      ].compactMap { try ReportPage.Figure(file: $0.0, $0.1) }
      let table = ReportPage.Block.table(
        ["component", "weight", "rows", "certainty"] + columnNames.map { "mean \($0)" },
        rows: responsibilities.prefix(100).enumerated().map { index, one in
          [
            "\(index + 1)", decimal(one.weight, 3), grouped(one.rows),
            decimal(one.responsibility, 3),
          ] + one.mean.prefix(columnNames.count).map { decimal($0, 4) }
        })
      return .init("Components", figures.isEmpty ? [table] : [.figures(figures), table])
    }

    private func choice(_ candidates: [Candidate], in run: RunDirectory) throws
      -> ReportPage.Section
    {
      var blocks: [ReportPage.Block] = []
      if let figure = try ReportPage.Figure(
        file: run.selectionPlot, "Criteria against the number of components, the best ringed.")
      {
        blocks.append(.figures([figure]))
      }
      blocks.append(
        .table(
          ["components", "parameters", "log-likelihood", "BIC", "AIC", "ICL", "held out, a row"],
          rows: candidates.map { row in
            [
              "\(row.components)", "\(row.parameters)", decimal(row.logLikelihood, 3),
              decimal(row.bic, 2), decimal(row.aic, 2), decimal(row.icl, 2),
              row.heldOut.map { decimal($0, 4) } ?? "",
            ]
          }))
      return .init("Choice of components", blocks)
    }
  }
#endif

/// A curve for each EM run, from iteration 0.
private func learning(
  _ curves: [(name: String, values: [Double])]
) -> ReportPage.Section {
  let chart = LineChart(
    "Log-likelihood", x: "iteration", y: "nats a row",
    series: curves.map { name, values in
      .init(name, values.enumerated().map { (x: Double($0), y: $1) })
    }, isCount: true)
  return .init(
    "Learning",
    chart.picture.map { [.figures([.init($0, "The log-likelihood after so many iterations.")])] }
      ?? [])
}

/// A path's last part.
private func dataTitle(_ data: String) -> String {
  data.split(separator: "/").last.map(String.init) ?? data
}
