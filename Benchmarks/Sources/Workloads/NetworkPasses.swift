import LatentKernels
import LatentModels
import LatentNetworks

/// Encoder and decoder forward and backward through the public API, as another trainer calls them:
/// gradients written out, the step between the two left to the caller.
package final class NetworkPasses {
  package let networks: VariationalNetworks
  package let batch: Int
  private let encoder, decoder: BatchedNetwork
  private let x, heads, headsGradient, z, zGradient, output, outputGradient: Storage<Float>

  package var flops: Double { networks.stepFLOPs(rows: batch) }
  package var encoderForwardFLOPs: Double { networks.encoder.forwardFLOPs(rows: batch) }
  package var decoderForwardFLOPs: Double { networks.decoder.forwardFLOPs(rows: batch) }
  package var encoderBackwardFLOPs: Double {
    networks.encoder.backwardFLOPs(rows: batch, inputGradient: false)
  }
  package var decoderBackwardFLOPs: Double {
    networks.decoder.backwardFLOPs(rows: batch, inputGradient: true)
  }

  package init(_ shape: NetworkShape, batch: Int, backend: any Backend) throws {
    let rows = try SyntheticRows.rows(batch, for: .bernoulli)
    let model = try VAE(VAEConfiguration(architecture: shape.architecture()))
    try model.initialize(for: rows, seed: 1)
    networks = model.networks
    self.batch = batch
    encoder = try Encoder(networks, capacity: batch, backend: backend).network
    decoder = try Decoder(networks, capacity: batch, backend: backend).network
    let latents = networks.architecture.latentDimensions
    x = Storage(count: batch * 784)
    output = Storage(count: batch * 784)
    outputGradient = Storage(count: batch * 784)
    heads = Storage(count: batch * 2 * latents)
    headsGradient = Storage(count: batch * 2 * latents)
    z = Storage(count: batch * latents)
    zGradient = Storage(count: batch * latents)
    if case .floats(let values) = rows.storage { _ = x.values.update(fromContentsOf: values) }
    try connect(latents: latents)
  }

  /// Latents and gradients as a training step would have them: from the networks' own outputs.
  private func connect(latents: Int) throws {
    try encoderForward()
    for row in 0..<batch {
      SyntheticRows.fillNormal(z.pointer + row * latents, count: latents, row: row)
      for column in 0..<latents {
        z.pointer[row * latents + column] += heads.pointer[row * 2 * latents + column]
      }
    }
    try decoderForward()
    let mean = Array(output.values).applying(InstructionSet.best.kernels.sigmoid)
    for index in 0..<batch * 784 {
      outputGradient.pointer[index] = (mean[index] - x.pointer[index]) / Float(batch)
    }
    try decoderBackward()
    for row in 0..<batch {
      for column in 0..<latents {
        let gradient = zGradient.pointer[row * latents + column]
        headsGradient.pointer[row * 2 * latents + column] = gradient
        headsGradient.pointer[row * 2 * latents + latents + column] = 0.5 * gradient
      }
    }
    try encoderBackward()
  }

  /// All four passes.
  package func callAsFunction() throws {
    try encoderForward()
    try decoderForward()
    try decoderBackward()
    try encoderBackward()
  }

  package func encoderForward() throws {
    try encoder.forward(UnsafeBufferPointer(x.values), into: heads.values)
  }
  package func decoderForward() throws {
    try decoder.forward(UnsafeBufferPointer(z.values), into: output.values)
  }
  package func decoderBackward() throws {
    try decoder.backward(
      input: UnsafeBufferPointer(z.values),
      outputGradient: UnsafeBufferPointer(outputGradient.values),
      inputGradient: zGradient.values)
  }
  package func encoderBackward() throws {
    try encoder.backward(
      input: UnsafeBufferPointer(x.values),
      outputGradient: UnsafeBufferPointer(headsGradient.values))
  }
}
