/// ``CounterRandom``, 16 dimensions at a time.
struct LaneRandom {
  let seed: UInt64
  let purpose: latent_purpose
  let sample, row, epoch: UInt32

  /// The bits of dimensions 64 block ..< 64 block + 64, in four vectors.
  @inline(__always) func bits(
    block: Int
  ) -> (SIMD16<UInt32>, SIMD16<UInt32>, SIMD16<UInt32>, SIMD16<UInt32>) {
    typealias Words = SIMD16<UInt32>
    let lane = Words(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    var c0 = lane &+ Words(repeating: UInt32(16 * block))
    var c1 = Words(repeating: purpose.rawValue << 24 | sample)
    var c2 = Words(repeating: row)
    var c3 = Words(repeating: epoch)
    var k0 = UInt32(truncatingIfNeeded: seed)
    var k1 = UInt32(truncatingIfNeeded: seed >> 32)
    for _ in 0..<10 {
      let (high0, low0) = Self.multiply(c0, 0xD251_1F53)
      let (high2, low2) = Self.multiply(c2, 0xCD9E_8D57)
      c0 = high2 ^ c1 ^ Words(repeating: k0)
      c1 = low2
      c2 = high0 ^ c3 ^ Words(repeating: k1)
      c3 = low0
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return (c0, c1, c2, c3)
  }

  /// Both halves of the 64-bit products, from the products of 16-bit halves.
  @inline(__always) private static func multiply(
    _ a: SIMD16<UInt32>, _ factor: UInt32
  ) -> (high: SIMD16<UInt32>, low: SIMD16<UInt32>) {
    typealias Words = SIMD16<UInt32>
    let mask = Words(repeating: 0xffff)
    let (low, high) = (Words(repeating: factor & 0xffff), Words(repeating: factor >> 16))
    let (a0, a1) = (a & mask, a &>> 16)
    let middle = a1 &* low &+ ((a0 &* low) &>> 16)
    let middle2 = a0 &* high &+ (middle & mask)
    return (a1 &* high &+ (middle &>> 16) &+ (middle2 &>> 16), a &* Words(repeating: factor))
  }

  /// Calls `body` with each 16 dimensions below `count`: their first, how many, their bits.
  @inline(__always) func forEach(
    _ count: Int, _ body: (_ column: Int, _ width: Int, SIMD16<UInt32>) -> Void
  ) {
    for block in 0..<(count + 63) / 64 {
      let words = bits(block: block)
      let column = 64 * block
      body(column, min(16, count - column), words.0)
      if count > column + 16 { body(column + 16, min(16, count - column - 16), words.1) }
      if count > column + 32 { body(column + 32, min(16, count - column - 32), words.2) }
      if count > column + 48 { body(column + 48, min(16, count - column - 48), words.3) }
    }
  }
}
