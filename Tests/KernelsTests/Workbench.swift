import Foundation
import LatentKernels

/// Not Foundation's.
typealias PlanOperation = LatentKernels.PlanOperation

/// What an operand holds and whether the operation may write it.
struct Tensor {
  enum Layout: Equatable {
    case matrix(rows: Int, columns: Int, stride: Int)
    /// Weights [rows x columns].
    case panels(rows: Int, columns: Int)
    case vector(Int)
    /// Memory an operation may use as it likes.
    case scratch(rows: Int, stride: Int)
  }
  enum Role { case input, output, updated }
  enum Element { case scalar, byte, index }

  /// For messages.
  let name: String
  let path: WritableKeyPath<PlanOperation, Operand>
  let layout: Layout
  let role: Role
  let element: Element
  /// Values without pads, row after row; empty for outputs.
  let values: [Double]

  init(
    _ path: WritableKeyPath<PlanOperation, Operand>, _ layout: Layout, _ role: Role,
    _ values: [Double] = [], name: String = "", element: Element = .scalar
  ) {
    self.path = path
    self.layout = layout
    self.role = role
    self.values = values
    self.name = name
    self.element = element
  }

  /// Elements in memory.
  var extent: Int {
    switch layout {
    case .matrix(let rows, let columns, let stride): (rows - 1) * stride + max(columns, whole)
    case .panels(let rows, let columns): Panels.count(columns) * 16 * rows
    case .vector(let count): count
    case .scratch(let rows, let stride): rows * stride
    }
  }

  var stride: Int {
    switch layout {
    case .matrix(_, _, let stride), .scratch(_, let stride): stride
    case .panels, .vector: 1
    }
  }

  /// Where each value without pads lies.
  var places: [Int] {
    switch layout {
    case .matrix(let rows, let columns, let stride):
      (0..<rows).flatMap { row in (0..<columns).map { row * stride + $0 } }
    case .panels(let rows, let columns):
      (0..<rows).flatMap { row in (0..<columns).map { Panels.index(row, $0, rows: rows) } }
    case .vector(let count): Array(0..<count)
    case .scratch: []
    }
  }

  /// Pads that may be read and written: where the stride leaves room for whole panels.
  var open: [Int] {
    switch layout {
    case .matrix(let rows, let columns, let stride) where whole > 0:
      (0..<rows).flatMap { row in (columns..<whole).map { row * stride + $0 } }
    case .scratch: Array(0..<extent)
    default: []
    }
  }

  /// Columns of a row in whole panels, 0 where the stride has no room for them.
  private var whole: Int {
    guard case .matrix(_, let columns, let stride) = layout else { return 0 }
    let whole = Panels.count(columns) * 16
    return stride % 16 == 0 && stride >= whole ? whole : 0
  }

  /// Lanes of panels past the last column are zero and stay zero.
  var padIsZero: Bool {
    if case .panels = layout { true } else { false }
  }
}

/// Fresh memory around operations: every operand in a buffer of its own, not-a-number wherever
/// nothing may be read, and every element watched that must not be written.
struct Workbench<Scalar: BinaryFloatingPoint> {
  struct Result {
    /// The values of outputs and of what was updated.
    var values: [WritableKeyPath<PlanOperation, Operand>: [Double]] = [:]
    /// Operands with changes where nothing may be written.
    var stray: [String] = []
  }

  /// Runs `operations` with each of their operands that `tensors` names set to it.
  static func run(
    _ operations: [PlanOperation], tensors: [Tensor], run: Run,
    execute: ([PlanOperation], [Buffer], Run) -> Void
  ) -> Result {
    var operations = operations
    var buffers = [Buffer(data: nil, count: 0)]
    var memories: [Memory] = []
    for tensor in tensors {
      let memory = Memory(tensor)
      memories.append(memory)
      for index in operations.indices {
        operations[index][keyPath: tensor.path] = Operand(
          buffer: UInt32(buffers.count), stride: UInt32(tensor.stride),
          offset: UInt64(memory.offset))
      }
      buffers.append(Buffer(data: memory.base, count: UInt64(memory.count)))
    }
    execute(operations, buffers, run)
    var result = Result()
    for memory in memories {
      let tensor = memory.tensor
      if tensor.role != .input { result.values[tensor.path] = memory.values }
      if memory.isDamaged { result.stray.append(tensor.name) }
      memory.base.deallocate()
    }
    return result
  }

  /// One tensor in memory between two margins, and what it looked like before.
  private struct Memory {
    let tensor: Tensor
    let base: UnsafeMutableRawPointer
    let offset: Int
    let count: Int
    private let before: [UInt8]
    private let size: Int
    private let scalars: UnsafeMutablePointer<Scalar>

    init(_ tensor: Tensor) {
      self.tensor = tensor
      offset = 16 + tensor.name.count % 5  // rarely on a boundary
      count = offset + tensor.extent + 16
      size =
        switch tensor.element {
        case .scalar: MemoryLayout<Scalar>.size
        case .byte: 1
        case .index: 4
        }
      base = .allocate(byteCount: count * size, alignment: 64)
      base.initializeMemory(as: UInt8.self, repeating: 0xa5, count: count * size)
      scalars = base.bindMemory(to: Scalar.self, capacity: tensor.element == .scalar ? count : 0)
      if tensor.element == .scalar {
        scalars.update(repeating: .nan, count: count)
        if tensor.padIsZero { (scalars + offset).update(repeating: 0, count: tensor.extent) }
        for index in tensor.open { scalars[offset + index] = 0 }
        // An output that is not written stays not-a-number.
        for index in tensor.places { scalars[offset + index] = .nan }
      }
      for (place, value) in zip(tensor.places, tensor.values) {
        let index = offset + place
        switch tensor.element {
        case .scalar: scalars[index] = Scalar(value)
        case .byte: base.storeBytes(of: UInt8(value), toByteOffset: index, as: UInt8.self)
        case .index: base.storeBytes(of: UInt32(value), toByteOffset: 4 * index, as: UInt32.self)
        }
      }
      before = Array(UnsafeRawBufferPointer(start: base, count: count * size))
    }

    var values: [Double] { tensor.places.map { Double(scalars[offset + $0]) } }

    /// Whether anything changed but what may. Call it last: it puts back what may.
    var isDamaged: Bool {
      let writable = tensor.role == .input ? [] : tensor.places + tensor.open
      return before.withUnsafeBytes { before in
        for index in writable {
          let start = (offset + index) * size
          memcpy(base + start, before.baseAddress! + start, size)
        }
        return memcmp(base, before.baseAddress!, count * size) != 0
      }
    }
  }
}
