import Foundation
import LatentKernels
import LatentReport

extension Agreement {
  /// The version of this program, and everything in its settings by its name.
  ///
  /// - Parameters:
  ///   - command: "fit mixture".
  ///   - settings: as config.json has them. Where each rank finds the data is its own affair.
  init(command: String, _ settings: some Encodable) throws {
    self.init()
    add("version", Latent.version)
    add("command", command)
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    let value = try JSONSerialization.jsonObject(
      with: encoder.encode(settings), options: .fragmentsAllowed)
    add(value, at: [])
  }

  /// What is told of the data before it is read.
  mutating func add(_ data: DataSettings, seed: UInt64) {
    add("seed", seed)
    add("data", data.isShipped ? data.source : "a file")
    add("heldOut", data.heldOutFraction ?? 0)
    add("columns", data.columns?.joined(separator: ",") ?? "all")
    add("label", data.label ?? "none")
    add("header", data.header.map { String($0) } ?? "as it looks")
    add("weights", data.weights ?? "none")
    add("stream", data.stream ?? false)
    add("missing", data.missing ?? false)
  }

  /// Tells one model from another, by the bytes of its file.
  mutating func add(modelFile path: String) {
    let file = (try? RunDirectory.open(path).model) ?? path
    // FNV-1a; what cannot be read is told of when it is loaded.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in FileManager.default.contents(atPath: file) ?? Data() {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    add("the model's hash", String(hash, radix: 16))
  }

  private mutating func add(_ value: Any, at path: [String]) {
    switch value {
    case let object as [String: Any]:
      for (name, part) in object.sorted(by: { $0.key < $1.key })
      where !["source", "testSource"].contains(name) { add(part, at: path + [name]) }
    case let array as [Any]:
      let parts = array.map { "\($0)" }.joined(separator: ", ")
      add(path.last ?? "settings", "[\(parts)]")
    default: add(path.last ?? "settings", "\(value)")
    }
  }
}
