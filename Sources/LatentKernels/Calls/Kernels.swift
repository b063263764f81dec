import CKernels

/// The single kernels of an instruction set, on memory of the caller's.
///
/// ```swift
/// let kernels = try Kernels()
/// let probabilities = kernels.sigmoid(logits)            // [Float] -> [Float]
/// try kernels.exp(x, into: &y)                           // Span -> MutableSpan
/// ```
///
/// Errors in ULP over all floats stand above each function in `CKernels/kernels/elementary.h`, and a
/// test holds them. All run on the caller's thread and may be called from any.
public struct Kernels: @unchecked Sendable {
  // A constant of the C library.
  let table: UnsafePointer<latent_kernels>
  /// Whose kernels these are.
  public let instructionSet: InstructionSet

  /// - Parameter instructionSet: ``InstructionSet/selected()`` if nil.
  /// - Throws: ``SettingError`` when the CPU lacks the set.
  public init(_ instructionSet: InstructionSet? = nil) throws {
    let chosen = try instructionSet ?? InstructionSet.selected()
    guard let table = latent_kernels_for(chosen.code) else {
      throw SettingError(
        "This CPU lacks \(chosen.rawValue); it has "
          + InstructionSet.available.map(\.rawValue).joined(separator: ", ") + ".")
    }
    self.table = table
    self.instructionSet = chosen
  }

  /// eˣ.
  public var exp: Elementwise { Elementwise(table.pointee.exp) }
  /// The natural logarithm; NaN below 0.
  public var log: Elementwise { Elementwise(table.pointee.log) }
  /// log(1 + x), exact for small x.
  public var log1p: Elementwise { Elementwise(table.pointee.log1p) }
  /// The hyperbolic tangent.
  public var tanh: Elementwise { Elementwise(table.pointee.tanh) }
  /// 1 / (1 + e⁻ˣ).
  public var sigmoid: Elementwise { Elementwise(table.pointee.sigmoid) }
  /// log(1 + eˣ).
  public var softplus: Elementwise { Elementwise(table.pointee.softplus) }
  /// x where x > 0, eˣ − 1 elsewhere.
  public var elu: Elementwise { Elementwise(table.pointee.elu) }
  /// The error function, 2/√π ∫₀ˣ e^−t² dt.
  public var erf: Elementwise { Elementwise(table.pointee.erf) }
}

/// A function of each value, one of ``Kernels``'.
public struct Elementwise: Sendable {
  typealias Function =
    @convention(c) (Int, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?) -> Void
  let function: Function

  init(_ function: Function?) { self.function = function! }

  /// The function of each value.
  public func callAsFunction(_ x: [Float]) -> [Float] {
    [Float](unsafeUninitializedCapacity: x.count) { y, count in
      x.withUnsafeBufferPointer { function(x.count, $0.baseAddress, y.baseAddress) }
      count = x.count
    }
  }

  /// Replaces each value by its function.
  public func callAsFunction(inPlace x: inout [Float]) {
    x.withUnsafeMutableBufferPointer { function($0.count, $0.baseAddress, $0.baseAddress) }
  }

  /// y[i] = f(x[i]). Both may be the same memory.
  ///
  /// - Throws: ``ShapeError`` when the counts differ, ``OverlapError`` when they overlap in part.
  public func callAsFunction(
    _ x: UnsafeBufferPointer<Float>, into y: UnsafeMutableBufferPointer<Float>
  ) throws {
    guard x.count == y.count else {
      throw ShapeError("\(x.count) values need room for as many, found room for \(y.count).")
    }
    guard
      UnsafePointer(y.baseAddress) == x.baseAddress || !MatrixExtent(x).overlaps(MatrixExtent(y))
    else {
      throw OverlapError("The result overlaps its input in part; use the same memory, or another.")
    }
    function(x.count, x.baseAddress, y.baseAddress)
  }

  /// y[i] = f(x[i]).
  ///
  /// - Throws: ``ShapeError`` when the counts differ.
  public func callAsFunction(_ x: Span<Float>, into y: inout MutableSpan<Float>) throws {
    try x.withUnsafeBufferPointer { x in
      try y.withUnsafeMutableBufferPointer { try callAsFunction(x, into: $0) }
    }
  }

  /// Replaces each value by its function.
  public func callAsFunction(inPlace x: inout MutableSpan<Float>) {
    x.withUnsafeMutableBufferPointer { function($0.count, $0.baseAddress, $0.baseAddress) }
  }
}

// MARK: Random numbers

extension Kernels {
  /// Standard normals for dimensions 0, 1, 2, … of a row: which numbers they are depends on the keys
  /// alone, see ``CounterRandom``.
  ///
  /// - Parameter sample: which draw for the same row, below 2²⁴.
  /// - Throws: ``SettingError`` for a larger sample, ``ShapeError`` past 2³² dimensions.
  public func normals(
    seed: UInt64, purpose: latent_purpose = LATENT_PURPOSE_EPSILON, sample: UInt32 = 0,
    row: UInt32 = 0, epoch: UInt32 = 0, into z: UnsafeMutableBufferPointer<Float>
  ) throws {
    guard sample < 1 << 24 else {
      throw SettingError("A sample's number must be below 2^24, found \(sample).")
    }
    guard z.count <= Int(UInt32.max) else {
      throw ShapeError("A row has at most 2^32 - 1 random numbers, asked for \(z.count).")
    }
    table.pointee.random_normal(z.count, seed, purpose, sample, row, epoch, z.baseAddress)
  }

  /// As `normals(seed:into:)`, into a span.
  ///
  /// - Throws: as that one.
  public func normals(
    seed: UInt64, purpose: latent_purpose = LATENT_PURPOSE_EPSILON, sample: UInt32 = 0,
    row: UInt32 = 0, epoch: UInt32 = 0, into z: inout MutableSpan<Float>
  ) throws {
    try z.withUnsafeMutableBufferPointer {
      try normals(
        seed: seed, purpose: purpose, sample: sample, row: row, epoch: epoch, into: $0)
    }
  }

  /// `count` standard normals; see `normals(seed:into:)`.
  ///
  /// - Throws: as that one; ``ShapeError`` for a negative count, too, and ``SettingError`` for one that this
  ///   machine's memory does not hold.
  public func normals(
    _ count: Int, seed: UInt64, purpose: latent_purpose = LATENT_PURPOSE_EPSILON,
    sample: UInt32 = 0, row: UInt32 = 0, epoch: UInt32 = 0
  ) throws -> [Float] {
    guard count >= 0 else { throw ShapeError("A count must not be negative, found \(count).") }
    try expectMemory(for: 4 * Double(count), "\(count) normals", "ask for fewer at a time")
    return try [Float](unsafeUninitializedCapacity: count) { z, initialized in
      try normals(
        seed: seed, purpose: purpose, sample: sample, row: row, epoch: epoch,
        into: UnsafeMutableBufferPointer(rebasing: z[..<count]))
      initialized = count
    }
  }
}
