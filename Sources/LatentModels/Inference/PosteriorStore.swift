import Foundation
import LatentIO
import LatentKernels
import LatentNetworks

/// The variational parameters of every row between its visits, (mean | log-variance) [rows x 2 L]: in
/// memory, or in a file that is mapped into it, with the same bits.
public final class PosteriorStore: @unchecked Sendable {
  /// Rows, and dimensions L of z.
  public let count, dimensions: Int
  private let values: UnsafeMutableBufferPointer<Float>
  private let isMapped: Bool

  /// All rows at the prior.
  ///
  /// - Parameter path: a file for the parameters; memory if nil. Its name is taken back at once, so
  ///   that nothing is left behind however the process ends.
  /// - Throws: ``FileError`` when the file cannot be made, or the disk lacks the room; ``SettingError``
  ///   for negative sizes, or more than this machine's memory holds where there is no file.
  public init(count: Int, dimensions: Int, mappedTo path: String? = nil) throws {
    let room = path == nil ? Double(physicalMemory) : 0x1p62
    guard count >= 0, dimensions >= 0, 8 * Double(count) * Double(dimensions) <= room else {
      throw SettingError(
        "Posteriors of \(count) rows of \(dimensions) dimensions cannot be kept: expected sizes of at "
          + "least 0 that memory holds.")
    }
    self.count = count
    self.dimensions = dimensions
    let size = count * 2 * dimensions
    let bytes = max(1, size) * MemoryLayout<Float>.stride
    guard let path else {
      isMapped = false
      values = .allocate(capacity: size)
      values.initialize(repeating: 0)
      return
    }
    isMapped = true
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw FileError(path, "cannot be made: \(String(cString: strerror(errno))).")
    }
    unlink(path)
    defer { close(descriptor) }
    // Room now is better than a fault in the middle of an epoch.
    #if os(Linux)
      // Again where a signal came between.
      var failure: Int32
      repeat { failure = posix_fallocate(descriptor, 0, off_t(bytes)) } while failure == EINTR
    #else
      let failure = ftruncate(descriptor, off_t(bytes)) == 0 ? 0 : errno
    #endif
    guard failure == 0 else {
      throw FileError(
        path, "\(bytes) bytes cannot be had: \(String(cString: strerror(failure))).")
    }
    let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let memory, memory != MAP_FAILED else {
      throw FileError(path, "cannot be mapped: \(String(cString: strerror(errno))).")
    }
    values = UnsafeMutableBufferPointer(
      start: memory.bindMemory(to: Float.self, capacity: size), count: size)
  }

  deinit {
    if isMapped {
      munmap(values.baseAddress, max(1, values.count) * MemoryLayout<Float>.stride)
    } else {
      values.deallocate()
    }
  }

  /// The posteriors of some rows, in their order.
  ///
  /// - Throws: ``ShapeError`` for a row outside of 0 ..< count.
  public func read(_ rows: [Int]) throws -> DiagonalGaussian {
    try expect(rows)
    var result = DiagonalGaussian(standardNormals: rows.count, dimensions: dimensions)
    for (place, row) in rows.enumerated() {
      for l in 0..<dimensions {
        result.mean[place, l] = values[row * 2 * dimensions + l]
        result.logVariance[place, l] = values[(row * 2 + 1) * dimensions + l]
      }
    }
    return result
  }

  /// Keeps the posteriors [rows.count x L] of some rows, in their order.
  ///
  /// - Throws: ``ShapeError`` for a row outside of 0 ..< count, or posteriors of another shape; nothing is
  ///   kept then.
  public func write(_ posteriors: DiagonalGaussian, to rows: [Int]) throws {
    try expect(rows)
    for part in [posteriors.mean, posteriors.logVariance] {
      guard part.rows == rows.count, part.columns == dimensions else {
        throw ShapeError(
          "\(rows.count) rows of \(dimensions) dimensions need posteriors of that shape, found "
            + "\(part.rows) x \(part.columns).")
      }
    }
    for (place, row) in rows.enumerated() {
      for l in 0..<dimensions {
        values[row * 2 * dimensions + l] = posteriors.mean[place, l]
        values[(row * 2 + 1) * dimensions + l] = posteriors.logVariance[place, l]
      }
    }
  }

  private func expect(_ rows: [Int]) throws {
    guard let row = rows.first(where: { !(0..<count ~= $0) }) else { return }
    throw ShapeError("There are posteriors of rows 0 ..< \(count), none of row \(row).")
  }

  /// Writes all rows as NPY, (mean | log-variance).
  ///
  /// - Throws: ``FileError``.
  public func save(to path: String) throws {
    try NPY.write(UnsafeBufferPointer(values), rows: count, columns: 2 * dimensions, to: path)
  }

  /// - Throws: ``FileError`` when the file does not hold as many rows of this width.
  public func load(_ path: String) throws {
    try NPY.read(into: values, rows: count, columns: 2 * dimensions, from: path)
  }
}
