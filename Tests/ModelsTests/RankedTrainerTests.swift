import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Training by ranks against training by one.
@Suite struct RankedTrainerTests {
  /// What a run ends with.
  struct Outcome: Sendable {
    var parameters: [Float]
    var digest: String
    var history: [EpochMetrics]
    var step: Int

    init(_ trainer: VAETrainer) throws {
      parameters = try trainer.model.parameters.slots.flatMap {
        try trainer.model.parameters.read($0)
      }
      digest = trainer.model.parameters.digest
      history = trainer.progress.history
      step = trainer.progress.step
    }

    /// ‖a − b‖ / ‖b‖.
    func distance(to other: Outcome) -> Double {
      let squares = zip(parameters, other.parameters).map { a, b in
        let (a, b) = (Double(a), Double(b))
        return ((a - b) * (a - b), b * b)
      }
      return (squares.reduce(0) { $0 + $1.0 } / squares.reduce(0) { $0 + $1.1 }).squareRoot()
    }
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var architecture = Architecture(dimensions: 64, hidden: [40], latentDimensions: 5)
    var transform = Transform.sample
    var standardize = false
    var missing = false
    var rows = 300
    var change: @Sendable (inout TrainingConfiguration) -> Void = { _ in }
    var testDescription: String { name }

    /// Digits, some of whose values are missing where that is wanted.
    var data: Dataset {
      let digits = try! Dataset.digitsSplit().training.selecting(Array(0..<rows))
      guard missing else { return digits }
      var values = digits.rows.matrix(of: Float.self)
      for i in stride(from: 0, to: values.values.count, by: 7) { values.values[i] = .nan }
      return try! Dataset(name: "digits", rows: Rows(values))
    }

    var configuration: TrainingConfiguration {
      var configuration = TrainingConfiguration()
      configuration.epochs = 20
      configuration.batchSize = 32
      configuration.seed = 3
      change(&configuration)
      return configuration
    }

    /// The trainer of one rank, which holds no rows but its own.
    func trainer(_ communicator: any Communicator, groups: Int? = nil) throws -> VAETrainer {
      var configuration = configuration
      configuration.rowGroups = groups
      let data = data
      let rows = try HeldRows(data, groups: groups, communicator: communicator)
      let heldOut = try HeldRows(
        data.selecting(Array(0..<50)), groups: groups, communicator: communicator)
      var settings = VAEConfiguration(
        architecture: architecture, transform: transform,
        standardization: standardize
          ? try Standardization(
            streaming: rows.data.rows, communicator: communicator, inTurn: true) : nil)
      settings.missing = missing ? true : nil
      let model = try VAE(settings)
      try model.initialize(for: rows.data.rows, seed: 1, over: communicator)
      return try VAETrainer(
        model, configuration: configuration, rows: rows, heldOut: heldOut,
        backend: FusedBackend(threads: 1), communicator: communicator)
    }

    func train(_ communicator: any Communicator, groups: Int? = nil) throws -> Outcome {
      let trainer = try trainer(communicator, groups: groups)
      while !trainer.isFinished { try trainer.trainEpoch() }
      return try Outcome(trainer)
    }
  }

  static let cases = [
    Case(name: "elbo, binarized afresh"),
    Case(
      name: "two layers, standardized, own variances",
      architecture: Architecture(
        dimensions: 64, hidden: [40, 24], latentDimensions: 5, activation: .tanh,
        likelihood: .gaussianDiagonal), transform: .none, standardize: true),
    Case(
      name: "network variances",
      architecture: Architecture(
        dimensions: 64, hidden: [32], latentDimensions: 3, likelihood: .gaussian),
      transform: .none),
    Case(name: "iwae of 3 samples") {
      $0.objective = .iwae
      $0.samples = 3
    },
    Case(name: "free bits") { $0.freeBits = 0.05 },
    // Smooth: with this seed rounding moves one unit of a ReLU network across its kink, some 3e-5.
    Case(
      name: "missing values",
      architecture: Architecture(
        dimensions: 64, hidden: [40], latentDimensions: 5, activation: .tanh,
        likelihood: .gaussianShared),
      transform: .none, standardize: true, missing: true),
    // The last batch of an epoch has one row, the ranks but one none.
    Case(name: "ranks without rows", rows: 257),
  ]

  /// 200 steps or more: the ranks agree to the bit, and with one rank but for rounding.
  @Test(arguments: cases) func ranksFollowOneRank(_ which: Case) throws {
    let serial = try which.train(SerialCommunicator())
    #expect(serial.step >= 180)
    for size in 2...4 {
      let ranks = try ThreadCommunicator.run(size) { try which.train($0) }.map { try $0.get() }
      #expect(Set(ranks.map(\.digest)).count == 1, "ranks agree")
      #expect(
        ranks[0].distance(to: serial) < 1e-5, "\(size) ranks: \(ranks[0].distance(to: serial))")
      #expect(ranks[0].step == serial.step)
      for (found, expected) in zip(ranks[0].history, serial.history) {
        #expect(abs(found.elbo - expected.elbo) < 1e-4 * abs(expected.elbo))
        #expect(
          abs(found.heldOutELBO! - expected.heldOutELBO!) < 1e-4 * abs(expected.heldOutELBO!))
      }
      #expect(ranks.allSatisfy { $0.history == ranks[0].history })
    }
  }

  /// Groups of rows: the same bits, metrics included, for any number of ranks.
  @Test(arguments: cases) func groupsHaveTheSameBits(_ which: Case) throws {
    let serial = try which.train(SerialCommunicator(), groups: 6)
    let plain = try which.train(SerialCommunicator())
    #expect(serial.distance(to: plain) < 1e-5, "\(serial.distance(to: plain))")
    for size in 2...5 {
      let ranks = ThreadCommunicator.run(size) { try which.train($0, groups: 6) }
      for rank in ranks {
        let rank = try rank.get()
        #expect(rank.digest == serial.digest, "\(size) ranks")
        #expect(rank.history == serial.history, "\(size) ranks")
      }
    }
  }

  /// Stopped in an epoch by one rank's wish, gone on with by another number of ranks.
  @Test(arguments: [nil, 6]) func anotherNumberGoesOn(groups: Int?) throws {
    let which = Case(name: "resumed")
    let path = NSTemporaryDirectory() + "ranked-\(groups ?? 0)-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let stopped = ThreadCommunicator.run(2) { communicator in
      let trainer = try which.trainer(communicator, groups: groups)
      for _ in 0..<3 { try trainer.trainEpoch() }
      var asked = 0
      let metrics = try trainer.trainEpoch(stopping: {
        asked += 1
        return communicator.rank == 1 && asked == 4
      })
      #expect(metrics == nil)
      if communicator.rank == 0 { try trainer.saveCheckpoint(to: path) }
      return trainer.progress.step
    }
    #expect(Set(try stopped.map { try $0.get() }).count == 1, "all ranks stop at one step")
    let ranks = try ThreadCommunicator.run(3) { communicator in
      let trainer = try which.trainer(communicator, groups: groups)
      try trainer.restore(from: path)
      while !trainer.isFinished { try trainer.trainEpoch() }
      return try Outcome(trainer)
    }.map { try $0.get() }
    let whole = try which.train(SerialCommunicator(), groups: groups)
    #expect(ranks[0].step == whole.step)
    if groups == nil {
      #expect(ranks[0].distance(to: whole) < 1e-5, "\(ranks[0].distance(to: whole))")
    } else {
      #expect(ranks[0].digest == whole.digest && ranks[0].history == whole.history)
    }
  }

  /// Numbers that are not finite on one rank stop all of them.
  @Test func divergenceStopsEveryRank() {
    let results = ThreadCommunicator.run(3) { communicator in
      let which = Case(name: "diverging") { $0.learningRate = 1e30 }
      return try which.train(communicator)
    }
    for result in results {
      #expect(throws: DivergenceError.self) { try result.get() }
    }
  }

  @Test func refusesWhatRanksCannotShare() throws {
    func sentence(ranks: Int, groups: Int? = nil, _ which: Case) -> String {
      let results = ThreadCommunicator.run(ranks) { try which.train($0, groups: groups) }
      guard case .failure(let error) = results[0] else { return "" }
      return "\(error)"
    }
    #expect(
      sentence(ranks: 3, Case(name: "batch") { $0.batchSize = 2 }).contains("A batch of 2 rows"))
    #expect(
      sentence(ranks: 3, Case(name: "svi") { $0.inference = .svi }).contains("runs on one rank"))
    #expect(sentence(ranks: 5, groups: 4, Case(name: "groups")).contains("--row-groups"))
  }
}
