import Foundation
import LatentIO
import Testing

extension RunCommandTests {
  /// A kill, a full disk or an error at each call that touches a run directory (all of them with
  /// LATENT_FAULTS=all, as .ci/faults does, or the name of a training). After each: what is there is whole,
  /// the last checkpoint goes on, and the end is the same bytes.
  @Suite(.enabled(if: Faults.library != nil)) struct FaultTests {
    static let network = ["--hidden", "8", "--latent", "2", "--epochs", "2", "--batch-size", "400"]

    struct Training: CustomTestStringConvertible, Sendable {
      var testDescription: String
      /// How it begins, the directory aside.
      var begin: [String]
      /// In the ordinary tests, too.
      var isQuick = false
    }
    static let trainings = [
      Training(
        testDescription: "vae", begin: ["fit", "vae", "--data", "iris"] + network, isQuick: true),
      Training(testDescription: "vae with pictures", begin: ["fit", "vae"] + network),
      Training(
        testDescription: "patience",
        begin: ["fit", "vae", "--data", "iris", "--patience", "2", "--tensorboard"] + network),
      Training(
        testDescription: "posteriors on disk",
        begin: ["fit", "vae", "--inference", "svi", "--posteriors-on-disk", "--inner-steps", "2"]
          + ["--data", "iris"] + network),
      Training(
        testDescription: "autoencoder",
        begin: ["fit", "autoencoder", "--data", "iris", "--hidden", "8", "--latent", "2"]
          + ["--epochs", "2"]),
    ].filter {
      switch Faults.asked {
      case nil: $0.isQuick
      case "all": true
      case let name: $0.testDescription == name
      }
    }

    let place: Workspace
    init() throws { place = try Workspace() }

    /// Runs the command, with the last checkpoint's directory in place of a fresh one where given.
    private func run(
      _ arguments: [String], _ kind: Faults.Kind? = nil, at number: Int = 0,
      from state: String? = nil
    ) throws -> Command.Outcome {
      try place.remove("run")
      if let state { try place.copy(state, to: "run") }
      return try Command.run(
        arguments, in: place,
        environment: Faults.environment(kind, at: number, below: "run", in: place))
    }

    /// Goes through all points and kinds, or a few of them.
    private func each(
      _ calls: [Faults.Call], _ body: (Faults.Kind, Faults.Call) throws -> Void
    ) rethrows -> String {
      var counts: [String] = []
      for kind in Faults.Kind.ofWriting {
        let points = calls.filter(kind.concerns)
        // A few: not every n-th, which could always meet the same kind of call.
        let chosen =
          switch (Faults.all, kind) {
          case (true, .short), (true, .interrupt):  // which lose nothing
            points.enumerated().filter { $0.offset % 5 == 0 }.map(\.element)
          case (true, _): points
          case (false, _): [1, 2].map { points[points.count * $0 * $0 / 5] }
          }
        for call in chosen { try body(kind, call) }
        counts.append("\(kind) \(chosen.count)")
      }
      return counts.joined(separator: ", ")
    }

    /// What a command says and leaves when the call went wrong.
    private func check(
      _ outcome: Command.Outcome, _ kind: Faults.Kind, _ call: Faults.Call,
      against whole: [String: Data]
    ) throws {
      let what: Comment = "\(kind) at \(call.number) \(call.name) \(call.file): \(outcome.errors)"
      if kind.kills {
        #expect(outcome.status == 128 + SIGKILL, what)
      } else if kind == .short || kind == .interrupt || outcome.status == 0 {
        #expect(outcome.status == 0, what)
        try #expect(place.files(of: "run") == whole, what)
      } else {
        #expect(outcome.status == 1, what)
        let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
        #expect(lines.count == 1 && outcome.errors.hasSuffix(lines[0] + "\n"), what)
        #expect(lines.first?.contains("run") ?? false, what)
        let reason = kind == .full ? "No space left on device" : "Input/output error"
        #expect(lines.first?.contains(reason) ?? false, what)
      }
    }

    @Test(arguments: trainings) func aTrainingGoesOn(_ training: Training) throws {
      let begin = training.begin + ["--output", "run"]
      let resume = Array(training.begin.prefix(2)) + ["--resume", "run"]
      var outcome = try run(begin)
      try #require(outcome.status == 0, "\(outcome.errors)")
      let calls = try Faults.calls(in: place)
      let whole = try place.files(of: "run")

      func goesOn(after kind: Faults.Kind, _ call: Faults.Call, _ calls: [Faults.Call], from: Int)
        throws
      {
        // Those that were finished may not be lost.
        let epochs =
          from
          + calls.count {
            $0.number < call.number && $0.name == "rename" && $0.file == "checkpoint.safetensors"
          }
        #expect(place.has("run/checkpoint.safetensors") || epochs == 0)
        let goesOn = place.has("run/config.json")
        outcome = try Command.run(goesOn ? resume : begin, in: place)
        let what: Comment = "\(kind) at \(call.number) \(call.name) \(call.file): \(outcome.errors)"
        #expect(outcome.status == 0, what)
        if epochs > 0 {
          let found = (epochs...2).contains {
            outcome.errors.contains("resuming after epoch \($0)")
          }
          #expect(found, what)
        }
        try #expect(place.files(of: "run") == whole, what)
      }

      let begun = try each(calls) { kind, call in
        outcome = try run(begin, kind, at: call.number)
        _ = try Faults.calls(in: place)
        try check(outcome, kind, call, against: whole)
        try goesOn(after: kind, call, calls, from: 0)
      }
      print("\(training.testDescription), begun: \(calls.count) calls; \(begun)")
      outcome = try run(begin, .kill, at: calls.count + 1)
      #expect(outcome.status == 0)

      guard Faults.all else { return }
      // And once more on the way, from the first epoch's checkpoint.
      let first = try #require(
        calls.first { $0.name == "rename" && $0.file == "checkpoint.safetensors" })
      _ = try run(begin, .kill, at: first.number + 1)
      try place.copy("run", to: "state")
      _ = try Faults.calls(in: place)
      _ = try run(resume, from: "state")
      let more = try Faults.calls(in: place)
      let resumed = try each(more) { kind, call in
        outcome = try run(resume, kind, at: call.number, from: "state")
        _ = try Faults.calls(in: place)
        try check(outcome, kind, call, against: whole)
        try goesOn(after: kind, call, more, from: 1)
      }
      print("\(training.testDescription), resumed: \(more.count) calls; \(resumed)")
    }

    #if OpenBLAS
      /// Fits without checkpoints leave all or nothing; a killed one leaves no half of a file.
      @Test(arguments: ["mixture", "factors"]) func aFitLeavesAllOrNothing(_ model: String) throws {
        let begin = ["fit", model, "--data", "iris", "--output", "run"]
        var outcome = try run(begin)
        try #require(outcome.status == 0, "\(outcome.errors)")
        let calls = try Faults.calls(in: place)
        let whole = try place.files(of: "run").filter { $0.key != "report.html" }
        let counts = try each(calls) { kind, call in
          outcome = try run(begin, kind, at: call.number)
          _ = try Faults.calls(in: place)
          var left = try place.files(of: "run")
          left["report.html"] = nil
          let what: Comment =
            "\(kind) at \(call.number) \(call.name) \(call.file): \(outcome.errors)"
          if kind.kills {
            #expect(outcome.status == 128 + SIGKILL, what)
            for (name, bytes) in left where !name.hasPrefix(".latent-") {
              #expect(bytes == whole[name], what)
            }
          } else if outcome.status == 0 {
            #expect(left == whole, what)
          } else {
            try check(outcome, kind, call, against: whole)
            #expect(left.isEmpty, what)
          }
        }
        print("\(model): \(calls.count) calls; \(counts)")
      }

      /// A table that loses its second half while it is read: no file is mapped, so that there is an error
      /// or a table as short as it was found, and never a signal.
      @Test(arguments: ["table.npy", "table.csv", "table.npy.gz"])
      func aFileShrinksWhileItIsRead(_ name: String) throws {
        let (rows, columns) = (4000, 4)
        let values = (0..<rows * columns).map { Float(($0 * 7919) % 1000) / 8 }
        try FileManager.default.createDirectory(
          atPath: "\(place.path)/whole", withIntermediateDirectories: true)
        let table = "\(place.path)/whole/table.npy"
        if name == "table.csv" {
          var text = ""
          for row in 0..<rows {
            text += values[row * columns..<(row + 1) * columns].map { "\($0)" }
              .joined(separator: ",")
            text += "\n"
          }
          try place.write("whole/table.csv", text.utf8)
        } else {
          try values.withUnsafeBufferPointer {
            try NPY.write($0, rows: rows, columns: columns, to: table)
          }
          if name.hasSuffix(".gz") {
            let gzip = try Process.run(
              URL(fileURLWithPath: "/usr/bin/env"), arguments: ["gzip", "-1", table])
            gzip.waitUntilExit()
            try #require(gzip.terminationStatus == 0)
          }
        }
        for stream in Faults.all ? [[], ["--stream"]] : [["--stream"]] {
          let fit =
            ["fit", "mixture", "--data", "data/\(name)", "--output", "fitted", "--iterations", "2"]
            + ["--tolerance", "0"] + stream
          func run(at number: Int) throws -> Command.Outcome {
            try place.remove("data")
            try place.copy("whole", to: "data")
            try place.remove("fitted")
            return try Command.run(
              fit, in: place,
              environment: Faults.environment(.shrink, at: number, below: "data", in: place))
          }
          try #expect(run(at: 0).status == 0)
          let reads = try Faults.calls(in: place).filter { $0.name == "read" }
          let chosen = Faults.all ? reads : [reads[0], reads[reads.count / 2]]
          for call in chosen {
            let outcome = try run(at: call.number)
            _ = try Faults.calls(in: place)
            let what: Comment = "\(stream) at read \(call.number): \(outcome.errors)"
            let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
            if outcome.status == 0 {
              // Where the last pass was over, or text ended sooner.
              #expect(lines.isEmpty, what)
              #expect(name == "table.csv" || call.number > reads[reads.count / 2].number, what)
            } else {
              #expect(outcome.status == 1 && lines.count == 1, what)
              #expect(lines.first?.contains("data/\(name)") ?? false, what)
              try #expect(place.files(of: "fitted").isEmpty, what)
            }
          }
          print("\(name) \(stream): \(chosen.count) of \(reads.count) reads")
        }
      }
    #endif
  }
}
