import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Trainers beside each other in one process end with the bits that each has alone.
@Suite struct ConcurrencyTests {
  static func trainer(seed: UInt64, backend: any Backend) throws -> VAETrainer {
    let data = try Dataset.digitsSplit().training.selecting(Array(0..<200))
    let model = try VAE(
      VAEConfiguration(
        architecture: Architecture(dimensions: 64, hidden: [24], latentDimensions: 3),
        transform: .sample))
    try model.initialize(for: data.rows, seed: seed)
    var configuration = TrainingConfiguration()
    // Pools larger than the cores that are free wait for turns at every barrier.
    configuration.epochs = 2
    configuration.batchSize = 20
    configuration.seed = seed
    return try VAETrainer(
      model, configuration: configuration, data: data, heldOut: nil, backend: backend)
  }

  private static func digest(seed: UInt64, backend: any Backend) throws -> String {
    let trainer = try trainer(seed: seed, backend: backend)
    while !trainer.isFinished { try trainer.trainEpoch() }
    return trainer.model.parameters.digest
  }

  private let alone = [1, 2].map { try! digest(seed: $0, backend: FusedBackend(threads: 1)) }

  @Test func twoTrainersStepByTurns() throws {
    for shared in [true, false] {
      let first = try FusedBackend(threads: 2)
      let backends = [first, shared ? first : try FusedBackend(threads: 3)]
      let trainers = try [1, 2].map { try Self.trainer(seed: $0, backend: backends[Int($0) - 1]) }
      // A step of one, a step of the other.
      while !trainers[0].isFinished {
        for trainer in trainers {
          var steps = 0
          while true {
            steps += 1
            if try trainer.trainEpoch(stopping: { true }) != nil || steps > 20 { break }
          }
        }
      }
      #expect(trainers.map(\.model.parameters.digest) == alone)
    }
  }

  @Test(arguments: [1, 2, 4]) func manyTasksShareAPool(_ threads: Int) async throws {
    let backend = try FusedBackend(threads: threads)
    let found = try await withThrowingTaskGroup(of: (Int, String).self) { group in
      for task in 0..<6 {
        group.addTask {
          (task % 2, try Self.digest(seed: UInt64(task % 2) + 1, backend: backend))
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(found.count == 6)
    for (seed, digest) in found { #expect(digest == alone[seed]) }
  }

  /// Pools that come and go while others work.
  @Test func poolsOfTheirOwn() async throws {
    try await withThrowingTaskGroup(of: (Int, String).self) { group in
      for task in 0..<6 {
        group.addTask {
          let backend = try FusedBackend(threads: 1 + task % 3)
          return (task % 2, try Self.digest(seed: UInt64(task % 2) + 1, backend: backend))
        }
      }
      for try await (seed, digest) in group { #expect(digest == alone[seed]) }
    }
  }
}
