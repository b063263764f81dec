import ArgumentParser
import Foundation
import LatentKernels
import Workloads

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answers a JSON request a line with a JSON line, as Peers/elbo_step.py does.",
    discussion: """
      {"network": "784-400-20", "batch": 100, "framework": "fused", "seconds": 0.5}

      Frameworks are the backends: fused, openblas, simd; and fused-gathered, whose first layer adds up \
      gathered rows, as the trainer's does on binary batches.
      """)

  @Option var threads = FusedBackend.allowedThreads

  private struct Request: Codable {
    let network: String, batch: Int, framework: String
    var seconds: Double?
  }

  private struct Reply: Encodable {
    let network: String, batch: Int, framework: String
    let stepsMedianMs, stepsP10Ms, stepsP90Ms: Double
    let threads: Int, instructionSet: String
    let fractionOfPeak, peakGFLOPS, pingPongNs, undisturbed, lastLoss: Double
  }

  private struct Failure: Encodable { let error: String }

  func run() throws {
    let choice = BackendChoice()
    var steps: [String: ELBOStep] = [:]
    while let line = readLine() {
      do {
        let request = try JSONDecoder().decode(Request.self, from: Data(line.utf8))
        guard let shape = NetworkShape(rawValue: request.network) else {
          throw SettingError(
            "The network must be one of \(NetworkShape.allCases.map(\.rawValue)), found "
              + "\"\(request.network)\".")
        }
        let key = "\(request.network) \(request.batch) \(request.framework)"
        let step =
          try steps[key]
          ?? ELBOStep(
            shape, batch: request.batch,
            backend: choice.backend(
              request.framework == "fused-gathered" ? "fused" : request.framework, threads: threads),
            gathersOnes: request.framework == "fused-gathered")
        steps[key] = step
        try answer(measure(step, request))
      } catch {
        // A bad request must not end the session.
        try answer(Failure(error: "\(error)"))
      }
    }
  }

  private func measure(_ step: ELBOStep, _ request: Request) throws -> Reply {
    var session = Session(rounds: 1, seconds: request.seconds ?? 0.5)
    let measurement = try session.measure([
      Subject(threads: threads, flops: step.flops) { step() }
    ])[0]
    guard step.loss.isFinite else { throw NotFinite(what: "The loss of \(request.framework)") }
    return Reply(
      network: request.network, batch: request.batch, framework: request.framework,
      stepsMedianMs: measurement.seconds.median * 1e3, stepsP10Ms: measurement.seconds.p10 * 1e3,
      stepsP90Ms: measurement.seconds.p90 * 1e3, threads: threads,
      instructionSet: InstructionSet.best.rawValue, fractionOfPeak: measurement.fractionOfPeak,
      peakGFLOPS: session.peaks[threads]![0] / 1e9, pingPongNs: session.pingPongs[0],
      undisturbed: measurement.undisturbed,
      lastLoss: step.loss)
  }

  private func answer(_ value: some Encodable) throws {
    FileHandle.standardOutput.write(try JSONEncoder().encode(value) + Data("\n".utf8))
  }
}
