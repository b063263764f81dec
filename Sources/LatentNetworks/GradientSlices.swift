import LatentKernels

/// The written gradients as slices of their one flat buffer, in the order in which a backward pass
/// finishes them: the last layer first. While a slice travels it holds learned parameters alone, in
/// place; the padding of panels is taken out before, and put back after.
public struct GradientSlices: Sendable {
  /// A range of the buffer that travels in one message.
  public struct Slice: Sendable {
    /// Layers whose gradients are in it.
    public fileprivate(set) var layers: [LinearLayer] = []
    /// Vectors beside the layers whose gradients are in it.
    public fileprivate(set) var vectors: [Parameters.VectorSlot] = []
    /// Runs of the buffer in ascending order.
    fileprivate var pieces: [Piece] = []

    /// Where it begins in the buffer.
    public var start: Int { pieces[0].offset }
    /// Floats that travel.
    public var count: Int { pieces.reduce(0) { $0 + $1.rows * $1.width } }
    /// The range that it takes up in the buffer, padding and all.
    public var range: Range<Int> { start..<pieces[pieces.count - 1].end }
  }

  /// `rows` rows of 16 lanes, the first `width` of which are learned.
  fileprivate struct Piece: Sendable {
    var offset, rows, width: Int
    var end: Int { offset + rows * 16 }
  }

  /// In the order in which they are finished.
  public private(set) var slices: [Slice]
  /// Two more values at the end of the first slice, which travel along.
  public let flags: Range<Int>

  /// - Parameter leastCount: smaller slices travel with the next one.
  public init(_ parameters: Parameters, leastCount: Int = 1 << 14) {
    let end = parameters.gradients.count - Parameters.tail
    flags = end..<end + 2
    var first = Slice()
    first.pieces = [Piece(offset: end, rows: 1, width: flags.count)]
    slices = [first]
    func add(_ pieces: [Piece], _ note: (inout Slice) -> Void) {
      if slices[slices.count - 1].count >= leastCount { slices.append(Slice()) }
      note(&slices[slices.count - 1])
      slices[slices.count - 1].pieces.insert(contentsOf: pieces, at: 0)
    }
    for vector in parameters.vectors.reversed() {
      let widths = Self.widths(of: vector.count)
      add(Self.pieces(at: vector.offset, rows: 1, widths)) { $0.vectors.append(vector) }
    }
    for layer in parameters.layers.reversed() {
      let widths = layer.learnedWidths
      add(
        Self.pieces(at: layer.weights, rows: layer.inputs, widths)
          + Self.pieces(at: layer.bias, rows: 1, widths)
      ) { $0.layers.append(layer) }
    }
  }

  private static func widths(of columns: Int) -> [Int] {
    (0..<Panels.count(columns)).map { min(16, columns - 16 * $0) }
  }

  /// Panels of `rows` rows each, whole ones joined.
  private static func pieces(at offset: Int, rows: Int, _ widths: [Int]) -> [Piece] {
    var pieces: [Piece] = []
    for (panel, width) in widths.enumerated() {
      if width == 16, let last = pieces.last, last.width == 16 {
        pieces[pieces.count - 1].rows += rows
      } else {
        pieces.append(Piece(offset: offset + panel * rows * 16, rows: rows, width: width))
      }
    }
    return pieces
  }

  /// Moves a slice's learned values together, and returns them.
  public func pack(_ slice: Slice, in buffer: Storage<Float>) -> UnsafeMutableBufferPointer<Float> {
    let values = buffer.pointer
    var end = slice.start
    for piece in slice.pieces {
      if piece.width == 16 {
        if end != piece.offset {
          (values + end).update(from: values + piece.offset, count: piece.rows * 16)
        }
      } else {
        for row in 0..<piece.rows {
          (values + end + row * piece.width)
            .update(from: values + piece.offset + row * 16, count: piece.width)
        }
      }
      end += piece.rows * piece.width
    }
    return UnsafeMutableBufferPointer(start: values + slice.start, count: end - slice.start)
  }

  /// Moves them back to their lanes, the others zero.
  public func unpack(_ slice: Slice, in buffer: Storage<Float>) {
    let values = buffer.pointer
    var end = slice.start + slice.count
    for piece in slice.pieces.reversed() {
      end -= piece.rows * piece.width
      if piece.width == 16 {
        if end != piece.offset {
          (values + piece.offset).update(from: values + end, count: piece.rows * 16)
        }
      } else {
        for row in (0..<piece.rows).reversed() {
          let lanes = values + piece.offset + row * 16
          lanes.update(from: values + end + row * piece.width, count: piece.width)
          (lanes + piece.width).update(repeating: 0, count: 16 - piece.width)
        }
      }
    }
  }
}

extension LinearLayer {
  /// Of each panel, how many of its first lanes have all that are learned.
  fileprivate var learnedWidths: [Int] {
    var widths = [Int](repeating: 0, count: Panels.count(columns))
    for slice in slices {
      for column in (0..<slice.count).map(slice.packed) {
        widths[column / 16] = max(widths[column / 16], column % 16 + 1)
      }
    }
    return widths
  }
}

extension StepBuilder {
  /// Adam on all that a slice has the gradients of.
  public mutating func adam(_ slice: GradientSlices.Slice) {
    for layer in slice.layers { adam(layer) }
    for vector in slice.vectors { adam(vector) }
  }
}
