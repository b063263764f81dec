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
  /// How many rows there are, on all ranks.
  public let count: Int
  /// Those that are held here.
  let held: Range<Int>
  /// Values of a row.
  public let columns: Int
  /// What happens to a value on its way into a batch.
  public let transform: Transform
  /// Whether batches hold nothing but zeros and ones, and products may make use of it.
  private(set) var isBinary: Bool
  /// Whether a value is NaN: not observed.
  public private(set) var hasMissing: Bool
  private let bytes: Storage<UInt8>?
  private let floats: Storage<Float>?

  /// Rows as batches will take them.
  ///
  /// - Parameters:
  ///   - share: which rows of a larger whole these are; rows keep their numbers in it.
  ///   - gathersOnes: whether the first layer may add up gathered rows where batches are zeros and
  ///     ones: the same bits in less time.
  ///   - standardization: of as many columns as the rows have.
  public init(
    _ rows: Rows, share: RowShare? = nil, transform: Transform,
    standardization: Standardization? = nil, gathersOnes: Bool = true
  ) {
    let share = share ?? RowShare(0..<rows.count, of: rows.count)
    precondition(share.count == rows.count, "a share is of the rows that are held")
    precondition(
      (standardization?.mean.count ?? rows.columns) == rows.columns,
      "a standardization is of the rows' columns")
    held = share.range
    count = share.total
    columns = rows.columns
    self.transform = transform
    if case .bytes(let values) = rows.storage, standardization == nil {
      let (storage, own) = Self.makeStorage(UInt8.self, share, rows.columns)
      values.withUnsafeBufferPointer {
        if let start = $0.baseAddress { own.update(from: start, count: $0.count) }
      }
      bytes = storage
      floats = nil
      isBinary = gathersOnes && (transform == .threshold || transform == .sample)
      hasMissing = false
    } else {
      let (storage, own) = Self.makeStorage(Float.self, share, rows.columns)
      var isMissing = false
      for row in 0..<rows.count {
        for column in 0..<rows.columns {
          let value = rows.value(row, column)
          isMissing = isMissing || value.isNaN
          own[row * rows.columns + column] =
            Float(standardization?.apply(value, column: column) ?? value)
        }
      }
      bytes = nil
      floats = storage
      isBinary =
        gathersOnes
        && (transform == .threshold || transform == .sample
          || transform == .none
            && (0..<rows.count * rows.columns).allSatisfy { own[$0] == 0 || own[$0] == 1 })
      hasMissing = isMissing
    }
  }

  /// Room for all rows, of which this rank's are held, and where these begin.
  private static func makeStorage<Value>(
    _ type: Value.Type, _ share: RowShare, _ columns: Int
  ) -> (Storage<Value>, own: UnsafeMutablePointer<Value>) {
    let own = share.first * columns..<(share.first + share.count) * columns
    let storage =
      share.count == share.total
      ? Storage<Value>(count: own.count)
      : Storage<Value>(count: share.total * columns, holding: own)
    return (storage, storage.pointer + own.lowerBound)
  }

  /// What a row takes in memory.
  var rowBytes: Int { bytes == nil ? 4 * columns : columns }

  /// The bytes of rows, of which those `within` a range are to be had in memory.
  func values(of rows: Range<Int>, within reach: Range<Int>) -> UnsafeMutableRawBufferPointer {
    func part<Value>(_ storage: Storage<Value>) -> UnsafeMutableRawBufferPointer {
      storage.hold(reach.lowerBound * columns..<reach.upperBound * columns)
      return UnsafeMutableRawBufferPointer(
        UnsafeMutableBufferPointer(
          rebasing: storage.values[rows.lowerBound * columns..<rows.upperBound * columns]))
    }
    if let bytes { return part(bytes) }
    return part(floats!)
  }

  /// What another rank's rows are that came here.
  mutating func noteBorrowed(_ rows: Range<Int>) {
    guard let floats else { return }
    let values = floats.values[rows.lowerBound * columns..<rows.upperBound * columns]
    hasMissing = hasMissing || values.contains { $0.isNaN }
    isBinary =
      isBinary && (transform != .none || values.allSatisfy { $0 == 0 || $0 == 1 })
  }

  /// Whether a value is there, not NaN.
  func isObserved(_ row: Int, _ column: Int) -> Bool {
    !hasMissing || !floats!.pointer[row * columns + column].isNaN
  }

  /// Where a value is, of those held here, that no float holds.
  var firstInfinite: (row: Int, column: Int)? {
    let own = held.lowerBound * columns..<held.upperBound * columns
    guard let floats,
      UnsafeBufferPointer(rebasing: floats.values[own]).firstNotFinite != nil,
      let index = floats.values[own].firstIndex(where: \.isInfinite)
    else { return nil }
    return (index / columns, index % columns)
  }

  /// FNV-1a over the values' bits, eight bytes at a time.
  var hash: String { try! hash(over: SerialCommunicator()) }

  /// Of all ranks' rows.
  ///
  /// - Throws: a ``CommunicationError`` when a rank is lost.
  func hash(over communicator: any Communicator) throws -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    let isLast = communicator.rank == communicator.size - 1
    let range = held.lowerBound * columns..<held.upperBound * columns
    // The hash so far, and bytes that do not make eight.
    let state = try communicator.inTurn(from: [UInt8](repeating: 0, count: 0)) { state in
      if state.count >= 8 {
        hash = state.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
      }
      var waiting = Array(state.dropFirst(8))
      func mix(_ all: UnsafeRawBufferPointer) {
        var bytes = all
        while !waiting.isEmpty, waiting.count < 8, let next = bytes.first {
          waiting.append(next)
          bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        }
        if waiting.count == 8 {
          hash =
            (hash ^ waiting.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }) &* Self.prime
          waiting = []
        }
        var offset = 0
        while offset + 8 <= bytes.count {
          hash =
            (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* Self.prime
          offset += 8
        }
        waiting += bytes[offset...]
      }
      func part<Value>(_ storage: Storage<Value>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
          UnsafeBufferPointer(start: storage.pointer + range.lowerBound, count: range.count))
      }
      if let bytes { mix(part(bytes)) }
      if let floats { mix(part(floats)) }
      if isLast {
        for byte in waiting { hash = (hash ^ UInt64(byte)) &* Self.prime }
        waiting = []
      }
      state = withUnsafeBytes(of: hash) { Array($0) } + waiting
    }
    return String(state.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }, radix: 16)
  }

  private static var prime: UInt64 { 0x100_0000_01b3 }

  /// - Parameter fillsMissing: 0 for what is missing, as an encoder takes it; else it stays NaN.
  func appendLoad(
    to builder: inout StepBuilder, fillsMissing: Bool = false, noise: StepBuilder.Noise? = nil
  ) -> Operand {
    let buffer =
      if let bytes { builder.addBuffer(bytes) } else { builder.addBuffer(floats!) }
    return builder.load(
      source: Operand(buffer: buffer, stride: UInt32(columns), offset: 0),
      kind: bytes != nil ? LATENT_SOURCE_BYTES : LATENT_SOURCE_FLOATS, transform: transform.code,
      columns: columns, fillsMissing: fillsMissing && hasMissing, noise: noise)
  }
}
