import ArgumentParser
import Foundation
import LatentIO
import LatentKernels
import LatentModels
import LatentReport

struct ProfileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile",
    abstract: "What a training step costs, phase by phase, against what the machine can do.",
    discussion: """
      Without a run: a made-up network on synthetic rows, with a step size of zero. Writes \
      report.html, profile.json, step.svg and roofline.svg.
      """)

  @Argument(
    help: ArgumentHelp(
      "A run directory or a model file of a variational autoencoder.", valueName: "run"))
  var model: String?

  @OptionGroup(title: "Network") var network: ProfileNetworkOptions
  @OptionGroup(title: "Side by side") var sides: ProfileSidesOptions
  @OptionGroup(title: "Estimators") var estimators: GradientOptions

  @Option(parsing: .unconditional, help: "Seconds of steps, for all sides together.")
  var seconds = 6.0

  @Flag(help: "The time of each thread.") var perThread = false

  @Option(
    help: ArgumentHelp(
      "A Chrome trace of some steps, a track a thread: open it in Perfetto.", valueName: "path"))
  var trace: String?

  @Option(
    help: ArgumentHelp(
      "A new directory for the report. (default: runs/profile-<network>-<n>)",
      valueName: "directory"))
  var output: String?

  @Flag(help: "Print one JSON object on standard output.") var json = false
  @Flag(help: "No progress on standard error.") var quiet = false

  func validate() throws { try checkOneAnswer(json: json, table: trace, by: "--trace") }

  func run() throws {
    guard seconds > 0, seconds <= 3600 else {
      throw SettingError("--seconds must be above 0 and at most 3600, found \(seconds).")
    }
    try estimators.check()
    if let output { try RunDirectory.checkFree(output, canResume: false) }
    // Names first: a network may take long to make.
    let largest = try sides.sides(defaultBatch: 128).map(\.batchSize).max() ?? 128
    let network = try ProfiledNetwork(run: model, network, largestBatch: largest)
    let instructionSet = try InstructionSet.selected()
    let subjects = try sides.sides(defaultBatch: network.defaultBatch).map { side in
      StepComparison.Subject(
        workload: try StepWorkload(
          network.makeModel(), batches: network.batches, batchSize: side.batchSize,
          training: network.training),
        backend: try ComputeOptions.makeBackend(side.backend, threads: side.threads),
        threads: side.backend == .reference ? 1 : side.threads)
    }
    if let left = network.training.leftOutOfSteps {
      printError("note: the run was trained with \(left), which the step profiled here leaves out")
    }
    let begin = ContinuousClock().now
    let measurements = StepComparison(subjects, instructionSet: instructionSet).measure(
      seconds: seconds, onTurn: progress)
    let noise = try estimators.measure(
      network, batchSize: subjects[0].workload.batchSize, backend: subjects[0].backend)
    let result = ProfileResult(
      network, measurements, noise, output: output ?? nextName(network),
      trace: trace, seconds: (ContinuousClock().now - begin).seconds)
    try write(result, network)
    if measurements.contains(where: \.isDisturbed) {
      printError(
        "warning: others use this machine's cores; few steps ran undisturbed, so measure again in a "
          + "calmer moment")
    }
    try json ? printJSON(result) : print(text(result))
  }

  private func nextName(_ network: ProfiledNetwork) -> String {
    RunDirectory.nextName("runs/profile-\(network.architecture.description)-")
  }

  private func write(_ result: ProfileResult, _ network: ProfiledNetwork) throws {
    let measurements = result.configurations
    let directory = try RunDirectory.create(result.output)
    do {
      if let trace { try ChromeTrace.write(measurements, to: trace) }
      try directory.write(profile: result)
      try StepChart.picture(of: measurements[0]).write(to: directory.stepChart)
      try RooflineChart.picture(of: measurements[0]).write(to: directory.roofline)
      try page(result, network).write(to: directory.report)
    } catch {
      directory.remove()
      throw error
    }
  }

  private func page(_ result: ProfileResult, _ network: ProfiledNetwork) -> ReportPage {
    ReportPage(
      "Profile of \(result.network) \(result.activation)",
      subtitle: "\(result.modelAndData); Latent \(Latent.version)",
      sections: ProfileReport(result.configurations, result.estimators ?? []).sections + [
        .repeating(givenCommand(withThreads: true), digest: nil)
      ])
  }

  private func text(_ result: ProfileResult) -> String {
    [
      "\(result.network) \(result.activation), \(result.modelAndData)",
      ProfileTable(measurements: result.configurations, perThread: perThread).text,
      result.estimators.map(EstimatorTable.text) ?? "",
      result.output,
    ].filter { !$0.isEmpty }.joined(separator: "\n\n")
  }

  /// A line that is written over, on a terminal.
  private func progress(_ done: Int, _ all: Int) {
    guard !quiet, isatty(STDERR_FILENO) == 1 else { return }
    drawLine(done < all ? "measuring, \(done) of \(all)" : "")
  }
}
