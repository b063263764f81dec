/// The vocabulary of the pure Swift backend: 16 lanes of float, and of what else a lane needs.
///
/// Only operations that become vector instructions on every target: no addingProduct, rounded or
/// clamped, which are library calls a lane. Memory is unaligned.
typealias Lanes = SIMD16<Float>
typealias LaneMask = SIMDMask<SIMD16<Int32>>

typealias Floats = UnsafeMutablePointer<Float>

@inline(__always) func load(_ source: UnsafePointer<Float>) -> Lanes {
  UnsafeRawPointer(source).loadUnaligned(as: Lanes.self)
}

/// The first `count` lanes; the others are zero and their memory is not touched.
@inline(__always) func load(_ source: UnsafePointer<Float>, _ count: Int) -> Lanes {
  if count >= 16 { return load(source) }
  var lanes = Lanes()
  withUnsafeMutableBytes(of: &lanes) {
    $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: 4 * count))
  }
  return lanes
}

@inline(__always) func store(_ lanes: Lanes, _ target: Floats) {
  UnsafeMutableRawPointer(target).storeBytes(of: lanes, as: Lanes.self)
}

@inline(__always) func store(_ lanes: Lanes, _ target: Floats, _ count: Int) {
  if count >= 16 { return store(lanes, target) }
  withUnsafeBytes(of: lanes) {
    UnsafeMutableRawPointer(target).copyMemory(from: $0.baseAddress!, byteCount: 4 * count)
  }
}

@inline(__always) func select(_ mask: LaneMask, _ yes: Lanes, _ no: Lanes) -> Lanes {
  no.replacing(with: yes, where: mask)
}

/// The lanes as they are for a whole panel, with zeros past the first `count` of a partial one.
@inline(__always) func first(_ count: Int, _ lanes: Lanes) -> Lanes {
  count >= 16 ? lanes : select(first(count), lanes, Lanes())
}

/// The first `count` lanes.
@inline(__always) func first(_ count: Int) -> LaneMask {
  let index = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
  return index .< SIMD16(repeating: Int32(min(16, count)))
}

@inline(__always) func bits(_ lanes: Lanes) -> SIMD16<Int32> {
  unsafeBitCast(lanes, to: SIMD16<Int32>.self)
}
@inline(__always) func lanes(bits: SIMD16<Int32>) -> Lanes {
  unsafeBitCast(bits, to: Lanes.self)
}

/// Whole numbers of at most 22 bits as floats, by the sum that has them in its last places.
@inline(__always) func lanes(_ whole: SIMD16<Int32>) -> Lanes {
  lanes(bits: whole &+ SIMD16(repeating: 0x4b40_0000)) - Lanes(repeating: 0x1.8p23)
}

/// Compare and select: a not-a-number in `b` is passed on.
@inline(__always) func larger(_ a: Lanes, _ b: Lanes) -> Lanes { select(a .> b, a, b) }
@inline(__always) func smaller(_ a: Lanes, _ b: Lanes) -> Lanes { select(a .< b, a, b) }
@inline(__always) func magnitude(_ a: Lanes) -> Lanes {
  lanes(bits: bits(a) & SIMD16(repeating: 0x7fff_ffff))
}
@inline(__always) func withSign(of sign: Lanes, _ a: Lanes) -> Lanes {
  lanes(bits: bits(a) | (bits(sign) & SIMD16(repeating: .min)))
}

/// The 16 lanes joined by one fixed tree: halves onto halves.
@inline(__always) func sum(_ a: Lanes) -> Float {
  let b = a.lowHalf + a.highHalf
  let c = b.lowHalf + b.highHalf
  return (c[0] + c[2]) + (c[1] + c[3])
}

/// c[0] + c[1] x + c[2] x^2 + ...
@inline(__always) func polynomial(
  _ x: Lanes, _ c0: Float, _ c1: Float, _ c2: Float, _ c3: Float, _ c4: Float
) -> Lanes {
  (((Lanes(repeating: c4) * x + c3) * x + c2) * x + c1) * x + c0
}
@inline(__always) func polynomial(
  _ x: Lanes, _ c0: Float, _ c1: Float, _ c2: Float, _ c3: Float, _ c4: Float, _ c5: Float,
  _ c6: Float, _ c7: Float, _ c8: Float
) -> Lanes {
  let high = polynomial(x, c4, c5, c6, c7, c8)
  return (((high * x + c3) * x + c2) * x + c1) * x + c0
}
