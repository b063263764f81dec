import CKernels

/// What executes plans. Anything that can interpret the operations of `latent_kernels.h`, one after
/// another, can stand behind the networks and the trainer.
public protocol Backend: Sendable {
  /// "fused", "openblas", "simd", "reference", or a name of your own.
  var name: String { get }

  /// Executes `operations` in their order on `buffers`, for a batch of `run.rows` rows.
  ///
  /// Whoever builds the operations answers for operands within their buffers, as ``Plan/check(rows:)`` checks
  /// them.
  func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run)
}

/// - Throws: ``SettingError`` for a number of threads that none can compute on.
func checkThreads(_ threads: Int) throws(SettingError) {
  guard 1...Int(LATENT_MAXIMUM_THREADS) ~= threads else {
    throw SettingError(
      "The number of threads must be 1...\(LATENT_MAXIMUM_THREADS), found \(threads).")
  }
}
