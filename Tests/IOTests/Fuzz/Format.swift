import LatentKernels

@testable import LatentIO
@testable import LatentModels
@testable import LatentReport

/// What is fuzzed: a reader each, and what it may allocate.
enum Format: String, CaseIterable, Sendable {
  /// Data files.
  case idx, npy, csv, labels, rows
  /// What other formats are in.
  case gzip, safetensors
  case png
  /// Whole files of models.
  case model, checkpoint, mixture, factors
  /// The JSON in a model's and in a checkpoint's metadata.
  case configuration, progress

  /// Reads the bytes, or refuses them with a sentence; everything else is a finding.
  func parse(_ bytes: [UInt8]) { _ = refusal(of: bytes) }

  /// The sentence, where they are refused.
  func refusal(of bytes: [UInt8]) -> String? { sentence { try read(bytes) } }

  /// Bytes that reading `size` of them may hold at a time.
  func allowance(_ size: Int) -> Int {
    switch self {
    // 1,032 bytes for each that is deflated, each 8 pixels of 3 channels.
    case .png: 512 << 10 + size * 1032 * 8 * 3
    // A narrow layer is held in panels of 16 columns, five times.
    case .model, .configuration, .checkpoint, .progress: 4 << 20 + size * 128
    default: 512 << 10 + size * 64
    }
  }

  /// What a file holds, inflated as far as that goes.
  static func inflatedSize(_ bytes: [UInt8]) -> Int {
    guard bytes.starts(with: [0x1f, 0x8b]) else { return bytes.count }
    var count = 0
    _ = sentence {
      let stream = try ByteStream(bytes, name: "x")
      var buffer = [UInt8](repeating: 0, count: 1 << 12)
      while case let more = try buffer.withUnsafeMutableBytes({ try stream.read(into: $0) }),
        more > 0, count < 1 << 20
      {
        count += more
      }
    }
    return max(count, bytes.count)
  }

  private func read(_ bytes: [UInt8]) throws {
    switch self {
    case .idx: try load(bytes, "x.idx")
    case .npy: try load(bytes, "x.npy")
    case .csv:
      try Differential.scanners(bytes)
      // Text is a label, where it is no number.
      guard sentence({ try load(bytes, "x.csv") }) != nil else { return }
      try load(bytes, "x.csv", LoadOptions(label: "1"))
    case .labels: _ = try Dataset.readLabels(ByteStream(bytes, name: "x"), count: 3)
    case .rows: try Differential.readers(bytes)
    case .gzip: try Differential.inflated(bytes)
    case .safetensors: try Differential.written(TensorFile(ByteStream(bytes, name: "x")))
    case .png:
      _ = try PNG.decodeColor(bytes, name: "x")
      _ = try PNG.decodeGrey(bytes, name: "x")
    case .model: try use(VAE.load(TensorFile(ByteStream(bytes, name: "x")), path: "x"))
    case .configuration:
      var file = Fixtures.model
      file.metadata["configuration"] = String(decoding: bytes, as: UTF8.self)
      try use(VAE.load(file, path: "x"))
    case .checkpoint:
      try Fixtures.trainer.restore(TensorFile(ByteStream(bytes, name: "x")), path: "x")
    case .progress:
      var file = Fixtures.checkpoint
      // Two texts, apart by a line end.
      let parts = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
      file.metadata["progress"] = String(decoding: parts[0], as: UTF8.self)
      if parts.count > 1 { file.metadata["training"] = String(decoding: parts[1], as: UTF8.self) }
      try Fixtures.trainer.restore(file, path: "x")
    case .mixture:
      let mixture = try GaussianMixture(TensorFile(ByteStream(bytes, name: "x")), name: "x")
      // Work that grows with the square of the columns is not reading.
      guard mixture.columns < 8 else { return }
      _ = try mixture.scoreSamples(
        Rows(Matrix<Double>(rows: 2, columns: mixture.columns)), backend: Fixtures.backend)
    case .factors:
      let file = try TensorFile(ByteStream(bytes, name: "x"))
      if file.metadata["format"] == FileKind.probabilisticPCA.name {
        try use(ProbabilisticPCA.load(file, path: "x"))
      } else {
        let model = try FactorAnalysis.load(file, path: "x")
        try use(model)
        _ = model.report.heywoodColumns.map { model.mean[$0] }
      }
    }
  }

  private func load(_ bytes: [UInt8], _ name: String, _ options: LoadOptions = LoadOptions()) throws
  {
    let data = try Dataset.load(ByteStream(bytes, name: name), options)
    precondition(data.labels == nil || data.labels!.count == data.rows.count)
    _ = sentence { try data.validateFinite() }
  }

  private func use(_ model: some LinearGaussianModel) throws {
    _ = try model.scoreSamples(Rows(Matrix<Double>(rows: 2, columns: model.columns)))
    _ = try model.sample(1, seed: 0)
  }

  /// A wide model would take its time here, not in reading.
  private func use(_ model: VAE) throws {
    guard model.architecture.parameterCount < 200 else { return }
    _ = model.priorLatents(1, seed: 0)
    _ = model.logJacobian
  }
}

/// What `body` throws, which must be an error of ours, a sentence, and safe to print.
func sentence(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch let error as any LatentError {
    let text = error.description
    precondition(text.utf8.last == UInt8(ascii: "."), text)
    precondition(text.utf8.count < 2000, "an endless message")
    // Controls of one byte, and of two from C2 80 on.
    var last: UInt8 = 0
    for byte in text.utf8 {
      precondition(byte >= 0x20 && byte != 0x7F && (last != 0xC2 || byte > 0x9F), text)
      last = byte
    }
    return text
  } catch {
    preconditionFailure("not an error of ours: \(error)")
  }
}
