#if OpenBLAS
  import Foundation
  import LatentIO
  import LatentKernels
  import LatentModels

  /// What the components made of the rows.
  struct MixtureSummary {
    struct Component: Encodable {
      var weight: Double
      /// Rows of which it is the likeliest component.
      var rows: Int
      /// Its mean responsibility for those rows: 1 where it stands apart.
      var responsibility: Double
      var mean: [Double]
    }

    var components: [Component]
    private let names: [String]

    init(_ model: GaussianMixture, _ data: TableRows, backend: FusedBackend) throws {
      let size = model.components
      let sums = try data.communicator.sum(count: 2 * size) {
        var sums = [Double](repeating: 0, count: 2 * size)
        try data.rows.forEachChunk(multipleOf: 1) { _, chunk in
          let shares = try model.predictProbabilities(chunk, backend: backend)
          for row in 0..<shares.rows {
            let best = (0..<size).max { shares[row, $0] < shares[row, $1] }!
            sums[best] += 1
            sums[size + best] += shares[row, best]
          }
        }
        return sums
      }
      components = (0..<size).map { k in
        Component(
          weight: model.weights[k], rows: Int(sums[k]),
          responsibility: sums[k] > 0 ? sums[size + k] / sums[k] : 0,
          mean: Array(model.means.row(k)))
      }
      names = data.columnNames ?? (1...data.rows.columns).map { "x\($0)" }
    }

    func write(to path: String) throws {
      let values = components.enumerated().flatMap { index, component in
        [Double(index + 1), component.weight, Double(component.rows), component.responsibility]
          + component.mean
      }
      try CSV.write(
        Matrix(rows: components.count, columns: 4 + names.count, values: values),
        columnNames: ["component", "weight", "rows", "responsibility"]
          + names.map { "mean \($0)" }, to: path)
    }

    var text: String {
      let shown = min(names.count, 6)
      let rows = components.enumerated().map { index, component in
        [
          "\(index + 1)", decimal(component.weight, 3), grouped(component.rows),
          decimal(component.responsibility, 3),
        ]
          + component.mean.prefix(shown).map { String(format: "%.5g", $0) }
      }
      return alignedTable(
        ["component", "weight", "rows", "certainty"] + names.prefix(shown).map { "mean \($0)" },
        rows)
    }
  }

  struct MixtureResult: Encodable {
    struct Candidate: Encodable {
      var components, parameters: Int
      var logLikelihood, bic, aic, icl: Double
      var heldOut: Double?
    }

    var components, parameters: Int
    var covariance: String
    var logLikelihood, meanLogLikelihood: Double
    var heldOutMeanLogLikelihood: Double?
    var iterations: Int
    var converged: Bool
    var restart: Int
    var responsibilities: [MixtureSummary.Component]
    var selection: [Candidate]?
    /// The number of components that each criterion prefers.
    var bestComponents: [String: Int]?
    var rows, columns: Int
    var data, output: String
    var seconds: Double
    var threads: Int
    var instructionSet: String
    var warnings: [String]
    private let summary: MixtureSummary

    private enum CodingKeys: CodingKey {
      case components, parameters, covariance, logLikelihood, meanLogLikelihood
      case heldOutMeanLogLikelihood, iterations, converged, restart, responsibilities, selection
      case bestComponents, rows, columns, data, output, seconds, threads, instructionSet, warnings
    }

    init(
      _ fit: MixtureFit, _ model: GaussianMixture, _ summary: MixtureSummary, data: TableRows,
      logLikelihood: Double, totalWeight: Double, heldOut: Double?, logScale: Double,
      output: String, seconds: Double,
      backend: FusedBackend
    ) {
      self.summary = summary
      let report = fit.report
      (components, parameters) = (model.components, fit.model.parameterCount)
      covariance = fit.model.covarianceKind.name
      self.logLikelihood = logLikelihood
      meanLogLikelihood = logLikelihood / totalWeight
      heldOutMeanLogLikelihood = heldOut
      iterations = report.iterations[report.best]
      converged = report.converged[report.best]
      restart = report.best + 1
      responsibilities = summary.components
      // Densities of standardized rows, brought back to the data's units.
      let shift = logScale * totalWeight
      selection = fit.selection?.candidates.map {
        Candidate(
          components: $0.components, parameters: $0.parameterCount,
          logLikelihood: $0.logLikelihood - shift, bic: $0.bic + 2 * shift,
          aic: $0.aic + 2 * shift, icl: $0.icl + 2 * shift,
          heldOut: $0.heldOut.map { $0 - logScale })
      }
      if let selection = fit.selection {
        bestComponents = [:]
        for criterion in MixtureSelection.Criterion.allCases {
          if let best = selection.best(by: criterion) {
            bestComponents![criterion.rawValue] = selection.candidates[best].components
          }
        }
      }
      (rows, columns) = (data.count, data.rows.columns)
      (self.data, self.output, self.seconds) = (data.name, output, seconds)
      (threads, instructionSet) = (backend.threads, backend.instructionSet.rawValue)
      warnings = fit.warnings
    }

    /// The table of the choice, where there was one.
    func writeSelection(to path: String) throws {
      guard let selection else { return }
      try AtomicFile.write(to: path) { file in
        try file.append("components,parameters,logLikelihood,bic,aic,icl,heldOut\n")
        for row in selection {
          try file.append(
            "\(row.components),\(row.parameters),\(row.logLikelihood),\(row.bic),\(row.aic),"
              + "\(row.icl),\(row.heldOut.map { String($0) } ?? "")\n")
        }
      }
    }

    var text: String {
      var parts: [String] = []
      if let selection {
        let best = bestComponents ?? [:]
        func mark(_ value: String, _ row: Candidate, _ criterion: String) -> String {
          value + (best[criterion] == row.components ? "*" : " ")
        }
        parts.append(
          alignedTable(
            ["components", "parameters", "log-likelihood", "BIC ", "AIC ", "ICL ", "held-out "],
            selection.map { row in
              [
                "\(row.components)", "\(row.parameters)", decimal(row.logLikelihood, 3),
                mark(decimal(row.bic, 2), row, "bic"), mark(decimal(row.aic, 2), row, "aic"),
                mark(decimal(row.icl, 2), row, "icl"),
                row.heldOut.map { mark(decimal($0, 4), row, "heldOut") } ?? "",
              ]
            }) + "\n* the best by each criterion; kept: \(counted(components, "component")), by BIC"
        )
      }
      parts.append(summary.text)
      let heldOut =
        heldOutMeanLogLikelihood.map { ", held-out \(decimal($0, 4)) a row" } ?? ""
      parts.append(
        """
        log-likelihood \(decimal(logLikelihood, 3)), \(decimal(meanLogLikelihood, 4)) a row\(heldOut), \
        \(parameters) parameters, \(iterations) iterations, \(decimal(seconds, 1)) s
        \(output)
        """)
      return parts.joined(separator: "\n\n")
    }
  }

#endif
