import LatentKernels

/// The parameters of networks, as the kernels hold them: weights in panels, a transposed copy for
/// layers whose input needs a gradient, and beside them gradients and Adam's moments, laid out alike.
public final class Parameters: @unchecked Sendable {
  // Plans write to the storage; whoever trains owns the set for that time.
  /// The layers, in the order in which they were laid out.
  public let layers: [LinearLayer]
  /// Learned raw log-variances: name, offset and count.
  public let vectors: [VectorSlot]
  /// All named tensors, in the order of the layers.
  public let slots: [TensorSlot]
  /// Parameters, their transposed copies, gradients and Adam's moments, held in panels.
  public let values, transposed, gradients, firstMoments, secondMoments: Storage<Float>

  /// A vector of parameters outside the layers.
  public struct VectorSlot: Sendable {
    /// What its tensor is called.
    public let name: String
    /// Where it lies in the storage, and how many values it has.
    public let offset, count: Int
  }

  /// Values after the gradients, which travel with them from rank to rank.
  static let tail = 16

  /// Memory for a layout, all zero.
  public init(_ layout: ParameterLayout) {
    layers = layout.layers
    vectors = layout.vectors
    slots = layout.slots
    values = Storage(count: layout.count)
    transposed = Storage(count: layout.transposedCount)
    gradients = Storage(count: layout.count + Self.tail)
    firstMoments = Storage(count: layout.count)
    secondMoments = Storage(count: layout.count)
  }

  /// How many numbers are learned, padding left out.
  public var learnedCount: Int { slots.reduce(0) { $0 + $1.count } }
}

/// Grows layer by layer; then ``Parameters`` gives it memory.
public struct ParameterLayout: Sendable {
  /// Layers added so far.
  public private(set) var layers: [LinearLayer] = []
  /// Vectors added so far.
  public private(set) var vectors: [Parameters.VectorSlot] = []
  private(set) var count = 0
  private(set) var transposedCount = 0

  /// A layout without layers.
  public init() {}

  /// Adds a layer of `columns` packed columns.
  ///
  /// - Parameter inputNeedsGradient: keeps a transposed copy of the weights for the way back.
  /// - Throws: ``SettingError`` for a layer without inputs or columns, or when all layers together take
  ///   more memory than the machine has; ``ShapeError`` when it has no named range, one that reaches past
  ///   its columns, or two that share a column.
  public mutating func addLayer(
    inputs: Int, columns: Int, activation: Activation, slices: [ColumnSlice],
    inputNeedsGradient: Bool
  ) throws -> LinearLayer {
    for (name, size) in [("inputs", inputs), ("columns", columns)]
    where !(1...MatrixExtent.largest ~= size) {
      throw SettingError(
        "The number of a layer's \(name) must be 1...\(MatrixExtent.largest), found \(size).")
    }
    guard !slices.isEmpty else {
      throw ShapeError("A layer of \(columns) columns needs a name for them, found none.")
    }
    for slice in slices where !slice.fits(columns) {
      throw ShapeError(
        "\(slice.name) has \(slice.count) columns from \(slice.start) on, which do not fit a layer of "
          + "\(columns) packed columns.")
    }
    // No overflow of Int: at most some 2⁶² of this layer, and of those before it what memory holds.
    let weightCount = Panels.count(columns) * inputs * 16
    let turnedCount = inputNeedsGradient ? Panels.count(inputs) * columns * 16 : 0
    try checkMemory(adding: weightCount + Panels.count(columns) * 16, transposed: turnedCount)
    var isNamed = [Bool](repeating: false, count: columns)
    for slice in slices {
      for column in (0..<slice.count).map(slice.packed) {
        guard !isNamed[column] else {
          throw ShapeError(
            "Packed column \(column) is in \(slice.name) and in another range; each column has one name."
          )
        }
        isNamed[column] = true
      }
    }
    let layer = LinearLayer(
      inputs: inputs, columns: columns, activation: activation, slices: slices, weights: count,
      bias: count + weightCount, transposed: inputNeedsGradient ? transposedCount : nil)
    count += weightCount + layer.biasCount
    transposedCount += turnedCount
    layers.append(layer)
    return layer
  }

  /// Adds a vector that stands beside the layers.
  ///
  /// - Throws: ``SettingError`` for a vector without values, or with more than memory holds.
  public mutating func addVector(name: String, count size: Int) throws -> Parameters.VectorSlot {
    guard 1...MatrixExtent.largest ~= size else {
      throw SettingError(
        "The number of values of \(name) must be 1...\(MatrixExtent.largest), found \(size).")
    }
    try checkMemory(adding: Panels.count(size) * 16, transposed: 0)
    let slot = Parameters.VectorSlot(name: name, offset: count, count: size)
    count += Panels.count(size) * 16
    vectors.append(slot)
    return slot
  }

  /// Values, gradients and two moments, and the transposed copies.
  private func checkMemory(adding more: Int, transposed: Int) throws {
    try expectMemory(
      for: 4 * (4 * Double(count + more) + Double(transposedCount + transposed)),
      "A network of so many parameters", "choose smaller layers")
  }
}

extension Parameters {
  /// Brings the transposed copies in step with the weights.
  public func refreshTransposed() {
    let kernels = InstructionSet.best.kernels
    for layer in layers {
      guard let start = layer.transposed else { continue }
      kernels.transpose(
        layer.inputs, layer.columns, values.pointer + layer.weights, transposed.pointer + start)
    }
  }

  /// FNV-1a over the bits of all named tensors, in order: one number that tells two runs apart.
  public var digest: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for slot in slots {
      for value in held(slot) {
        var bits = value.bitPattern
        for _ in 0..<4 {
          hash = (hash ^ UInt64(bits & 0xff)) &* 0x100_0000_01b3
          bits >>= 8
        }
      }
    }
    let hex = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - hex.count) + hex
  }

  /// Glorot-uniform weights (Glorot and Bengio 2010), zero biases. A tensor's numbers are keyed by the
  /// seed and its place in the order of layers.
  public func initialize(seed: UInt64) {
    initialize(seed: seed, InstructionSet.reproducible.kernels)
  }

  /// As ``initialize(seed:)``, by another instruction set: with the same bits, where it keeps them.
  ///
  /// - Throws: ``SettingError`` when the CPU lacks the set.
  public func initialize(seed: UInt64, instructionSet: InstructionSet) throws {
    initialize(seed: seed, try Kernels(instructionSet).instructionSet.kernels)
  }

  /// All values and moments zero, what pads them to whole panels too: a step that was not finite leaves its
  /// traces there.
  public func clear() {
    values.zero()
    transposed.zero()
    clearMoments()
  }

  /// Adam's moments zero, as before a first step.
  public func clearMoments() {
    firstMoments.zero()
    secondMoments.zero()
  }

  private func initialize(seed: UInt64, _ kernels: latent_kernels) {
    clear()
    for (index, slot) in slots.enumerated() {
      guard slot.shape.count == 2 else {
        hold([Float](repeating: 0, count: slot.count), in: slot)
        continue
      }
      let limit = (6 / Float(slot.shape[0] + slot.shape[1])).squareRoot()
      var bits = [UInt32](repeating: 0, count: slot.count)
      kernels.random_bits(
        bits.count, seed, LATENT_PURPOSE_INITIALIZATION, 0, UInt32(index), 0, &bits)
      hold(bits.map { (Float($0 >> 8) * 0x1p-23 - 1) * limit }, in: slot)
    }
    refreshTransposed()
  }
}
