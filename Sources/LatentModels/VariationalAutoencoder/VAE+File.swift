import Foundation
import LatentIO
import LatentKernels
import LatentNetworks

extension VAE {
  /// Writes parameters and configuration: the same model, the same bytes.
  ///
  /// - Throws: ``FileError``.
  public func save(to path: String) throws {
    var file = TensorFile(metadata: FileKind.vae.metadata)
    try file.encode(configuration, as: "configuration")
    for slot in parameters.slots {
      file.tensors[slot.name] = try Tensor(
        shape: slot.shape, values: .float32(parameters.read(slot)))
    }
    try file.write(to: path)
  }

  /// - Throws: ``ModelFileError`` when the file is not a model of ours, damaged, or newer.
  public static func load(_ path: String) throws -> VAE {
    try load(TensorFile(contentsOf: path), path: path)
  }

  static func load(_ file: TensorFile, path: String) throws -> VAE {
    try FileKind.vae.check(file, path: path)
    let configuration = try file.decode(
      VAEConfiguration.self, from: "configuration", path: path)
    // Before memory is asked for what the metadata claim.
    try claim(of: path) { try configuration.architecture.validate() }
    let held = file.tensors.values.reduce(0.0) { sum, tensor in
      guard case .float32(let values) = tensor.values else { return sum }
      return sum + Double(values.count)
    }
    let claimed = configuration.architecture.parameterCount
    guard held >= claimed else {
      throw ModelFileError(
        path,
        "a model of \(configuration.architecture.description) has more parameters than the file.")
    }
    let model = try claim(of: path) { try VAE(configuration) }
    try model.readParameters(from: file, path: path)
    return model
  }

  /// What a file says is believed no more than what a caller says, but then the file is to blame.
  private static func claim<Value>(of path: String, _ check: () throws -> Value) throws -> Value {
    do {
      return try check()
    } catch let error as any LatentError {
      throw ModelFileError(path, error.description)
    }
  }

  func readParameters(from file: TensorFile, path: String) throws {
    for slot in parameters.slots {
      let values = try file.floats(slot.name, shape: slot.shape, path: path)
      guard values.allSatisfy(\.isFinite) else {
        throw ModelFileError(path, "tensor \(slot.name) has values that are not finite numbers.")
      }
      try parameters.write(values, to: slot)
    }
    parameters.refreshTransposed()
  }
}
