import ArgumentParser

@main struct Measure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "latent-measure",
    abstract: "Measures Latent against what the machine can do, in turns with it.",
    discussion: """
      FLOPs are algorithmic: two for each multiply-add of the products, no padding. The peak of \
      multiply-adds is measured on as many threads as the work has, between its turns. \
      pingPongNanoseconds is a line's way from one core to the other; othersShare is what other \
      processes had of all cores meanwhile. Times are of calls during which no thread of ours \
      waited for a core, where there are five of them; undisturbed is their share of all calls.
      """,
    subcommands: [
      Step.self, Phases.self, Trainer.self, Passes.self, Product.self, Elementwise.self,
      Stream.self, Threads.self, Ones.self, Unpacked.self, Allocations.self, CallCosts.self,
      Handover.self, Profiler.self, Serve.self,
    ])
}
