import LatentKernels
import LatentNetworks

/// What a gradient estimator's milliseconds buy: the variance and the signal-to-noise ratio of its
/// gradient over the draws of z, for one batch and fixed parameters (compare Rainforth et al. 2018).
public struct GradientNoise: Sendable, Codable {
  /// Parameters that belong together.
  public struct Group: Sendable, Codable {
    /// "all", "encoder", "decoder", "encoder.layers", "encoder.mean" and so on.
    public var name: String
    /// How many numbers the group has.
    public var parameters: Int
    /// ‖E g‖, what the noise of a mean over so many draws would add taken off.
    public var norm: Double
    /// tr Cov g, a sum over the parameters.
    public var variance: Double
    /// ‖E g‖ / √tr Cov g of one gradient.
    public var signalToNoise: Double
    /// The same of the mean of as many gradients as a second has time for: it grows with the square
    /// root of their number.
    public var signalToNoisePerSecond: Double
  }

  /// Whose gradient it is: "elbo", "iwae" and so on.
  public var objective: String
  /// Draws of z a row behind one gradient.
  public var samples: Int
  /// Rows of the batch.
  public var batchSize: Int
  /// Gradients that were drawn.
  public var draws: Int
  /// Of a gradient of the whole batch.
  public var millisecondsPerBatch: Spread
  /// All parameters, each network's, and those of its parts.
  public var groups: [Group]

  /// The group of this name, or nil.
  public func group(_ name: String) -> Group? { groups.first { $0.name == name } }

  /// Draws gradients of all sources in turns, `draws` of each.
  ///
  /// Takes 16 bytes a parameter and source.
  public static func measure(
    _ sources: [any GradientSource], on backend: any Backend, draws: Int,
    onDraw: (Int) -> Void = { _ in }
  ) -> [GradientNoise] {
    let moments = sources.map { GradientMoments(count: $0.parameters.gradients.count) }
    var times = [[Double]](repeating: [], count: sources.count)
    let perTick = 1 / latent_ticks_per_second()
    for draw in 0..<max(2, draws) {
      for (index, source) in sources.enumerated() {
        let begin = latent_ticks()
        source.draw(draw, on: backend)
        times[index].append(Double(latent_ticks() - begin) * perTick)
        moments[index].add(source.parameters.gradients.pointer)
      }
      onDraw(draw + 1)
    }
    return sources.indices.map { index in
      let seconds = Spread(times[index])
      return GradientNoise(
        objective: sources[index].objective, samples: sources[index].samples,
        batchSize: sources[index].batchSize, draws: times[index].count,
        millisecondsPerBatch: Spread(times[index].map { $0 * 1e3 }),
        groups: groups(of: sources[index].parameters).map { name, positions in
          Group(name, positions, moments[index], seconds: seconds.median)
        })
    }
  }

  /// Names and positions: networks, and within them what their tensors' names begin with.
  static func groups(of parameters: Parameters) -> [(name: String, positions: [Int])] {
    var order: [String] = []
    var groups: [String: [Int]] = [:]
    for slot in parameters.slots {
      // encoder.layers.0.weight belongs to encoder, to encoder.layers, and to all.
      let words = slot.name.split(separator: ".")
      for name in ["all", String(words[0]), words.prefix(2).joined(separator: ".")] {
        if groups[name] == nil { order.append(name) }
        groups[name, default: []] += slot.positions
      }
    }
    return order.map { ($0, groups[$0]!) }
  }
}

/// Mean and sum of squared deviations of every number of a gradient (Welford 1962).
final class GradientMoments {
  private let mean, squares: Storage<Double>
  private var draws = 0.0

  init(count: Int) {
    mean = Storage(count: count)
    squares = Storage(count: count)
  }

  func add(_ gradient: UnsafeMutablePointer<Float>) {
    draws += 1
    let (mean, squares) = (mean.pointer, squares.pointer)
    for index in 0..<self.mean.count {
      let value = Double(gradient[index])
      let before = value - mean[index]
      mean[index] += before / draws
      squares[index] += before * (value - mean[index])
    }
  }

  /// ‖mean‖² without the noise that is left in it, and the trace of the covariance.
  func signalAndNoise(_ positions: [Int]) -> (signal: Double, noise: Double) {
    var (signal, noise) = (0.0, 0.0)
    for index in positions {
      signal += mean.pointer[index] * mean.pointer[index]
      noise += squares.pointer[index]
    }
    noise /= draws - 1
    return (max(0, signal - noise / draws), noise)
  }
}

extension GradientNoise.Group {
  init(_ name: String, _ positions: [Int], _ moments: GradientMoments, seconds: Double) {
    let (signal, noise) = moments.signalAndNoise(positions)
    let ratio = (signal / noise).squareRoot()
    self.init(
      name: name, parameters: positions.count, norm: signal.squareRoot(), variance: noise,
      signalToNoise: ratio, signalToNoisePerSecond: ratio / seconds.squareRoot())
  }
}
