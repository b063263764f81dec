import LatentKernels

/// Which rows are held out: those with the smallest keys, of which no two rows have the same one. It is
/// told from the numbers alone, in little memory, however many rows there are.
struct SplitPart: Sendable {
  let seed: UInt64
  private(set) var count: Int
  /// Of the last row held out.
  private let lastKey: UInt64
  private var isHeldOut = true

  /// - Parameter heldOut: 1 ... `rows`.
  init(of rows: Int, heldOut: Int, seed: UInt64) {
    (self.seed, count) = (seed, heldOut)
    // The key of that rank, 16 bits at a time.
    var (prefix, rank) = (UInt64(0), heldOut - 1)
    for shift in stride(from: 48, through: 0, by: -16) {
      var counts = [Int](repeating: 0, count: 1 << 16)
      for row in 0..<rows {
        let key = splitMix64(seed: seed, index: UInt64(row))
        if shift == 48 || key >> (shift + 16) == prefix { counts[Int(key >> shift & 0xffff)] += 1 }
      }
      var digit = 0
      while rank >= counts[digit] {
        rank -= counts[digit]
        digit += 1
      }
      prefix = prefix << 16 | UInt64(digit)
    }
    lastKey = prefix
  }

  func complement(of rows: Int) -> SplitPart {
    var other = self
    other.count = rows - count
    other.isHeldOut.toggle()
    return other
  }

  func contains(_ row: Int) -> Bool {
    (splitMix64(seed: seed, index: UInt64(row)) <= lastKey) == isHeldOut
  }
}

/// How many rows a fraction is.
///
/// - Throws: ``SettingError`` unless both parts get a row.
func heldOutCount(_ fraction: Double, of rows: Int, name: String) throws -> Int {
  guard fraction > 0, fraction < 1 else {
    throw SettingError("The held-out fraction must lie between 0 and 1, found \(fraction).")
  }
  guard rows >= 2 else {
    throw SettingError("\(name): holding rows out needs at least 2 rows, found \(rows).")
  }
  return min(max(Int((Double(rows) * fraction).rounded()), 1), rows - 1)
}
