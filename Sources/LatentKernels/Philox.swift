import Foundation

/// Random numbers that depend on what they are for, never on the order of calls.
///
/// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011),
/// keyed by the seed and counted by purpose, sample, data set row, epoch and dimension. This is the
/// specification in double precision; the backends draw the same bits 16 lanes at a time.
public struct CounterRandom: Sendable {
  private let key: SIMD2<UInt32>
  /// The counter of block 0, lane 0.
  private let origin: SIMD4<UInt32>

  /// `sample` has 24 bits: which draw for the same row.
  public init(
    seed: UInt64, purpose: latent_purpose, sample: UInt32 = 0, row: UInt32 = 0, epoch: UInt32 = 0
  ) {
    key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    origin = SIMD4(0, purpose.rawValue << 24 | sample, row, epoch)
  }

  /// 32 random bits. One counter serves four dimensions that are 16 lanes apart, so that a vector of
  /// 16 counters yields 64 dimensions in a row.
  public func bits(_ dimension: Int) -> UInt32 {
    let (block, word, lane) = (dimension / 64, dimension % 64 / 16, dimension % 16)
    var counter = origin
    counter[0] = UInt32(16 * block + lane)
    return Self.philox(counter: counter, key: key)[word]
  }

  /// Uniform on [0, 1), a multiple of 2^-24.
  public func uniform(_ dimension: Int) -> Double { Double(bits(dimension) >> 8) * 0x1p-24 }

  /// Standard normal.
  public func normal(_ dimension: Int) -> Double { Self.normal(bits: bits(dimension)) }

  /// The standard normal that 32 random bits stand for: the top bit is its sign, the others say
  /// with which probability another one is farther from zero.
  public static func normal(bits: UInt32) -> Double {
    let tail = (Double(bits & 0x7fff_ffff) + 0.5) * 0x1p-31
    let magnitude = magnitude(tail: tail)
    return bits >> 31 == 1 ? -magnitude : magnitude
  }

  /// The z with P(Z < z) = p, 0 < p < 1.
  public static func normalQuantile(_ p: Double) -> Double {
    p < 0.5 ? -magnitude(tail: 2 * p) : magnitude(tail: 2 - 2 * p)
  }

  /// The z > 0 with P(|Z| > z) = tail, by Newton's method on erf.
  private static func magnitude(tail: Double) -> Double {
    // Abramowitz and Stegun 26.2.23 errs by less than 4.5e-4; each iteration squares that.
    let t = (-2 * log(tail / 2)).squareRoot()
    var z =
      t - (2.515517 + t * (0.802853 + t * 0.010328))
      / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
    for _ in 0..<4 {
      // Both are the same number: take the one that does not cancel.
      let excess =
        tail < 0.5
        ? tail - erfc(z * 0.5.squareRoot()) : erf(z * 0.5.squareRoot()) - (1 - tail)
      z -= excess * (Double.pi / 2).squareRoot() * exp(z * z / 2)
    }
    return z
  }

  /// Ten rounds of Philox on one counter.
  public static func philox(
    counter: SIMD4<UInt32>, key: SIMD2<UInt32>
  ) -> SIMD4<UInt32> {
    var (c, k) = (counter, key)
    for _ in 0..<10 {
      let first = (0xD251_1F53 as UInt32).multipliedFullWidth(by: c[0])
      let second = (0xCD9E_8D57 as UInt32).multipliedFullWidth(by: c[2])
      c = SIMD4(second.high ^ c[1] ^ k[0], second.low, first.high ^ c[3] ^ k[1], first.low)
      k = k &+ SIMD2(0x9E37_79B9, 0xBB67_AE85)
    }
    return c
  }
}
