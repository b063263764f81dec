import ArgumentParser
import LatentKernels

enum BackendName: String, CaseIterable, Codable, ExpressibleByArgument {
  case fused, openblas, simd, reference
}

/// What computes.
struct ComputeOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Threads that compute. (default: all cores that this process may use)")
  var threads: Int?

  @Option(help: "What computes: fused is the fastest, the others check it.")
  var backend: BackendName?

  /// - Throws: ``SettingError`` when the threads, or the instruction set that `LATENT_ISA` names,
  ///   cannot be had.
  func makeBackend(default name: BackendName = .fused) throws -> any Backend {
    try Self.makeBackend(backend ?? name, threads: threads ?? Processes.defaultThreads)
  }

  /// - Throws: as ``makeBackend(default:)``.
  static func makeBackend(_ name: BackendName, threads: Int) throws -> any Backend {
    // Every backend asks single kernels: a wrong LATENT_ISA is an error behind all of them.
    let instructionSet = try InstructionSet.selected()
    guard 1...LATENT_MAXIMUM_THREADS ~= threads else {
      throw SettingError(
        "The number of threads must be 1...\(LATENT_MAXIMUM_THREADS), found \(threads).")
    }
    switch name {
    case .fused: return try FusedBackend(threads: threads, instructionSet: instructionSet)
    case .simd: return try SIMDBackend(threads: threads)
    case .reference: return ReferenceBackend()
    case .openblas:
      #if OpenBLAS
        return try OpenBLASBackend(threads: threads)
      #else
        throw SettingError(
          "This build has no openblas backend; build it with the OpenBLAS trait, or choose another."
        )
      #endif
    }
  }

  /// For models that compute with the fused kernels alone.
  ///
  /// - Throws: ``SettingError``.
  func makeFusedBackend() throws -> FusedBackend {
    try Self.makeFusedBackend(backend, threads: threads)
  }

  fileprivate static func makeFusedBackend(
    _ name: BackendName?, threads: Int?
  ) throws -> FusedBackend {
    let backend = try makeBackend(name ?? .fused, threads: threads ?? Processes.defaultThreads)
    guard let fused = backend as? FusedBackend else {
      throw SettingError(
        "Mixtures and factor analysis compute with the fused backend, found \(backend.name).")
    }
    return fused
  }
}

/// What computes, in commands that have the fused kernels alone.
struct FusedComputeOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Threads that compute. (default: all cores that this process may use)")
  var threads: Int?

  /// Others are refused in a sentence.
  @Option(help: .hidden) var backend: BackendName?

  /// - Throws: ``SettingError``.
  func makeFusedBackend() throws -> FusedBackend {
    try ComputeOptions.makeFusedBackend(backend, threads: threads)
  }
}
