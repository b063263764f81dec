import LatentKernels
import LatentNetworks

/// A classifier of points inside and outside a circle: Latent's encoder, a logistic output of our own
/// on its mean, and plain gradient descent.
struct Classifier {
  let encoder: Encoder
  let kernels: Kernels
  let points: [Float]
  let inside: [Float]
  var count: Int { inside.count }
  private var p: [Float]
  private let zeros: [Float]

  init(count: Int, backend: any Backend) throws {
    encoder = try Encoder(
      inputs: 2, hidden: [16], latentDimensions: 1, activation: .tanh, capacity: count,
      backend: backend, seed: 1)
    kernels = try Kernels()
    // Uniform on the square from normals, by their distribution function.
    let normals = try kernels.normals(2 * count, seed: 7, purpose: LATENT_PURPOSE_OBSERVATION)
    let square = kernels.erf(normals.map { $0 / Float(2).squareRoot() })
    points = square
    inside = (0..<count).map { row -> Float in
      let (x, y) = (square[2 * row], square[2 * row + 1])
      return x * x + y * y < 0.6 ? 1 : 0
    }
    zeros = [Float](repeating: 0, count: count)
    p = zeros
  }

  /// The mean cross-entropy in nats, spans in and out; keeps the probabilities for `backward`.
  mutating func loss() throws -> Double {
    // Two spans of properties of one struct would be overlapping accesses to it.
    var (mean, logVariance) = (zeros, zeros)
    var meanSpan = mean.mutableSpan
    var varianceSpan = logVariance.mutableSpan
    try encoder.forward(points.span, mean: &meanSpan, logVariance: &varianceSpan)
    p = kernels.sigmoid(mean)
    // -log p(label) = softplus(-l) inside, softplus(l) outside
    let losses = kernels.softplus(zip(mean, inside).map { $1 == 1 ? -$0 : $0 })
    return losses.reduce(0.0) { $0 + Double($1) } / Double(count)
  }

  /// Gradients of the last `loss`, into the encoder's parameters, through unsafe buffers.
  func backward() throws {
    let gradient = (0..<count).map { (p[$0] - inside[$0]) / Float(count) }
    try points.withUnsafeBufferPointer { points in
      try gradient.withUnsafeBufferPointer { gradient in
        try zeros.withUnsafeBufferPointer {
          try encoder.backward(input: points, meanGradient: gradient, logVarianceGradient: $0)
        }
      }
    }
  }

  func step(_ rate: Float) throws {
    let parameters = encoder.parameters
    for slot in parameters.slots {
      let gradient = try parameters.read(slot, .gradients)
      try parameters.write(
        zip(parameters.read(slot), gradient).map { $0 - rate * $1 }, to: slot)
    }
    parameters.refreshTransposed()
  }

  /// The share of points on their side.
  var share: Double {
    Double((0..<count).count { (p[$0] > 0.5) == (inside[$0] == 1) }) / Double(count)
  }
}
