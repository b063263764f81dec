import LatentKernels

/// Backends by name, made once each: an idle pool sleeps.
package final class BackendChoice {
  private var made: [String: any Backend] = [:]
  package static let names = ["fused", "openblas", "simd"]

  package init() {}

  package func backend(
    _ name: String, threads: Int, instructionSet: InstructionSet = .best
  ) throws -> any Backend {
    let key = "\(name) \(threads) \(instructionSet.rawValue)"
    if let backend = made[key] { return backend }
    let backend: any Backend =
      switch name {
      case "fused": try FusedBackend(threads: threads, instructionSet: instructionSet)
      case "openblas": try OpenBLASBackend(threads: threads)
      case "simd": try SIMDBackend(threads: threads)
      default:
        throw SettingError(
          "The backend must be one of \(Self.names.joined(separator: ", ")), found \"\(name)\".")
      }
    made[key] = backend
    return backend
  }
}
