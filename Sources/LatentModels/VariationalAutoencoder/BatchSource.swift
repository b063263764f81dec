import LatentKernels
import LatentNetworks

/// What is done to each value on its way from the data set into a batch.
public enum Transform: String, CaseIterable, Codable, Sendable {
  /// Values as they are; bytes / 255.
  case none
  /// 1 where the value is above 1/2, else 0.
  case threshold
  /// 1 with the value as its probability, drawn afresh each epoch.
  case sample
  /// (byte + u) / 256, u uniform: grey levels as a density.
  case dequantize

  var code: latent_transform {
    switch self {
    case .none: LATENT_TRANSFORM_NONE
    case .threshold: LATENT_TRANSFORM_THRESHOLD
    case .sample: LATENT_TRANSFORM_BINARIZE
    case .dequantize: LATENT_TRANSFORM_DEQUANTIZE
    }
  }
}

/// Rows of data where the kernels can read them: bytes as bytes, everything else as standardized
/// floats.
public struct BatchSource: Sendable {
  /// How many rows there are.
  public let count: Int
  /// Values of a row.
  public let columns: Int
  /// What happens to a value on its way into a batch.
  public let transform: Transform
  /// Whether batches hold nothing but zeros and ones, and products may make use of it.
  let isBinary: Bool
  /// Whether a value is NaN: not observed.
  public let hasMissing: Bool
  private let bytes: Storage<UInt8>?
  private let floats: Storage<Float>?

  /// Rows as batches will take them.
  ///
  /// - Parameter gathersOnes: whether the first layer may add up gathered rows where batches are zeros
  ///   and ones: the same bits in less time.
  public init(
    _ rows: Rows, transform: Transform, standardization: Standardization? = nil,
    gathersOnes: Bool = true
  ) {
    count = rows.count
    columns = rows.columns
    self.transform = transform
    if case .bytes(let values) = rows.storage, standardization == nil {
      let storage = Storage<UInt8>(count: values.count)
      _ = storage.values.update(fromContentsOf: values)
      bytes = storage
      floats = nil
      isBinary = gathersOnes && (transform == .threshold || transform == .sample)
      hasMissing = false
    } else {
      let storage = Storage<Float>(count: rows.count * rows.columns)
      var isMissing = false
      for row in 0..<rows.count {
        for column in 0..<rows.columns {
          let value = rows.value(row, column)
          isMissing = isMissing || value.isNaN
          storage.pointer[row * rows.columns + column] =
            Float(standardization?.apply(value, column: column) ?? value)
        }
      }
      bytes = nil
      floats = storage
      isBinary =
        gathersOnes
        && (transform == .threshold || transform == .sample
          || transform == .none && storage.values.allSatisfy { $0 == 0 || $0 == 1 })
      hasMissing = isMissing
    }
  }

  /// Whether a value is there, not NaN.
  func isObserved(_ row: Int, _ column: Int) -> Bool {
    !hasMissing || !floats!.pointer[row * columns + column].isNaN
  }

  /// Where a value is that no float holds.
  var firstInfinite: (row: Int, column: Int)? {
    guard let floats, floats.firstNotFinite != nil,
      let index = floats.values.firstIndex(where: \.isInfinite)
    else { return nil }
    return (index / columns, index % columns)
  }

  /// FNV-1a over the values' bits, eight bytes at a time.
  var hash: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ bytes: UnsafeRawBufferPointer) {
      var offset = 0
      while offset + 8 <= bytes.count {
        hash =
          (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
          &* 0x100_0000_01b3
        offset += 8
      }
      while offset < bytes.count {
        hash = (hash ^ UInt64(bytes[offset])) &* 0x100_0000_01b3
        offset += 1
      }
    }
    if let bytes { mix(UnsafeRawBufferPointer(bytes.values)) }
    if let floats { mix(UnsafeRawBufferPointer(floats.values)) }
    return String(hash, radix: 16)
  }

  /// - Parameter fillsMissing: 0 for what is missing, as an encoder takes it; else it stays NaN.
  func appendLoad(to builder: inout StepBuilder, fillsMissing: Bool = false) -> Operand {
    let buffer =
      if let bytes { builder.addBuffer(bytes) } else { builder.addBuffer(floats!) }
    return builder.load(
      source: Operand(buffer: buffer, stride: UInt32(columns), offset: 0),
      kind: bytes != nil ? LATENT_SOURCE_BYTES : LATENT_SOURCE_FLOATS, transform: transform.code,
      columns: columns, fillsMissing: fillsMissing && hasMissing)
  }
}
