/// A message in Protocol Buffers' wire format, field by field.
struct ProtocolBuffer {
  private(set) var bytes: [UInt8] = []

  /// Wire type 0.
  mutating func add(_ field: Int, _ value: Int) {
    guard value != 0 else { return }
    varint(UInt64(field << 3))
    varint(UInt64(bitPattern: Int64(value)))
  }

  /// Wire type 1.
  mutating func add(_ field: Int, _ value: Double) {
    varint(UInt64(field << 3 | 1))
    append(value.bitPattern)
  }

  /// Wire type 5.
  mutating func add(_ field: Int, _ value: Float) {
    varint(UInt64(field << 3 | 5))
    append(value.bitPattern)
  }

  /// Wire type 2.
  mutating func add(_ field: Int, _ value: [UInt8]) {
    varint(UInt64(field << 3 | 2))
    varint(UInt64(value.count))
    bytes += value
  }
  mutating func add(_ field: Int, _ value: String) { add(field, Array(value.utf8)) }
  mutating func add(_ field: Int, _ value: ProtocolBuffer) { add(field, value.bytes) }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 127 {
      bytes.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
  }
}
