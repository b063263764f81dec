import CKernels

/// One pass of a mixture of Gaussians over its rows; see `latent_mixture.h`.
public typealias MixturePass = latent_mixture

/// Memory that passes of about one size use again and again.
public final class MixtureWorkspace: @unchecked Sendable {
  fileprivate var storage = Storage<UInt8>(count: 0)
  /// Empty; grows to the largest pass.
  public init() {}
}

extension FusedBackend {
  /// Runs a pass on all threads. What it points to must live until the call returns.
  ///
  /// One call at a time may use a workspace.
  public func run(_ pass: MixturePass, workspace: MixtureWorkspace) {
    withUnsafePointer(to: pass) { pass in
      let bytes = latent_mixture_workspace(pool, pass)
      if workspace.storage.count < bytes { workspace.storage = Storage(count: bytes) }
      let status = latent_mixture_run(pool, pass, workspace.storage.pointer)
      precondition(
        status == LATENT_OK, "a pass of a mixture has all its arrays, and sizes of this world")
    }
  }
}

extension MixturePass {
  /// Where the statistics of this pass lie.
  public var layout: latent_mixture_layout {
    withUnsafePointer(to: self) { latent_mixture_statistics($0) }
  }
}
