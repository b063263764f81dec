import ArgumentParser
import Foundation
import LatentIO
import LatentKernels

#if OpenBLAS
  import COpenBLAS
#endif

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What this machine gives: instruction sets, threads, BLAS, measured peak.")

  @Flag(help: "Print one JSON object on standard output.") var json = false

  func run() throws {
    let report = try DoctorReport()
    try json ? printJSON(report) : print(report.text)
  }
}

struct DoctorReport: Encodable {
  struct BLAS: Encodable {
    var version, core: String

    /// What to make OpenBLAS take the CPU for, where it does not know it and uses kernels made
    /// for far older ones (0.3.21 on Sapphire Rapids and later); nil where it does.
    var betterCore: String? {
      let withAVX2: Set = ["haswell", "zen", "skylakex", "cooperlake", "sapphirerapids"]
      guard InstructionSet.avx2.isAvailable, !withAVX2.contains(core.lowercased()) else {
        return nil
      }
      return InstructionSet.avx512.isAvailable ? "SkylakeX" : "Haswell"
    }
  }

  struct Missing: Encodable {
    var what, install: String
  }

  var version = Latent.version
  var instructionSet: String
  var availableInstructionSets: [String]
  var threads = FusedBackend.allowedThreads
  var blas: BLAS?
  /// GFLOP/s of fused multiply-adds that never leave the registers.
  var peakOneThread, peakAllThreads: Double
  /// A cache line from one core to another and back; nil on one core.
  var pingPongNanoseconds: Double?
  /// Rows of each data set that ships.
  var shippedData: [String: Int] = [:]
  var missing: [Missing] = []

  /// - Throws: ``SettingError`` for a `LATENT_ISA` that cannot be had, ``FileError`` when the data
  ///   that ships is damaged.
  init() throws {
    let selected = try InstructionSet.selected()
    instructionSet = selected.rawValue
    availableInstructionSets = InstructionSet.available.map(\.rawValue)
    #if OpenBLAS
      let blas = BLAS(
        version: String(cString: openblas_get_config()),
        core: String(cString: openblas_get_corename()))
      self.blas = blas
      if let better = blas.betterCore {
        missing.append(
          Missing(
            what: "OpenBLAS's kernels for this CPU, which it takes for one without AVX2 "
              + "(\(blas.core)): the openblas backend and factor analysis take longer than they need",
            install: "a newer OpenBLAS, or OPENBLAS_CORETYPE=\(better) in the environment"))
      }
    #else
      missing.append(
        Missing(
          what: "OpenBLAS: the openblas backend, and the models that factorize matrices",
          install: "apt-get install libopenblas-dev liblapacke-dev; build with default traits"))
    #endif
    if !InstructionSet.best.keepsBits {
      missing.append(
        Missing(
          what: "fused multiply-add: this CPU's results differ in their last bits from others'",
          install: "LATENT_ISA=scalar gives the same bits, slowly"))
    }
    peakOneThread = MachineProbes.peak(selected, threads: 1)
    peakAllThreads = threads > 1 ? MachineProbes.peak(selected, threads: threads) : peakOneThread
    pingPongNanoseconds = threads > 1 ? MachineProbes.pingPong() : nil
    for name in Dataset.shippedNames { shippedData[name] = try Dataset.named(name).rows.count }
  }

  var text: String {
    var rows = [
      ("latent", version),
      (
        "instruction set",
        "\(instructionSet), of \(availableInstructionSets.joined(separator: ", "))"
      ),
      ("threads", "\(threads) allowed"),
      ("BLAS", blas.map { "\($0.version); core \($0.core)" } ?? "none"),
      (
        "FMA peak",
        "\(decimal(peakOneThread, 1)) GFLOP/s on 1 thread, \(decimal(peakAllThreads, 1)) on \(threads)"
      ),
    ]
    if let pingPongNanoseconds {
      rows.append(("ping-pong", "\(decimal(pingPongNanoseconds, 0)) ns between two cores and back"))
    }
    let data = Dataset.shippedNames.map { "\($0) \(grouped(shippedData[$0] ?? 0))" }
    rows.append(("shipped data", data.joined(separator: ", ") + " rows"))
    rows += missing.map { ("missing", "\($0.what); \($0.install)") }
    if missing.isEmpty { rows.append(("missing", "nothing")) }
    return rows.map { name, value in
      name.padding(toLength: 17, withPad: " ", startingAt: 0) + value
    }.joined(separator: "\n")
  }
}
