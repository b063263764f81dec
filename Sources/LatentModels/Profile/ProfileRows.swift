import LatentKernels
import LatentNetworks

/// Rows to measure on where there is no data: as dense as binarized MNIST, or grey around the same
/// means for likelihoods of real numbers.
public enum ProfileRows {
  /// - Parameters:
  ///   - count: 8,192 is more than a second-level cache holds of 784 columns.
  ///   - isBinary: zeros and ones for likelihoods on [0, 1]; greys otherwise.
  /// - Throws: ``ShapeError`` for a size that no matrix has.
  public static func rows(
    _ count: Int = 8192, columns: Int, likelihood: Likelihood, isBinary: Bool = true
  ) throws -> Rows {
    let (size, overflow) = count.multipliedReportingOverflow(by: columns)
    guard count >= 0, columns >= 0, !overflow else {
      throw ShapeError("There are no \(count) rows of \(columns) columns.")
    }
    try expectMemory(
      for: 4 * Double(size), "\(count) rows of \(columns) columns", "ask for fewer rows")
    let kernels = InstructionSet.reproducible.kernels
    let binary = likelihood.needsUnitInterval && isBinary
    var values = [Float](repeating: 0, count: size)
    var bits = [UInt32](repeating: 0, count: columns)
    for row in 0..<count {
      kernels.random_bits(columns, 1, LATENT_PURPOSE_BINARIZATION, 0, UInt32(row), 0, &bits)
      for column in 0..<columns {
        let uniform = Float(bits[column] >> 8) * 0x1p-24
        // From nearly never to every third time, the likely ones in the middle.
        let middle = 1 - abs(2 * Float(column) / Float(max(1, columns - 1)) - 1)
        let probability = 0.005 + 0.25 * middle
        values[row * columns + column] =
          binary ? (uniform < probability ? 1 : 0) : probability + 0.3 * uniform
      }
    }
    return try Rows(count: count, columns: columns, storage: .floats(values))
  }
}
