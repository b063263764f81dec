import Foundation
import LatentKernels
import LatentModels

// Scores of rows that several ranks divide: each computes those of its share, and all have them all. They are
// keyed by the row's number: the same whatever the ranks.

extension Communicator {
  /// `width` numbers for each row; where every rank holds all of them, each takes its part.
  private func scores(
    of rows: RowShare, width: Int, _ body: (Range<Int>) throws -> [[Double]]
  ) throws -> [[Double]] {
    let part = try part(of: rows)
    let own = try unanimously { try body(part).flatMap { $0 } }
    let all = try gather(own)
    return (0..<rows.total).map { Array(all[$0 * width..<($0 + 1) * width]) }
  }

  /// The rows that this rank looks at.
  func part(of rows: RowShare) throws -> Range<Int> {
    try all(rows.count == rows.total) ? share(of: rows.total) : rows.range
  }

  func elbos(
    of rows: RowShare, _ body: (Range<Int>) throws -> [RowELBO]
  ) throws -> [RowELBO] {
    guard size > 1 else { return try body(0..<rows.total) }
    return try scores(of: rows, width: 2) { try body($0).map { [$0.reconstruction, $0.kl] } }
      .map { RowELBO(reconstruction: $0[0], kl: $0[1]) }
  }

  func estimates(
    of rows: RowShare, _ body: (Range<Int>) throws -> [DensityEstimate]
  ) throws -> [DensityEstimate] {
    guard size > 1 else { return try body(0..<rows.total) }
    return try scores(of: rows, width: 5) { range in
      try body(range).map {
        [
          $0.logDensity, $0.standardError, $0.effectiveSampleSize, $0.largestShare,
          Double($0.samples),
        ]
      }
    }.map {
      DensityEstimate(
        logDensity: $0[0], standardError: $0[1], effectiveSampleSize: $0[2], largestShare: $0[3],
        samples: Int($0[4]))
    }
  }

  func bounds(
    of rows: RowShare, _ form: EvidenceLowerBound.Form,
    _ body: (Range<Int>) throws -> [EvidenceLowerBound.Bounds]
  ) throws -> [ReportedBound] {
    try scores(of: rows, width: 4) { range in
      try body(range).map {
        [$0[form].mean, $0[form].standardError, $0.reconstruction.mean, $0.divergence]
      }
    }.map {
      ReportedBound(
        mean: $0[0], standardError: $0[1], reconstruction: $0[2], divergence: $0[3])
    }
  }
}

/// What is told of one row's bound.
struct ReportedBound {
  var mean, standardError, reconstruction, divergence: Double
}

extension ScoreCommand {
  /// What all ranks need in common.
  var facts: Agreement {
    get throws {
      var facts = Agreement()
      facts.add("version", Latent.version)
      facts.add("command", "score")
      facts.add(modelFile: model)
      facts.add("estimator", estimation.estimator?.rawValue ?? "the default")
      facts.add("samples", estimation.samples ?? 0)
      facts.add("form", estimation.form?.rawValue ?? "the default")
      facts.add("box", estimation.box ?? 0)
      facts.add("temperatures", estimation.temperatures ?? 0)
      facts.add("leapfrog", estimation.leapfrog ?? 0)
      facts.add("seed", seed.map { "\($0)" } ?? "the run's")
      facts.add("rows", rows ?? 0)
      facts.add("flag", flag ?? 0)
      facts.add("stream", stream)
      facts.add("columns", data.columns?.elements.joined(separator: ",") ?? "the run's")
      facts.add("label", data.label ?? "the run's")
      facts.add("data", data.data == nil ? "the run's" : "given")
      return facts
    }
  }
}
