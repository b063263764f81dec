import Foundation
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

/// What both siblings know of their fit.
protocol FittedFactors: LinearGaussianModel {
  var kind: String { get }
  var observations: Int { get }
  var logLikelihood: Double { get }
  var parameters: Int { get }
  /// Nil for a closed form.
  var report: FactorReport? { get }
  func save(to path: String) throws
}

extension ProbabilisticPCA: FittedFactors {
  var kind: String { "ppca" }
  var report: FactorReport? { nil }
}

/// A factor analysis keeps these in its report.
struct ReportedFactors: FittedFactors {
  let model: FactorAnalysis

  var kind: String { "factors" }
  var observations: Int { model.report.observations }
  var logLikelihood: Double { model.report.logLikelihood }
  var parameters: Int { model.report.parameters }
  var report: FactorReport? { model.report }
  var mean: [Double] { model.mean }
  var loadings: Matrix<Double> { model.loadings }
  var uniquenesses: [Double] { model.uniquenesses }
  var scale: [Double]? { model.scale }
  func save(to path: String) throws { try model.save(to: path) }
}

extension FittedFactors {
  func loadingsPicture(columnNames: [String]?) -> ColorImage? {
    LoadingsPlot.picture(of: self, columnNames: columnNames)
  }

  func writeHistory(to path: String) throws {
    try AtomicFile.write(to: path) { file in
      try file.append("iteration,logLikelihood\n")
      for (iteration, value) in (report?.history ?? [logLikelihood]).enumerated() {
        try file.append("\(iteration),\(value)\n")
      }
    }
  }
}

struct FactorResult: Encodable {
  var kind: String
  var factors, columns, observations, parameters: Int
  var logLikelihood, meanLogLikelihood: Double
  var heldOutMeanLogLikelihood: Double?
  var iterations: Int?
  var converged: Bool?
  var degreesOfFreedom: Int?
  var test: LikelihoodRatioTest?
  /// One list a column, of columns of variance 1.
  var loadings: [[Double]]
  var uniquenesses: [Double]
  var data, output: String
  var seconds: Double
  var threads: Int
  var instructionSet: String
  var warnings: [String]
  private let table: String

  private enum CodingKeys: CodingKey {
    case kind, factors, columns, observations, parameters, logLikelihood, meanLogLikelihood
    case heldOutMeanLogLikelihood, iterations, converged, degreesOfFreedom, test, loadings
    case uniquenesses, data, output, seconds, threads, instructionSet, warnings
  }

  init(
    _ model: any FittedFactors, data: TableRows, heldOut: Double?, output: String, seconds: Double,
    backend: FusedBackend
  ) throws {
    let names = data.columnNames ?? (1...data.rows.columns).map { "x\($0)" }
    kind = model.kind
    (factors, columns) = (model.factors, model.columns)
    (observations, parameters) = (model.observations, model.parameters)
    logLikelihood = model.logLikelihood
    meanLogLikelihood = model.logLikelihood / Double(max(1, model.observations))
    heldOutMeanLogLikelihood = heldOut
    (iterations, converged) = (model.report?.iterations, model.report?.converged)
    (degreesOfFreedom, test) = (model.report?.degreesOfFreedom, model.report?.test)
    let (standard, unique, _) = model.onCorrelationScale
    loadings = (0..<standard.rows).map { Array(standard.row($0)) }
    uniquenesses = unique
    (self.data, self.output, self.seconds) = (data.name, output, seconds)
    (threads, instructionSet) = (backend.threads, backend.instructionSet.rawValue)
    table = try model.loadingsTable(names: names)
    warnings = []
    guard let report = model.report else { return }
    if !report.converged {
      warnings.append(
        "The fit did not converge in \(report.iterations) iterations; raise --iterations.")
    }
    for column in report.heywoodColumns {
      warnings.append(
        "The uniqueness of \(printable(names[column])) ran to its floor, a Heywood case: fewer factors may fit."
      )
    }
    for column in report.constantColumns {
      warnings.append(
        "Column \(printable(names[column])) is constant: it has no loadings, and its density is that of the floor; leave it "
          + "out where likelihoods are compared.")
    }
  }

  var text: String {
    var lines = [table]
    if let test, test.degreesOfFreedom > 0 {
      lines.append(
        "test that \(factors) factor\(factors == 1 ? " suffices" : "s suffice"): "
          + "chi-squared \(decimal(test.statistic, 2)) on \(test.degreesOfFreedom) degrees of "
          + "freedom, p = \(String(format: "%.3g", test.pValue))")
    }
    let heldOut =
      heldOutMeanLogLikelihood.map { ", held-out \(decimal($0, 4)) a row" } ?? ""
    lines.append(
      "log-likelihood \(decimal(logLikelihood, 3)), \(decimal(meanLogLikelihood, 4)) a row\(heldOut), "
        + "\(parameters) parameters, \(decimal(seconds, 1)) s")
    return lines.joined(separator: "\n") + "\n" + output
  }
}
