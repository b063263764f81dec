import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// log p of what was observed, in the data's own units, against models that say it exactly: each column
/// that a row has brings its scale along, none that it lacks.
@Suite struct MissingDensityTests {
  let truth = Truth(columns: 12, factors: 3)
  let model: VAE
  let rows: Rows
  let data: BatchSource
  let exact: [Double]
  let backend = try! FusedBackend(threads: 2)

  init() throws {
    model = try truth.autoencoder()
    model.configuration.missing = true
    // Row 0 lacks nothing.
    var matrix: Matrix<Double> = try removing(0.15, from: Rows(truth.sample(12, seed: 5))).matrix()
    try matrix.values.replaceSubrange(0..<12, with: truth.sample(12, seed: 5).values[0..<12])
    rows = Rows(matrix)
    data = try model.batches(of: Dataset(name: "gaps", rows: rows))
    exact = try truth.scoreSamples(rows)
    #expect(data.hasMissing)
    // A wrong count would show in every test here.
    let scale = model.configuration.standardization!.scale
    let lacking = (0..<12).map { row in
      scale.indices.reduce(0) { rows.value(row, $1).isNaN ? $0 + log(scale[$1]) : $0 }
    }
    #expect(abs(lacking.reduce(0, +)) > 12 * 0.2, "\(lacking)")
  }

  @Test func estimatorsAreExact() throws {
    let estimators: [any DensityEstimator] = [
      ImportanceSampling(samples: 20_000),
      AnnealedImportanceSampling(samples: 64, temperatures: 200),
    ]
    for estimator in estimators {
      let estimates = try estimator.estimate(model, data, backend: backend)
      for (row, estimate) in estimates.enumerated() {
        let error = abs(estimate.logDensity - exact[row])
        #expect(
          error < 4 * estimate.standardError + 1e-4,
          "\(type(of: estimator).name), row \(row): \(error)")
      }
      let summary = EstimateSummary(estimates)
      #expect(summary.standardError < 0.02, "\(summary)")
    }
  }

  /// ELBO + D_KL(q ‖ p(z|x)) = log p(x), q being the encoder's or each row's own.
  @Test func boundsAndDivergenceMakeTheDensity() throws {
    let q = try model.transform(data, backend: backend)
    let divergences = try truth.divergences(of: q, from: rows)
    let bounds = try EvidenceLowerBound(samples: 20_000).bounds(
      model, data, rows: 0..<rows.count, backend: backend)
    for row in 0..<rows.count {
      let bound = bounds[row].kl
      #expect(abs(bound.mean + divergences[row] - exact[row]) < 4 * bound.standardError + 1e-4)
    }
    var configuration = InferenceConfiguration()
    configuration.evaluationSamples = 4000
    let found = try VariationalInference(model, configuration: configuration, backend: backend)
      .fit(data, rows: Array(3..<12), seed: 3)
    var part = Matrix<Double>(rows: 9, columns: 12)
    part.values = Array((rows.matrix() as Matrix<Double>).values[36...])
    let rest = try truth.divergences(of: found.posterior, from: Rows(part))
    for row in 0..<9 {
      let error = abs(found.elbo[row] + rest[row] - exact[3 + row])
      #expect(error < 4 * found.standardError[row] + 1e-4, "row \(3 + row): \(error)")
    }
  }

  /// The means that training and scoring report are of that bound, too.
  @Test func trainingReportsTheSameBound() throws {
    let many = try Dataset(
      name: "gaps", rows: removing(0.15, from: Rows(truth.sample(2000, seed: 6))))
    var training = TrainingConfiguration()
    training.epochs = 1
    training.learningRate = 1e-30
    let trainer = try VAETrainer(
      model, configuration: training, data: many, heldOut: many, backend: backend)
    let metrics = try trainer.trainEpoch()
    let batches = try model.batches(of: many)
    let scores = try model.scoreSamples(batches, backend: backend, seed: training.seed)
    #expect(abs(scores.mean.elbo - metrics.heldOutELBO!) < 1e-9)
    let q = try model.transform(batches, backend: backend)
    let divergences = try truth.divergences(of: q, from: many.rows)
    let expected =
      try zip(truth.scoreSamples(many.rows), divergences)
      .reduce(0) { $0 + $1.0 - $1.1 } / 2000
    #expect(abs(metrics.elbo - expected) < 0.15, "\(metrics.elbo), expected \(expected)")
    #expect(abs(scores.mean.elbo - expected) < 0.15)
  }
}
