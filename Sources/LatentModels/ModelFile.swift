import Foundation
import LatentIO
import LatentKernels

/// A model or checkpoint file that is not what it should be.
public struct ModelFileError: LatentError, Equatable {
  /// "path: sentence".
  public let description: String
  /// An error about a file: "path: sentence".
  public init(_ path: String, _ sentence: String) { description = "\(path): \(sentence)" }
}

/// What every safetensors file of ours says of itself in its metadata.
struct FileKind {
  let name: String
  static let version = 1

  static let vae = FileKind(name: "latent.vae")
  static let vaeCheckpoint = FileKind(name: "latent.vae.checkpoint")

  var metadata: [String: String] { ["format": name, "version": String(Self.version)] }

  /// - Throws: ``ModelFileError`` when the file is something else, or of a newer version.
  func check(_ file: TensorFile, path: String) throws {
    guard let format = file.metadata["format"] else {
      throw ModelFileError(path, "this is not a file of Latent's: its metadata name no format.")
    }
    guard format == name else {
      throw ModelFileError(path, "expected a \(name) file, found \(excerpt(format)).")
    }
    let version = file.metadata["version"]
    guard let version, let number = Int(version), 1...Self.version ~= number else {
      throw ModelFileError(
        path,
        "its version is \(version.map { excerpt($0) } ?? "none"), this program reads up to "
          + "\(Self.version); update Latent."
      )
    }
  }
}

extension TensorFile {
  /// Encodes a value under a key of the metadata, the same bytes for the same value.
  mutating func encode(_ value: some Encodable, as key: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    metadata[key] = String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  func decode<Value: Decodable>(_ type: Value.Type, from key: String, path: String) throws -> Value
  {
    guard let text = metadata[key] else {
      throw ModelFileError(path, "its metadata lack \"\(key)\".")
    }
    do {
      return try JSONDecoder().decodeChecked(type, from: text.utf8)
    } catch {
      throw ModelFileError(path, "its metadata \"\(key)\" cannot be read; the file is damaged.")
    }
  }

  /// A float32 tensor of exactly the expected shape.
  func floats(_ name: String, shape: [Int], path: String) throws -> [Float] {
    guard let tensor = tensors[name] else {
      throw ModelFileError(path, "tensor \(name) is missing.")
    }
    guard case .float32(let values) = tensor.values, tensor.shape == shape else {
      throw ModelFileError(
        path, "tensor \(name) must be float32 of shape \(shape), found shape \(tensor.shape).")
    }
    return values
  }
}
