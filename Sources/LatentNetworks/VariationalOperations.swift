import LatentKernels

// The operations of a variational autoencoder between and beside its layers.
extension StepBuilder {
  /// What the reparameterization keeps for the way back.
  public struct Latents: Sendable {
    /// Where the heads' output, the draws, their noise and the bounded log-variances lie.
    public let heads, z, epsilon, logVariance: Operand
    /// [rows], nats.
    public let kl: Operand
    /// log p(z) − log q(z|x) of each draw, where it was asked for.
    public let logRatio: Operand
  }

  /// The noise ε [rows x L] of a reparameterization with one draw a row, to be drawn while rows are loaded.
  public struct Noise: Sendable {
    let epsilon: Operand
    let dimensions: Int
  }

  /// Room for noise that ``load(source:kind:transform:columns:fillsMissing:noise:)`` draws, and
  /// ``reparameterize(_:latentDimensions:logRatio:noise:)`` of the same plan takes.
  public mutating func noise(latentDimensions: Int) -> Noise {
    Noise(epsilon: matrix(columns: latentDimensions), dimensions: latentDimensions)
  }

  /// A batch [rows x columns] from the data set's rows; NaN stays NaN, or becomes 0 where it is filled.
  ///
  /// - Parameter noise: drawn beside: the data's memory leaves the time.
  public mutating func load(
    source: Operand, kind: latent_source, transform: latent_transform, columns: Int,
    fillsMissing: Bool = false, noise: Noise? = nil
  ) -> Operand {
    var operation = PlanOperation()
    operation.kind = LATENT_OP_LOAD_ROWS
    operation.source = source
    operation.source_kind = kind
    operation.missing = fillsMissing
    operation.transform = transform
    operation.columns = UInt32(columns)
    operation.row_index = Operand(rowIndex, 0)
    operation.output = matrix(columns: columns)
    if let noise {
      operation.epsilon = noise.epsilon
      operation.dimensions = UInt32(noise.dimensions)
    }
    append(operation, reads: .ownRows, phase: "load rows")
    return operation.output
  }

  /// Lists the ones of a batch x[rows x columns] that may be all zeros and ones, so that the first
  /// layer's products become sums of gathered rows, with the same bits. Other batches stay as they
  /// are, at the cost of a look at each value.
  ///
  /// - Parameter byColumn: the second half of the lists, for the weights' gradient: after a barrier.
  public mutating func listOnes(of x: Operand, columns: Int, byColumn: Bool = false) {
    var operation = PlanOperation()
    operation.kind = LATENT_OP_LIST_ONES
    operation.split_columns = byColumn
    operation.columns = UInt32(columns)
    operation.input = x
    append(operation, reads: byColumn ? .settled : .ownRows, phase: "list ones")
  }

  /// z = μ + σ ε, `samples` draws a row, and its KL, from heads (mean | raw log-variance)[rows x 2 L].
  ///
  /// - Parameter noise: ε that was drawn when the rows were loaded, for one draw a row; nil to draw it here.
  public mutating func reparameterize(
    _ heads: Operand, latentDimensions: Int, logRatio: Bool = false, noise: Noise? = nil
  ) -> Latents {
    let latents = Latents(
      heads: heads, z: matrix(columns: latentDimensions),
      epsilon: noise?.epsilon ?? matrix(columns: latentDimensions),
      logVariance: matrix(columns: latentDimensions, rows: capacity), kl: vector(count: capacity),
      logRatio: logRatio ? vector(count: capacity * samples) : Operand())
    var operation = operation(LATENT_OP_REPARAMETERIZE, latents, latentDimensions)
    operation.output = latents.z
    operation.drawn = noise != nil
    operation.log_density = latents.logRatio
    append(operation, reads: .ownRows, phase: "reparameterization and KL")
    return latents
  }

  /// Which dimensions' KL lies above the free bits of the run.
  public mutating func gate(_ latents: Latents, latentDimensions: Int) -> Operand {
    var operation = operation(LATENT_OP_KL_GATE, latents, latentDimensions)
    operation.gate = vector(count: latentDimensions)
    append(operation, reads: .allRows, phase: "free bits")
    return operation.gate
  }

  /// dz [rows x L] -> gradient of the heads [rows x 2 L], summed over the draws of a row, what the
  /// objective adds with it. The score function needs no dz.
  public mutating func reparameterizeBackward(
    _ latents: Latents, gradient: Operand, gate: Operand?, latentDimensions: Int,
    objective: Objective = .elbo, weight: Operand? = nil
  ) -> Operand {
    var operation = operation(LATENT_OP_REPARAMETERIZE_BACKWARD, latents, latentDimensions)
    operation.gradient = gradient
    operation.gate = gate ?? Operand()
    operation.objective = objective.code
    operation.draw_weight = weight ?? Operand()
    operation.output = matrix(columns: 2 * latentDimensions, rows: capacity)
    append(
      operation, reads: samples > 1 ? .allRows : .ownRows, phase: "reparameterization gradient")
    return operation.output
  }

  private func operation(_ kind: latent_op_kind, _ latents: Latents, _ dimensions: Int)
    -> PlanOperation
  {
    var operation = PlanOperation()
    operation.kind = kind
    operation.dimensions = UInt32(dimensions)
    operation.row_index = Operand(rowIndex, 0)
    operation.input = latents.heads
    operation.epsilon = latents.epsilon
    operation.log_variance = latents.logVariance
    operation.kl = latents.kl
    return operation
  }

  /// The output layer with log p(target|z) in its epilogue; its gradient with respect to the layer's
  /// output where wanted. Where values are missing, NaN in the target is one that was not observed.
  public mutating func likelihood(
    _ networks: VariationalNetworks, input: Operand, target: Operand, missing: Bool = false,
    gradient: Bool
  ) -> (partial: Operand, gradient: Operand?) {
    let layer = networks.decoder.outputLayer
    var operation = operation(LATENT_OP_LIKELIHOOD_FORWARD, layer, input: input)
    operation.split_columns = splitsColumns(layer.columns)
    operation.likelihood = networks.architecture.likelihood.code
    operation.dimensions = UInt32(networks.architecture.dimensions)
    operation.target = target
    operation.missing = missing
    if let variance = networks.variance {
      operation.variance = Operand(parameters, variance.offset)
    }
    operation.partial = matrix(columns: latent_partial_width(&operation))
    if gradient { operation.gradient = matrix(columns: layer.columns) }
    append(
      operation, reads: operation.split_columns ? .allRows : .ownRows,
      phase: "\(layer.name) forward and likelihood")
    return (operation.partial, gradient ? operation.gradient : nil)
  }

  /// log p(x|z) [rows], nats.
  public mutating func likelihoodRows(
    _ networks: VariationalNetworks, partial: Operand, reads: Reads
  ) -> Operand {
    var operation = operation(
      LATENT_OP_LIKELIHOOD_ROWS, networks.decoder.outputLayer, input: Operand())
    operation.likelihood = networks.architecture.likelihood.code
    operation.partial = partial
    operation.log_density = vector(count: capacity * samples)
    append(operation, reads: reads, phase: "log-likelihood of rows")
    return operation.log_density
  }

  /// The gradient of the likelihood's learned variances, if it has any.
  ///
  /// - Parameter missingIn: the target, where values of it are missing.
  public mutating func varianceBackward(
    _ networks: VariationalNetworks, gradient: Operand, weight: Operand? = nil,
    missingIn target: Operand? = nil, update: Bool
  ) {
    guard let variance = networks.variance, networks.architecture.likelihood != .gaussianUnit else {
      return
    }
    var operation = PlanOperation()
    operation.kind = LATENT_OP_VARIANCE_BACKWARD
    operation.likelihood = networks.architecture.likelihood.code
    operation.dimensions = UInt32(networks.architecture.dimensions)
    operation.update = update
    operation.gradient = gradient
    operation.draw_weight = weight ?? Operand()
    operation.missing = target != nil
    operation.target = target ?? Operand()
    operation.variance = Operand(parameters, variance.offset)
    operation.bias_gradient = Operand(gradients, variance.offset)
    operation.bias_first_moment = Operand(firstMoments, variance.offset)
    operation.bias_second_moment = Operand(secondMoments, variance.offset)
    append(operation, reads: .activations, phase: "variance gradient" + (update ? " and Adam" : ""))
  }
}
