import LatentIO
import LatentModels

/// An event file that TensorBoard reads: TFRecords of Event messages (tensorflow's event.proto and
/// summary.proto). Wall-clock times are the epochs' numbers, so that the same run writes the same
/// bytes.
public struct EventFile: Sendable {
  private(set) var bytes: [UInt8] = []

  /// A file without events but for the version that it begins with.
  public init() {
    var version = ProtocolBuffer()
    version.add(1, 0.0)
    version.add(3, "brain.Event:2")
    append(version)
  }

  /// The numbers of a step, by their tags.
  public mutating func add(step: Int, _ scalars: [(tag: String, value: Double)]) {
    var summary = ProtocolBuffer()
    for (tag, number) in scalars {
      var value = ProtocolBuffer()
      value.add(1, tag)
      value.add(2, Float(number))
      summary.add(1, value)
    }
    append(event(step, summary))
  }

  /// A picture of a step: the bytes of a PNG file.
  public mutating func add(step: Int, image tag: String, height: Int, width: Int, png: [UInt8]) {
    var image = ProtocolBuffer()
    image.add(1, height)
    image.add(2, width)
    image.add(3, 3)
    image.add(4, png)
    var value = ProtocolBuffer()
    value.add(1, tag)
    value.add(4, image)
    var summary = ProtocolBuffer()
    summary.add(1, value)
    append(event(step, summary))
  }

  /// - Throws: ``FileError``.
  public func write(to path: String) throws { try AtomicFile.write(bytes, to: path) }

  private func event(_ step: Int, _ summary: ProtocolBuffer) -> ProtocolBuffer {
    var event = ProtocolBuffer()
    event.add(1, Double(step))
    event.add(2, step)
    event.add(5, summary)
    return event
  }

  /// Length, its checksum, the message, its checksum.
  private mutating func append(_ message: ProtocolBuffer) {
    let length = littleEndian(UInt64(message.bytes.count))
    bytes += length + littleEndian(CRC32C.masked(length))
    bytes += message.bytes + littleEndian(CRC32C.masked(message.bytes))
  }

  private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}

extension EventFile {
  /// The curves of a training run.
  public init(_ history: [EpochMetrics]) {
    self.init()
    for row in history {
      var scalars = [
        ("training/elbo", row.elbo), ("training/reconstruction", row.reconstruction),
        ("training/kl", row.kl), ("settings/beta", row.beta),
        ("settings/learningRate", row.learningRate),
      ]
      for (tag, value) in [
        ("heldOut/elbo", row.heldOutELBO), ("heldOut/reconstruction", row.heldOutReconstruction),
        ("heldOut/kl", row.heldOutKL),
      ] {
        if let value { scalars.append((tag, value)) }
      }
      add(step: row.epoch, scalars)
    }
  }
}
