import LatentKernels
import LatentNetworks

/// Encoding and decoding of whole data sets, a batch at a time.
struct VAEPasses {
  let model: VAE
  let encoder: Encoder
  let decoder: Decoder
  let backend: any Backend

  init(_ model: VAE, backend: any Backend) throws {
    self.model = model
    self.backend = backend
    encoder = try Encoder(model.networks, capacity: VAE.evaluationBatch, backend: backend)
    decoder = try Decoder(model.networks, capacity: VAE.evaluationBatch, backend: backend)
  }

  /// The rows as the model sees them, binarized or dequantized with the noise of `seed`.
  func load(_ batches: BatchSource, seed: UInt64, rows: [Int]) throws -> Matrix<Float> {
    var values: [Float] = []
    values.reserveCapacity(rows.count * batches.columns)
    try forEachBatch(batches, seed: seed, rows: rows) { values += $0.values }
    return try Matrix(rows: rows.count, columns: batches.columns, values: values)
  }

  /// - Parameter rows: their numbers; all that are held here, if nil.
  func posterior(
    _ batches: BatchSource, seed: UInt64, rows: [Int]? = nil
  ) throws -> DiagonalGaussian {
    let size = model.architecture.latentDimensions
    let rows = rows ?? Array(batches.held)
    var means: [Float] = []
    var logVariances: [Float] = []
    try forEachBatch(batches, seed: seed, rows: rows) {
      let part = try encoder.forward($0)
      means += part.mean.values
      logVariances += part.logVariance.values
    }
    return DiagonalGaussian(
      mean: try Matrix(rows: rows.count, columns: size, values: means),
      logVariance: try Matrix(rows: rows.count, columns: size, values: logVariances))
  }

  private func forEachBatch(
    _ batches: BatchSource, seed: UInt64, rows: [Int], _ body: (Matrix<Float>) throws -> Void
  ) throws {
    let index = Storage<UInt32>(count: VAE.evaluationBatch)
    var builder = StepBuilder(
      parameters: model.parameters, capacity: VAE.evaluationBatch, rowIndex: index)
    let x = batches.appendLoad(to: &builder, fillsMissing: true)
    let (plan, workspace) = builder.finish()
    try plan.check(rows: VAE.evaluationBatch)
    var run = Run()
    run.seed = seed
    run.epoch = .max
    for start in stride(from: 0, to: rows.count, by: VAE.evaluationBatch) {
      let part = rows[start..<min(start + VAE.evaluationBatch, rows.count)]
      for (position, row) in part.enumerated() { index.pointer[position] = UInt32(row) }
      run.rows = UInt32(part.count)
      plan.execute(on: backend, run: run)
      var batch = Matrix<Float>(rows: part.count, columns: batches.columns)
      for position in 0..<part.count {
        let source = workspace.pointer + Int(x.offset) + position * Int(x.stride)
        for column in 0..<batches.columns { batch[position, column] = source[column] }
      }
      try body(batch)
    }
  }

  /// E[x|z], or a draw from p(x|z) where a seed is given; in the data's own units.
  func decode(_ latents: Matrix<Float>, observationSeed: UInt64?) throws -> Matrix<Float> {
    let dimensions = model.architecture.dimensions
    guard latents.columns == model.architecture.latentDimensions else {
      throw ShapeError(
        "The model has \(model.architecture.latentDimensions) latent dimensions, found "
          + "\(latents.columns) columns.")
    }
    var values: [Float] = []
    for start in stride(from: 0, to: latents.rows, by: VAE.evaluationBatch) {
      let end = min(start + VAE.evaluationBatch, latents.rows)
      let part = try Matrix(
        rows: end - start, columns: latents.columns,
        values: Array(latents.values[start * latents.columns..<end * latents.columns]))
      var decoded = try decoder.decode(part)
      if let seed = observationSeed { decoded = decoded.drawn(seed: seed, firstRow: start) }
      values += decoded.mean.values
    }
    if let standardization = model.configuration.standardization {
      for index in values.indices {
        values[index] = Float(
          standardization.invert(Double(values[index]), column: index % dimensions))
      }
    }
    return try Matrix(rows: latents.rows, columns: dimensions, values: values)
  }
}

extension Reconstruction {
  /// One draw from p(x|z) in place of its mean, keyed by the numbers of consecutive rows.
  func drawn(seed: UInt64, firstRow: Int) -> Reconstruction {
    drawn(seed: seed, rows: Array(firstRow..<firstRow + mean.rows))
  }

  /// The same for rows of any numbers.
  func drawn(seed: UInt64, rows numbers: [Int]) -> Reconstruction {
    let kernels = InstructionSet.reproducible.kernels
    let columns = mean.columns
    var drawn = mean
    var noise = [Float](repeating: 0, count: columns)
    var bits = [UInt32](repeating: 0, count: columns)
    for row in 0..<mean.rows {
      let key = UInt32(numbers[row])
      if let logVariance {
        kernels.random_normal(columns, seed, LATENT_PURPOSE_OBSERVATION, 0, key, 0, &noise)
        let sigma = logVariance.row(row).map { $0 / 2 }.applying(kernels.exp)
        for column in 0..<columns { drawn[row, column] += sigma[column] * noise[column] }
      } else {
        kernels.random_bits(columns, seed, LATENT_PURPOSE_OBSERVATION, 0, key, 0, &bits)
        let uniforms = bits.map { (Float($0 >> 8) + 0.5) * 0x1p-24 }
        if likelihood == .bernoulli {
          for column in 0..<columns {
            drawn[row, column] = uniforms[column] < mean[row, column] ? 1 : 0
          }
        } else if let logits {
          let draws = continuousBernoulliQuantiles(uniforms, parameters: Array(logits.row(row)))
          for column in 0..<columns { drawn[row, column] = draws[column] }
        }
      }
    }
    return Reconstruction(
      likelihood: likelihood, mean: drawn, logVariance: logVariance, logits: logits)
  }
}

/// F⁻¹(u) = log(1 + u (eˡ − 1)) / l of continuous Bernoullis with natural parameters l, from the side
/// on which the exponential is small.
private func continuousBernoulliQuantiles(_ uniforms: [Float], parameters: [Float]) -> [Float] {
  let kernels = InstructionSet.reproducible.kernels
  let small = parameters.map { -abs($0) }.applying(kernels.exp)
  let logs = uniforms.indices.map { (i: Int) -> Float in
    let (u, e) = (uniforms[i], small[i])
    return parameters[i] > 0 ? u + (1 - u) * e : 1 - u + u * e
  }.applying(kernels.log)
  return parameters.indices.map { i in
    let l = parameters[i]
    if abs(l) < 1e-3 { return uniforms[i] }
    return min(1, max(0, l > 0 ? 1 + logs[i] / l : logs[i] / l))
  }
}
