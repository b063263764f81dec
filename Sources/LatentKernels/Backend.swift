/// What executes plans. Anything that can interpret the operations of `latent_kernels.h`, one after
/// another, can stand behind the networks and the trainer.
public protocol Backend: Sendable {
  /// "fused", "openblas", "simd", "reference", or a name of your own.
  var name: String { get }

  /// Executes `operations` in their order on `buffers`, for a batch of `run.rows` rows.
  ///
  /// Operands have been checked against the buffers by `Plan` before.
  func execute(_ operations: [PlanOperation], on buffers: [Buffer], run: Run)
}
