@_exported import CKernels

/// One operation of a plan: a plain C structure, see `latent_kernels.h` for what each kind reads and
/// writes, with shapes.
public typealias PlanOperation = latent_op
/// Where an operand lies: a numbered buffer, an offset and a row stride, in elements.
public typealias Operand = latent_operand
/// What changes from one run of a plan to the next: rows, seed, epoch, step sizes.
public typealias Run = latent_run
/// Memory that operands number.
public typealias Buffer = latent_buffer

extension Operand {
  /// Whether the operation has this operand at all.
  @inlinable public var exists: Bool { buffer != 0 }
}

/// 16 columns: the unit in which weights are held.
public enum Panels {
  /// How many panels hold so many columns.
  @inlinable public static func count(_ columns: Int) -> Int { (columns + 15) / 16 }

  /// Where element (`row`, `column`) of a matrix with `rows` rows lies among its panels.
  @inlinable public static func index(_ row: Int, _ column: Int, rows: Int) -> Int {
    (column / 16) * rows * 16 + row * 16 + column % 16
  }
}
