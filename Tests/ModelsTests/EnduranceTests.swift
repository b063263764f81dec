#if os(Linux)
  import Foundation
  import LatentIO
  import LatentKernels
  import LatentNetworks
  import Testing

  @testable import LatentModels

  /// What long runs may not do. By themselves, since others in the process would be counted as well:
  /// LATENT_ENDURANCE=1000000 swift test --filter EnduranceTests
  @Suite(
    .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["LATENT_ENDURANCE"] != nil))
  struct EnduranceTests {
    private let steps =
      Int(ProcessInfo.processInfo.environment["LATENT_ENDURANCE"] ?? "") ?? 1_000_000

    struct Usage: CustomStringConvertible {
      /// Of private memory, file-backed pages left out.
      let kilobytes: Int
      let files: Int
      let threads: Int

      init() throws {
        func value(_ name: String) throws -> Int {
          let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
          let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(name + ":") })
          return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1]))
        }
        kilobytes = try value("RssAnon")
        threads = try value("Threads")
        files = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
      }

      var description: String { "\(kilobytes) kB, \(files) files, \(threads) threads" }
    }

    /// A million steps, 450 to an epoch, with held-out scores, and a checkpoint every 20 epochs.
    @Test func stepsLeaveNothingBehind() throws {
      let place = NSTemporaryDirectory() + "latent-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: place) }
      let digits = try Dataset.digitsSplit()
      let model = try VAE(
        VAEConfiguration(
          architecture: Architecture(dimensions: 64, hidden: [8], latentDimensions: 2),
          transform: .sample))
      try model.initialize(for: digits.training.rows, seed: 1)
      var configuration = TrainingConfiguration()
      configuration.batchSize = 4
      configuration.epochs = .max
      let trainer = try VAETrainer(
        model, configuration: configuration, data: digits.training, heldOut: digits.heldOut,
        backend: FusedBackend(threads: 2))
      func train(to step: Int) throws {
        while trainer.progress.step < step {
          try trainer.trainEpoch()
          guard trainer.progress.epoch % 20 == 1 else { continue }
          try trainer.saveCheckpoint(to: "\(place)/checkpoint.safetensors")
        }
      }
      // What is allocated once is there by then.
      try train(to: steps / 50)
      let begin = try Usage()
      try train(to: steps)
      let end = try Usage()
      let history = trainer.progress.history.count * MemoryLayout<EpochMetrics>.stride * 2 / 1024
      print("after \(steps / 50) steps: \(begin)")
      print(
        "after \(trainer.progress.step) steps: \(end), of which \(history) kB of metrics at most")
      #expect(end.kilobytes - begin.kilobytes < 1024 + history)
      #expect(end.files == begin.files)
      #expect(end.threads <= begin.threads)  // those of the runtime may go
    }

    /// Backends and trainers that come and go.
    @Test func trainersLeaveNothingBehind() throws {
      func make(_ times: Int) throws {
        for time in 0..<times {
          let trainer = try ConcurrencyTests.trainer(
            seed: UInt64(time), backend: FusedBackend(threads: 2))
          try trainer.trainEpoch()
        }
      }
      try make(50)
      let begin = try Usage()
      try make(min(1000, steps / 100))
      let end = try Usage()
      print("50 trainers: \(begin); \(min(1000, steps / 100)) more: \(end)")
      #expect(end.kilobytes - begin.kilobytes < 2048)
      #expect(end.files == begin.files)
      #expect(end.threads <= begin.threads)  // those of the runtime may go
    }

    /// A child of fork trains on with its parent's backend, to the same bits as the parent.
    @Test func aChildOfForkTrainsOn() throws {
      // Swift hides it, since most of a process does not survive it; a pool does.
      let fork = unsafeBitCast(dlsym(nil, "fork"), to: (@convention(c) () -> pid_t).self)
      let trainer = try ConcurrencyTests.trainer(seed: 1, backend: FusedBackend(threads: 2))
      try trainer.trainEpoch()
      let child = fork()
      if child == 0 {
        alarm(120)
        try trainer.trainEpoch()
        var bits: UInt64 = 0
        for value in trainer.model.parameters.values.values {
          bits = bits &* 31 &+ UInt64(value.bitPattern)
        }
        _exit(Int32(bits % 251))
      }
      try trainer.trainEpoch()
      var bits: UInt64 = 0
      for value in trainer.model.parameters.values.values {
        bits = bits &* 31 &+ UInt64(value.bitPattern)
      }
      var status: Int32 = -1
      #expect(waitpid(child, &status, 0) == child)
      print("child of fork: status \(status)")
      #expect(status == Int32(bits % 251) << 8)
    }
  }
#endif
