import LatentKernels

/// Numbers of one type in row-major order.
///
/// In files they are little-endian, as on every machine this package runs on.
public struct Tensor: Sendable, Equatable {
  /// Values row after row, in the type that the file holds.
  public enum Values: Sendable, Equatable {
    /// F32.
    case float32([Float])
    /// F64.
    case float64([Double])
    /// U8.
    case uint8([UInt8])
    /// I64.
    case int64([Int64])
    /// U64.
    case uint64([UInt64])
    /// U32.
    case uint32([UInt32])
  }

  /// Sizes, the slowest first; empty for a single number.
  public let shape: [Int]
  /// The elements, row after row.
  public let values: Values

  /// - Throws: ``ShapeError`` when the values are not as many as the shape says.
  public init(shape: [Int], values: Values) throws {
    guard elementCount(shape) == values.count else {
      throw ShapeError(
        "A tensor of shape \(shape) needs as many values, found \(values.count).")
    }
    self.init(unchecked: shape, values)
  }

  /// A vector.
  public init(_ values: [Float]) { self.init(unchecked: [values.count], .float32(values)) }

  /// A vector.
  public init(_ values: [Double]) { self.init(unchecked: [values.count], .float64(values)) }

  /// Rows x columns.
  public init(_ matrix: Matrix<Float>) {
    self.init(unchecked: [matrix.rows, matrix.columns], .float32(matrix.values))
  }

  /// Rows x columns.
  public init(_ matrix: Matrix<Double>) {
    self.init(unchecked: [matrix.rows, matrix.columns], .float64(matrix.values))
  }

  init(unchecked shape: [Int], _ values: Values) {
    self.shape = shape
    self.values = values
  }
}

extension Tensor.Values {
  /// The types, by their names in safetensors.
  enum ElementType: String {
    case float32 = "F32"
    case float64 = "F64"
    case uint8 = "U8"
    case int64 = "I64"
    case uint64 = "U64"
    case uint32 = "U32"

    /// Bytes of one value.
    var size: Int {
      switch self {
      case .uint8: 1
      case .float32, .uint32: 4
      case .float64, .int64, .uint64: 8
      }
    }
  }

  var type: ElementType {
    switch self {
    case .float32: .float32
    case .float64: .float64
    case .uint8: .uint8
    case .int64: .int64
    case .uint64: .uint64
    case .uint32: .uint32
    }
  }

  /// How many elements there are.
  public var count: Int {
    switch self {
    case .float32(let values): values.count
    case .float64(let values): values.count
    case .uint8(let values): values.count
    case .int64(let values): values.count
    case .uint64(let values): values.count
    case .uint32(let values): values.count
    }
  }

  init(_ type: ElementType, count: Int, _ stream: ByteStream, of what: String) throws {
    self =
      switch type {
      case .float32: .float32(try stream.read(count, Float.self, of: what))
      case .float64: .float64(try stream.read(count, Double.self, of: what))
      case .uint8: .uint8(try stream.read(count, UInt8.self, of: what))
      case .int64: .int64(try stream.read(count, Int64.self, of: what))
      case .uint64: .uint64(try stream.read(count, UInt64.self, of: what))
      case .uint32: .uint32(try stream.read(count, UInt32.self, of: what))
      }
  }

  func withUnsafeBytes(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    switch self {
    case .float32(let values): try values.withUnsafeBytes(body)
    case .float64(let values): try values.withUnsafeBytes(body)
    case .uint8(let values): try values.withUnsafeBytes(body)
    case .int64(let values): try values.withUnsafeBytes(body)
    case .uint64(let values): try values.withUnsafeBytes(body)
    case .uint32(let values): try values.withUnsafeBytes(body)
    }
  }
}
