/// Rows of the register tile. With 8 columns it fills 12 of the 16 registers of the x86-64 baseline;
/// a panel is two of them.
let tileRows = 6

/// The product of `rows` of a matrix, element (r, k) at a[r * rowStride + k * innerStride], and a
/// panel. Calls `body` with each row's number and its 16 sums.
@inline(__always) func product(
  _ rows: Range<Int>, _ a: UnsafePointer<Float>, rowStride: Int, innerStride: Int, inner: Int,
  panel: UnsafePointer<Float>, body: (_ row: Int, Lanes) -> Void
) {
  withUnsafeTemporaryAllocation(of: Float.self, capacity: tileRows * 16) { memory in
    let tile = memory.baseAddress!
    var first = rows.lowerBound
    while first < rows.upperBound {
      let count = min(tileRows, rows.upperBound - first)
      for half in 0..<2 {
        multiply(
          count, a + first * rowStride, rowStride, innerStride, inner, panel + 8 * half,
          tile + 8 * half)
      }
      for row in 0..<count { body(first + row, load(tile + 16 * row)) }
      first += count
    }
  }
}

/// Half a tile; rows past `count` repeat the last one.
@inline(never) private func multiply(
  _ count: Int, _ a: UnsafePointer<Float>, _ rowStride: Int, _ innerStride: Int, _ inner: Int,
  _ panel: UnsafePointer<Float>, _ tile: Floats
) {
  typealias Half = SIMD8<Float>
  var (sum0, sum1, sum2) = (Half(), Half(), Half())
  var (sum3, sum4, sum5) = (Half(), Half(), Half())
  var a0 = a
  var a1 = a + min(1, count - 1) * rowStride
  var a2 = a + min(2, count - 1) * rowStride
  var a3 = a + min(3, count - 1) * rowStride
  var a4 = a + min(4, count - 1) * rowStride
  var a5 = a + min(5, count - 1) * rowStride
  var weights = UnsafeRawPointer(panel)
  for _ in 0..<inner {
    let w = weights.loadUnaligned(as: Half.self)
    sum0 += w * a0.pointee
    sum1 += w * a1.pointee
    sum2 += w * a2.pointee
    sum3 += w * a3.pointee
    sum4 += w * a4.pointee
    sum5 += w * a5.pointee
    weights += 64
    a0 += innerStride
    a1 += innerStride
    a2 += innerStride
    a3 += innerStride
    a4 += innerStride
    a5 += innerStride
  }
  let target = UnsafeMutableRawPointer(tile)
  target.storeBytes(of: sum0, as: Half.self)
  target.storeBytes(of: sum1, toByteOffset: 64, as: Half.self)
  target.storeBytes(of: sum2, toByteOffset: 128, as: Half.self)
  target.storeBytes(of: sum3, toByteOffset: 192, as: Half.self)
  target.storeBytes(of: sum4, toByteOffset: 256, as: Half.self)
  target.storeBytes(of: sum5, toByteOffset: 320, as: Half.self)
}
