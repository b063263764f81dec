import CKernels

extension UnsafeBufferPointer<Float> {
  /// Where the first value is that is NaN or infinite.
  public var firstNotFinite: Int? {
    guard let baseAddress else { return nil }
    let index = latent_first_not_finite(count, baseAddress)
    return index < count ? index : nil
  }
}

extension Storage<Float> {
  /// Where the first value is that is NaN or infinite.
  public var firstNotFinite: Int? { UnsafeBufferPointer(values).firstNotFinite }
}
