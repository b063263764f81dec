import Foundation
import LatentIO
import LatentKernels
import LatentNetworks
import Testing

@testable import LatentModels

/// Files that claim what they do not hold, or what no model can be. Most of them a fuzzer found, or the
/// reading that came before it.
@Suite struct HostileFileTests {
  private func message(_ body: () throws -> Void) -> String {
    do { try body() } catch let error as any LatentError { return error.description } catch {
      return "not an error of ours: \(error)"
    }
    return "no error"
  }

  // MARK: Messages

  /// A name that clears the screen and rings, another that begins a command in one byte of Latin-1, and
  /// one that turns the line around.
  private let rude = "\u{1B}[2J\u{7}\u{9B}31m\u{202E}\"\\\n"
  private let polite = #""\u{1B}[2J\u{7}\u{9B}31m\u{202E}\"\\\u{A}""#

  @Test func messagesNeverCommandATerminal() throws {
    let vae = TensorFile(metadata: ["format": rude])
    #expect(
      message { _ = try VAE.load(vae, path: "x") }
        == "x: expected a latent.vae file, found \(polite).")
    let version = TensorFile(metadata: ["format": "latent.vae", "version": rude])
    #expect(message { _ = try VAE.load(version, path: "x") }.contains("version is \(polite)"))
    for key in ["latent.model", "latent.version", "latent.covariance"] {
      var file = TensorFile(metadata: ["latent.model": "mixture", "latent.version": "1"])
      file.metadata[key] = rude
      #expect(
        message { _ = try GaussianMixture(file, name: "x") }.hasSuffix("found \(polite)."), "\(key)"
      )
    }
  }

  // MARK: Variational autoencoders

  private func vae(_ change: (inout VAEConfiguration) throws -> Void) throws -> TensorFile {
    var configuration = VAEConfiguration(
      architecture: Architecture(
        dimensions: 2, hidden: [], latentDimensions: 1, likelihood: .gaussian))
    var file = TensorFile(metadata: FileKind.vae.metadata)
    for slot in try VAE(configuration).parameters.slots {
      file.tensors[slot.name] = try Tensor(
        shape: slot.shape, values: .float32([Float](repeating: 0, count: slot.count)))
    }
    try change(&configuration)
    try file.encode(configuration, as: "configuration")
    return file
  }

  /// Foundation's decoder ends the process at 513 of them.
  @Test func deepNestingIsRefused() throws {
    var file = try vae { _ in }
    for text in ["[", "{\"a\":", "[{\"a\":"] {
      for depth in [65, 512, 513, 514] {
        file.metadata["configuration"] = String(repeating: text, count: depth)
        #expect(message { _ = try VAE.load(file, path: "x") }.contains("cannot be read"))
      }
    }
    // Brackets in strings do not nest, nor does a quotation mark behind a backslash end one.
    let texts = [String(repeating: "[\"\\", count: 100), "]"]
    let encoded = try JSONEncoder().encode(texts)
    #expect(try JSONDecoder().decodeChecked([String].self, from: encoded) == texts)
    let nested = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decodeChecked(Int.self, from: "[\(nested)]".utf8)
    }
  }

  @Test func codesThatDoNotFitAreRefused() throws {
    let wrong: [(mean: [Double], factor: [Double])] = [
      ([], []), ([0, 0], [1, 0, 0, 1]), ([0], []), ([], [1]),
    ]
    for (mean, factor) in wrong {
      let codes = #"{"mean":\#(mean),"factor":\#(factor)}"#
      let file = try vae {
        $0.codes = try? JSONDecoder().decode(CodeDistribution.self, from: Data(codes.utf8))
      }
      #expect(message { _ = try VAE.load(file, path: "x") }.contains("has codes of"))
    }
    let fitting = try vae {
      $0.codes = CodeDistribution(Matrix(rows: 2, columns: 1, repeating: 1))
    }
    #expect(try VAE.load(fitting, path: "x").priorLatents(2, seed: 0).values.count == 2)
  }

  @Test func scalesArePositive() throws {
    for scale in [0, -1.0] {
      let file = try vae {
        $0.standardization = try Standardization(mean: [0, 0], scale: [1, scale])
      }
      #expect(message { _ = try VAE.load(file, path: "x") }.contains("Scales of columns must be"))
    }
  }

  /// Many empty layers, each of which takes more memory than the digit that asks for it.
  @Test func depthIsBounded() throws {
    var file = try vae { $0.architecture.hidden = [Int](repeating: 1, count: 100_000) }
    file.tensors["padding"] = try Tensor(
      shape: [1_000_000], values: .uint8([UInt8](repeating: 0, count: 1_000_000)))
    #expect(
      message { _ = try VAE.load(file, path: "x") }.contains("hidden layers must be at most 256"))
  }

  /// Layers are held in panels of 16 columns: the memory asked for is counted so.
  @Test func memoryIsCountedAsItIsHeld() {
    func bytes(_ dimensions: Int, _ hidden: [Int], _ latents: Int) -> Double {
      Architecture(
        dimensions: dimensions, hidden: hidden, latentDimensions: latents, likelihood: .bernoulli
      ).parameterBytes
    }
    #expect(bytes(1 << 20, [], 1) > 16 * 16 * Double(1 << 20))
    let parameters: Double = 2 * 784 * 400 + 60 * 400
    #expect(bytes(784, [400], 20) > 20 * parameters)
    #expect(bytes(784, [400], 20) < 22 * parameters)
  }

  @Test func progressThatNoTrainingHasIsRefused() throws {
    let rows = try Matrix<Float>(rows: 4, columns: 2, values: [1, 2, 4, 3, 2, 5, 0, 1])
    var settings = TrainingConfiguration()
    settings.batchSize = 2
    let trainer = try VAETrainer(
      VAE.load(vae { _ in }, path: "x"), configuration: settings,
      data: Dataset(name: "x", rows: Rows(rows)), heldOut: nil, backend: ReferenceBackend())
    var file = try vae { _ in }
    for (name, tensor) in file.tensors {
      file.tensors[name + ".firstMoment"] = tensor
      file.tensors[name + ".secondMoment"] = tensor
    }
    file.metadata.merge(FileKind.vaeCheckpoint.metadata) { $1 }
    file.metadata["data"] = trainer.dataFingerprint
    try file.encode(settings, as: "training")
    func restore(_ change: (inout VAETrainer.Progress) -> Void) throws -> String {
      var progress = VAETrainer.Progress()
      change(&progress)
      var file = file
      try file.encode(progress, as: "progress")
      return message { try trainer.restore(file, path: "x") }
    }
    #expect(try restore { _ in } == "no error")
    // Of four rows, all: where the numbers were last finite at an epoch's end.
    for rows in [2, 4] {
      #expect(try restore { $0.partial = PartialEpoch(rows: rows) } == "no error")
    }
    let wrong: [(inout VAETrainer.Progress) -> Void] = [
      { $0.epoch = -1 }, { $0.epoch = 1 }, { $0.epoch = 1 << 32 }, { $0.step = -1 },
      { $0.step = .max }, { $0.bestEpoch = 1 }, { $0.bestEpoch = -1 }, { $0.beta1Power = 2 },
      { $0.beta2Power = -1 }, { $0.partial = PartialEpoch(rows: -2) },
      { $0.partial = PartialEpoch(rows: 1) }, { $0.partial = PartialEpoch(rows: 6) },
    ]
    for change in wrong { #expect(try restore(change).contains("its progress cannot be")) }
    // A file that is refused changes nothing, however late.
    for name in file.tensors.keys {
      var poorer = file
      for (other, tensor) in poorer.tensors {
        guard case .float32(let values) = tensor.values else { continue }
        poorer.tensors[other] = try Tensor(
          shape: tensor.shape, values: .float32(values.map { _ in 7 }))
      }
      poorer.tensors[name] = nil
      try poorer.encode(VAETrainer.Progress(), as: "progress")
      let before = trainer.model.parameters.digest
      #expect(message { try trainer.restore(poorer, path: "x") }.contains("is missing"))
      #expect(trainer.model.parameters.digest == before)
      #expect(!trainer.model.parameters.firstMoments.values.contains(7))
    }
  }

  // MARK: Factor models

  private func factors(
    columns: [Int] = [0], loadings: [Double] = [1, 1], _ shape: [Int] = [2, 1],
    uniqueness: Double = 1
  ) throws -> TensorFile {
    var file = TensorFile(metadata: FileKind.factorAnalysis.metadata)
    try file.encode(FactorConfiguration(factors: shape[1]), as: "configuration")
    try file.encode(
      FactorReport(
        method: .maximumLikelihood, observations: 3, iterations: 1, converged: true,
        logLikelihood: 0, history: [], parameters: 1, heywoodColumns: columns, constantColumns: [],
        degreesOfFreedom: 0, test: nil), as: "report")
    file.tensors["mean"] = Tensor([Double](repeating: 0, count: shape[0]))
    file.tensors["uniquenesses"] = Tensor([Double](repeating: uniqueness, count: shape[0]))
    file.tensors["loadings"] = try Tensor(shape: shape, values: .float64(loadings))
    return file
  }

  @Test func reportsNameColumnsThatAreThere() throws {
    #expect(try FactorAnalysis.load(factors(columns: [0, 1]), path: "x").columns == 2)
    for column in [2, -1, .max] {
      let file = try factors(columns: [column])
      #expect(
        message { _ = try FactorAnalysis.load(file, path: "x") }.contains("report names column"))
    }
  }

  /// 8 bytes a factor would ask for a covariance of factors² doubles.
  @Test func factorsAreNotMoreThanColumns() throws {
    let file = try factors(loadings: [1, 1], [1, 2])
    #expect(
      message { _ = try FactorAnalysis.load(file, path: "x") }.contains("2 factors for 1 columns"))
  }

  /// I + ΛᵀΨ⁻¹Λ that is no longer positive definite once rounded, or not finite.
  @Test func loadingsBeyondPrecisionAreAnError() throws {
    for loading in [1e160, 1e200] {
      let model = try FactorAnalysis.load(
        factors(loadings: [loading, loading, loading, loading], [2, 2], uniqueness: 1e-3), path: "x"
      )
      #expect(throws: DataError.self) {
        try model.scoreSamples(Rows(Matrix<Double>(rows: 1, columns: 2)))
      }
    }
  }

  // MARK: Mixtures

  #if OpenBLAS
    private func mixture(_ kind: String, _ tensors: [String: Tensor]) throws -> GaussianMixture {
      try GaussianMixture(
        TensorFile(
          metadata: [
            "latent.model": "mixture", "latent.version": "1", "latent.covariance": kind,
          ], tensors: tensors), name: "x")
    }

    /// No values, and 2⁴⁰ matrices of them.
    @Test func countsOfEmptyMatricesAreNotBelieved() throws {
      let error = #expect(throws: FileError.self) {
        try mixture(
          "full",
          [
            "covariances": Tensor(shape: [1 << 40, 0, 0], values: .float64([])),
            "means": Tensor(shape: [1, 1], values: .float64([0])), "weights": Tensor([1.0]),
          ])
      }
      #expect(error?.description.contains("none of them 0") == true)
    }

    /// 2 MB whose covariances, written out, are 2⁷⁵ bytes.
    @Test func wideDiagonalsAreNotWrittenOut() throws {
      let columns = 1 << 17
      let means = Tensor(Matrix<Double>(rows: 1, columns: columns))
      let ones = Tensor(Matrix<Double>(rows: 1, columns: columns, repeating: 1))
      _ = try mixture(
        "spherical", ["weights": Tensor([1.0]), "means": means, "covariances": Tensor([1.0])])
      _ = try mixture(
        "diagonal", ["weights": Tensor([1.0]), "means": means, "covariances": ones])
      let loadings = try Tensor(
        shape: [1, columns, 1], values: .float64([Double](repeating: 1, count: columns)))
      _ = try mixture(
        "factorAnalytic",
        ["weights": Tensor([1.0]), "means": means, "loadings": loadings, "uniquenesses": ones])
      #expect(throws: FileError.self) {
        try mixture(
          "spherical", ["weights": Tensor([1.0]), "means": means, "covariances": Tensor([-1.0])])
      }
    }
  #endif
}
