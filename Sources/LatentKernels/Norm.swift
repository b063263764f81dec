import CKernels

extension UnsafeBufferPointer<Float> {
  /// The sum of squares, in double: the same bits on every machine.
  public var sumOfSquares: Double {
    baseAddress.map { latent_sum_of_squares(count, $0) } ?? 0
  }
}
