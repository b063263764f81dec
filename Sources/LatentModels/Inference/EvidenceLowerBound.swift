import LatentKernels
import LatentNetworks

/// The evidence lower bound of a row from K draws z ~ q(z|x), in nats (Kingma and Welling 2014). Its
/// three forms have one expectation and different noise:
///
///     reconstruction − KL   E[log p(x|z)] − D_KL(q(z|x) ‖ p(z)), the divergence in closed form
///     entropy               E[log p(x, z)] + H(q(z|x)), the entropy in closed form
///     sampled               E[log p(x|z) + log p(z) − log q(z|x)]
public struct EvidenceLowerBound: DensityEstimator {
  /// Which way the bound is written.
  public enum Form: String, CaseIterable, Codable, Sendable {
    /// As above: reconstruction − KL, entropy, sampled.
    case kl, entropy, sampled
  }

  public static let name = "elbo"
  public var samples: Int
  /// The form that an estimate takes.
  public var form: Form

  /// K draws a row, and the form of an estimate; by default what a VAE trains on.
  public init(samples: Int = 1, form: Form = .kl) {
    self.samples = samples
    self.form = form
  }

  /// The bound, not log p(x): its standard error is that of a mean, every draw weighs the same.
  public func estimate(
    _ model: VAE, _ data: BatchSource, rows: Range<Int>, backend: any Backend, seed: UInt64,
    progress: (Int) -> Void
  ) throws -> [DensityEstimate] {
    try bounds(model, data, rows: rows, backend: backend, seed: seed, progress: progress).map {
      let bound = $0[form]
      return DensityEstimate(
        logDensity: bound.mean, standardError: bound.standardError,
        effectiveSampleSize: Double(samples), largestShare: 1 / Double(samples), samples: samples)
    }
  }

  /// One row's bound, all forms from the same draws.
  public struct Bounds: Sendable {
    /// A mean over the row's draws.
    public struct Mean: Sendable, Equatable {
      /// In nats, in the data's own units.
      public var mean: Double
      /// Of the mean; infinite from one draw.
      public var standardError: Double
    }
    /// The bound in each of its forms.
    public var kl, entropy, sampled: Mean
    /// E[log p(x|z)].
    public var reconstruction: Mean
    /// D_KL(q(z|x) ‖ p(z)), exact.
    public var divergence: Double

    /// The bound in one form.
    public subscript(form: Form) -> Mean {
      switch form {
      case .kl: kl
      case .entropy: entropy
      case .sampled: sampled
      }
    }
  }

  /// All forms of each row.
  ///
  /// - Throws: ``SettingError``, for rows that are not there too, or ``ShapeError``.
  public func bounds(
    _ model: VAE, _ data: BatchSource, rows: Range<Int>, backend: any Backend, seed: UInt64 = 0,
    progress: (Int) -> Void = { _ in }
  ) throws -> [Bounds] {
    let plan = try DrawPlan(model, data, latents: .encoder, samples: samples, seed: seed)
    try data.check(rows: rows)
    let jacobian = model.jacobian(of: data)
    let size = plan.latentDimensions
    var result: [Bounds] = []
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: plan.capacity) {
      let some = start..<min(start + plan.capacity, rows.upperBound)
      plan.load(some, backend: backend)
      // Of log p(x|z), log p(x, z) and the sampled bound.
      var moments = [[RunningMean]](
        repeating: [RunningMean](repeating: RunningMean(), count: 3), count: some.count)
      for first in stride(from: 0, to: samples, by: plan.samples) {
        let count = min(plan.samples, samples - first)
        plan.draw(first: first, count: count, backend: backend)
        for position in 0..<some.count {
          for index in position * count..<(position + 1) * count {
            let density = Double(plan.logDensities[index])
            let z = plan.latents + index * plan.latentStride
            var prior = -Double(size) * halfLogOfTwoPi
            for l in 0..<size { prior -= Double(z[l]) * Double(z[l]) / 2 }
            moments[position][0].add(density)
            moments[position][1].add(density + prior)
            moments[position][2].add(density + Double(plan.logRatios[index]))
          }
        }
        progress((start - rows.lowerBound) * samples + some.count * (first + count))
      }
      for position in 0..<some.count {
        let divergence = Double(plan.divergences[position])
        func bound(_ moment: Int, plus constant: Double) -> Bounds.Mean {
          let sums = moments[position][moment]
          return Bounds.Mean(
            mean: sums.mean + constant + jacobian[start + position],
            standardError: sums.standardError)
        }
        result.append(
          Bounds(
            kl: bound(0, plus: -divergence),
            entropy: bound(1, plus: plan.entropy(ofRow: position)), sampled: bound(2, plus: 0),
            reconstruction: bound(0, plus: 0), divergence: divergence))
      }
    }
    return result
  }
}

extension DrawPlan {
  /// H(q(z|x)) of a loaded row, nats: ½ Σ (1 + log 2π + log σ²).
  func entropy(ofRow row: Int) -> Double {
    let logVariances = logVariances + row * logVarianceStride
    var sum = Double(latentDimensions) * (0.5 + halfLogOfTwoPi)
    for l in 0..<latentDimensions { sum += Double(logVariances[l]) / 2 }
    return sum
  }
}

/// A mean and its standard error of numbers that come one by one (Welford 1962).
struct RunningMean {
  private(set) var count = 0
  private(set) var mean = 0.0
  private var squares = 0.0

  mutating func add(_ value: Double) {
    count += 1
    let change = value - mean
    mean += change / Double(count)
    squares += change * (value - mean)
  }

  var variance: Double { count > 1 ? squares / Double(count - 1) : 0 }
  var standardError: Double {
    count > 1 ? (squares / Double(count - 1) / Double(count)).squareRoot() : .infinity
  }
}
