import Foundation
import LatentKernels
import Testing

@Suite struct PhiloxTests {
  /// The vectors that come with Random123.
  @Test func knownAnswers() {
    #expect(
      CounterRandom.philox(counter: SIMD4(0, 0, 0, 0), key: SIMD2(0, 0))
        == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    #expect(
      CounterRandom.philox(counter: SIMD4(repeating: .max), key: SIMD2(repeating: .max))
        == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    #expect(
      CounterRandom.philox(
        counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
        key: SIMD2(0xa409_3822, 0x299f_31d0))
        == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test func countersNameEverything() {
    let random = CounterRandom(
      seed: 0x1234_5678_9abc_def0, purpose: LATENT_PURPOSE_EPSILON, sample: 3, row: 5, epoch: 7)
    // Dimension 64 * 2 + 16 * 3 + 4: block 2, word 3, lane 4.
    let words = CounterRandom.philox(
      counter: SIMD4(36, LATENT_PURPOSE_EPSILON.rawValue << 24 | 3, 5, 7),
      key: SIMD2(0x9abc_def0, 0x1234_5678))
    #expect(random.bits(180) == words[3])
    #expect(random.uniform(180) == Double(words[3] >> 8) / 16_777_216)
  }

  @Test func normalsInvertTheTail() {
    for bits: UInt32 in [0, 1, 99, 0x1234_5678, 0x3fff_ffff, 0x4000_0000, 0x7fff_fff0, 0x7fff_ffff]
    {
      let tail = (Double(bits) + 0.5) / 0x1p31
      let z = CounterRandom.normal(bits: bits)
      #expect(abs(erfc(z * 0.5.squareRoot()) / tail - 1) < 1e-13)
      #expect(abs(erf(z * 0.5.squareRoot()) / (1 - tail) - 1) < 1e-13)
      #expect(CounterRandom.normal(bits: bits | 1 << 31) == -z)
    }
  }

  @Test func normalsHaveTheirMoments() {
    let count = 100_000
    let random = CounterRandom(seed: 1, purpose: LATENT_PURPOSE_PRIOR)
    let values = (0..<count).map(random.normal)
    let n = Double(count)
    #expect(abs(values.reduce(0, +) / n) < 4 / n.squareRoot())
    #expect(abs(values.reduce(0) { $0 + $1 * $1 } / n - 1) < 4 * (2 / n).squareRoot())
    #expect(abs(values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / n - 3) < 4 * (96 / n).squareRoot())
  }
}
