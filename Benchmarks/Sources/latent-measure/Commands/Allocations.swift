import ArgumentParser
import CProbes
import LatentKernels
import Workloads

struct Allocations: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Counts what a thousand steps allocate, all threads, C and Swift: nothing.")

  @Option var batch = 100

  func run() throws {
    let backend = try FusedBackend()
    for shape in NetworkShape.allCases {
      for gathers in [false, true] {
        let step = try ELBOStep(shape, batch: batch, backend: backend, gathersOnes: gathers)
        for _ in 0..<10 { step() }
        let before = probe_allocations()
        for _ in 0..<1000 { step() }
        let count = probe_allocations() - before
        print("\(shape.rawValue), \(gathers ? "gathered" : "dense"): \(count) allocations")
        guard count == 0 else { throw ExitCode.failure }
      }
    }
  }
}
