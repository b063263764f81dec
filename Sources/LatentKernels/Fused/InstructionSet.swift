import CKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The instruction sets that the C kernels are compiled for.
public enum InstructionSet: String, CaseIterable, Sendable {
  /// One lane at a time through `fmaf`: slow, with the same bits as the fast ones.
  case scalar
  /// The compiler's default target, without fused multiply-add: outside the bit contract.
  case baseline
  /// Arm's 128-bit vectors: every AArch64 has them.
  case neon
  /// 256-bit vectors and fused multiply-add.
  case avx2
  /// 512-bit vectors: F, DQ, BW and VL.
  case avx512

  var code: latent_isa {
    switch self {
    case .scalar: LATENT_ISA_SCALAR
    case .baseline: LATENT_ISA_BASELINE
    case .neon: LATENT_ISA_NEON
    case .avx2: LATENT_ISA_AVX2
    case .avx512: LATENT_ISA_AVX512
    }
  }

  /// Whether this build has the kernels and this CPU can execute them.
  public var isAvailable: Bool { latent_isa_available(code) }

  /// Whether the kernels of this set keep the bit contract.
  public var keepsBits: Bool { self != .baseline }

  /// Those that this build has and this CPU can execute.
  public static var available: [InstructionSet] { allCases.filter(\.isAvailable) }

  /// The fastest one here.
  public static var best: InstructionSet {
    allCases.first { $0.code == latent_isa_best() } ?? .baseline
  }

  /// The fastest one here that keeps the bit contract: for what is computed beside a backend, in small amounts.
  public static var reproducible: InstructionSet { best.keepsBits ? best : .scalar }

  /// The one that the environment variable `LATENT_ISA` names, else the fastest one here.
  ///
  /// - Throws: ``SettingError`` when the variable names an unknown one, or one this CPU lacks.
  public static func selected() throws -> InstructionSet {
    guard let value = getenv("LATENT_ISA") else { return best }
    let name = String(cString: value)
    let choices = available.map(\.rawValue).joined(separator: ", ")
    guard let forced = InstructionSet(rawValue: name) else {
      throw SettingError("LATENT_ISA is \"\(name)\"; it must be one of \(choices).")
    }
    guard forced.isAvailable else {
      throw SettingError("LATENT_ISA asks for \(name), which this CPU lacks; it has \(choices).")
    }
    return forced
  }

  /// The single kernels of an available set: `exp`, `tanh`, `random_normal` and so on. ``Kernels`` throws
  /// for others, and checks what it is given.
  ///
  /// - Precondition: ``isAvailable``.
  public var kernels: latent_kernels {
    guard let table = latent_kernels_for(code) else {
      preconditionFailure("\(rawValue) is not available on this CPU; ask isAvailable first")
    }
    return table.pointee
  }
}

extension [Float] {
  /// An elementwise kernel on a copy: `logits.applying(InstructionSet.best.kernels.sigmoid)`.
  ///
  /// - Precondition: there is a kernel; those of ``InstructionSet/kernels`` are optional in C's eyes only.
  public func applying(
    _ kernel: (@convention(c) (Int, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?) -> Void)?
  ) -> [Float] {
    guard let kernel else { preconditionFailure("a kernel to apply is one of a set's kernels") }
    var result = self
    result.withUnsafeMutableBufferPointer { kernel($0.count, $0.baseAddress, $0.baseAddress) }
    return result
  }
}
