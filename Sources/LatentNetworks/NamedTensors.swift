import LatentKernels

/// One named tensor and where each of its elements lies in the storage.
public struct TensorSlot: Sendable, Equatable {
  /// "encoder.layers.0.weight" and the like.
  public let name: String
  /// [outputs, inputs] of a weight, [count] of a bias or a vector.
  public let shape: [Int]
  /// How many elements it has.
  public var count: Int { shape.reduce(1, *) }
  /// Where its panels begin in the storage, and their rows: one of a bias or a vector.
  let start, inputs: Int
  /// Its outputs among the panels' columns.
  let columns: ColumnSlice

  /// Where its elements lie in the storage, in row-major order.
  public var positions: [Int] {
    (0..<count).map { index in
      let (output, input) = index.quotientAndRemainder(dividingBy: inputs)
      return start + Panels.index(input, columns.packed(output), rows: inputs)
    }
  }

  /// Its outputs in runs of columns that lie side by side: the first of them, their number, and the first
  /// packed column.
  fileprivate var runs: [(output: Int, count: Int, packed: Int)] {
    guard columns.paired else { return [(0, columns.count, columns.start)] }
    return stride(from: 0, to: columns.count, by: 16).map {
      ($0, min(16, columns.count - $0), columns.packed($0))
    }
  }

  /// From panels in a storage to rows[outputs x inputs].
  fileprivate func read(_ storage: Storage<Float>, into rows: UnsafeMutablePointer<Float>) {
    let kernels = InstructionSet.best.kernels
    for run in runs {
      kernels.unpack(
        LATENT_LAYOUT_COLUMNS_BY_INNER, inputs, run.count, storage.pointer + start, run.packed,
        rows + run.output * inputs, inputs)
    }
  }

  /// And back; lanes of other tensors, and of none, stay as they are.
  fileprivate func write(_ rows: UnsafePointer<Float>, to storage: Storage<Float>) {
    let kernels = InstructionSet.best.kernels
    for run in runs {
      kernels.pack(
        LATENT_LAYOUT_COLUMNS_BY_INNER, inputs, run.count, rows + run.output * inputs, inputs,
        storage.pointer + start, run.packed)
    }
  }
}

/// Which of the storages that are laid out alike.
public enum ParameterAspect: Sendable {
  /// The parameters themselves.
  case values
  /// d loss / d parameters, of the last backward pass.
  case gradients
  /// Adam's, scaled: m / (1 − β₁).
  case firstMoments
  /// Adam's, scaled: v / (1 − β₂).
  case secondMoments
}

extension ParameterLayout {
  /// All named tensors, in the order of the layers.
  var slots: [TensorSlot] {
    layers.flatMap { layer in
      layer.slices.flatMap { slice in
        [
          TensorSlot(
            name: slice.name + ".weight", shape: [slice.count, layer.inputs], start: layer.weights,
            inputs: layer.inputs, columns: slice),
          TensorSlot(
            name: slice.name + ".bias", shape: [slice.count], start: layer.bias, inputs: 1,
            columns: slice),
        ]
      }
    }
      + vectors.map { vector in
        TensorSlot(
          name: vector.name, shape: [vector.count], start: vector.offset, inputs: 1,
          columns: ColumnSlice(name: vector.name, count: vector.count))
      }
  }
}

extension Parameters {
  /// The values of a named tensor, row-major.
  ///
  /// - Throws: ``ShapeError`` when the slot is none of ``slots``, nor of parameters laid out alike.
  public func read(_ slot: TensorSlot, _ aspect: ParameterAspect = .values) throws -> [Float] {
    try expect(slot.count, of: slot)
    return held(slot, aspect)
  }

  /// As ``read(_:_:)``, into memory of the caller's.
  ///
  /// - Throws: ``ShapeError`` as there, and when `rows` has not as many values as the tensor.
  public func read(
    _ slot: TensorSlot, _ aspect: ParameterAspect = .values, into rows: inout MutableSpan<Float>
  ) throws {
    try expect(rows.count, of: slot)
    rows.withUnsafeMutableBufferPointer { slot.read(storage(aspect), into: $0.baseAddress!) }
  }

  /// Sets a named tensor from row-major values; call ``refreshTransposed()`` after the last one.
  ///
  /// - Throws: ``ShapeError`` when the slot is none of ``slots``, nor of parameters laid out alike, or when
  ///   there are not as many values as it has; nothing is written then.
  public func write(_ new: [Float], to slot: TensorSlot, _ aspect: ParameterAspect = .values) throws
  {
    try write(new.span, to: slot, aspect)
  }

  /// As ``write(_:to:_:)`` of an array.
  ///
  /// - Throws: ``ShapeError`` as there.
  public func write(
    _ new: Span<Float>, to slot: TensorSlot, _ aspect: ParameterAspect = .values
  ) throws {
    try expect(new.count, of: slot)
    new.withUnsafeBufferPointer { slot.write($0.baseAddress!, to: storage(aspect)) }
  }

  /// Sets one of ``slots`` to as many values as it has.
  func hold(_ new: [Float], in slot: TensorSlot) {
    new.withUnsafeBufferPointer { slot.write($0.baseAddress!, to: values) }
  }

  /// The values of one of ``slots``.
  package func held(_ slot: TensorSlot, _ aspect: ParameterAspect = .values) -> [Float] {
    [Float](unsafeUninitializedCapacity: slot.count) { rows, count in
      slot.read(storage(aspect), into: rows.baseAddress!)
      count = slot.count
    }
  }

  func storage(_ aspect: ParameterAspect) -> Storage<Float> {
    switch aspect {
    case .values: values
    case .gradients: gradients
    case .firstMoments: firstMoments
    case .secondMoments: secondMoments
    }
  }

  private func expect(_ count: Int, of slot: TensorSlot) throws {
    guard slots.contains(slot) else {
      let found =
        slots.first { $0.name == slot.name }
        .map { "hold it elsewhere, as \($0.shape)" } ?? "have no such tensor"
      throw ShapeError(
        "The slot \(slot.name) \(slot.shape) is of other parameters: these \(found). Take one of their own."
      )
    }
    guard count == slot.count else {
      throw ShapeError("\(slot.name) \(slot.shape) has \(slot.count) values, found \(count).")
    }
  }
}
