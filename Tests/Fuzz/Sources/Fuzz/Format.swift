import LatentKernels

@testable import LatentIO
@testable import LatentModels
@testable import LatentReport

/// What is fuzzed: a reader each.
enum Format: String, CaseIterable {
  case idx, gzip, csv, npy, safetensors, png, model, checkpoint, mixture, factors

  /// Reads the bytes, or refuses them with a sentence; everything else is a finding.
  func parse(_ bytes: [UInt8]) {
    do {
      try read(bytes)
    } catch let error as any LatentError {
      precondition(error.description.hasSuffix("."), error.description)
    } catch {
      fatalError("not an error of ours: \(error)")
    }
  }

  private func read(_ bytes: [UInt8]) throws {
    switch self {
    case .idx: try load(bytes, "x.idx")
    case .gzip: try load(bytes, "x.csv.gz")
    case .npy: try load(bytes, "x.npy")
    case .csv:
      try load(bytes, "x.csv")
      try load(bytes, "x.csv", LoadOptions(label: "1"))
    case .safetensors:
      let file = try TensorFile(ByteStream(bytes, name: "x"))
      precondition(file.tensors.values.allSatisfy { $0.shape.reduce(1, *) == $0.values.count })
    case .png:
      _ = try PNG.decodeColor(bytes, name: "x")
      _ = try PNG.decodeGrey(bytes, name: "x")
    case .model:
      _ = try VAE.load(TensorFile(ByteStream(bytes, name: "x")), path: "x")
    case .mixture:
      _ = try GaussianMixture(TensorFile(ByteStream(bytes, name: "x")), name: "x")
    case .factors:
      let file = try TensorFile(ByteStream(bytes, name: "x"))
      _ = try FactorAnalysis.load(file, path: "x")
    case .checkpoint:
      _ = try SavedRun(TensorFile(ByteStream(bytes, name: "x")), path: "x")
    }
  }

  private func load(_ bytes: [UInt8], _ name: String, _ options: LoadOptions = LoadOptions()) throws
  {
    let data = try Dataset.load(ByteStream(bytes, name: name), options)
    precondition(data.labels == nil || data.labels!.count == data.rows.count)
  }
}
