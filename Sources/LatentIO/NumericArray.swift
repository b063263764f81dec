import LatentKernels

/// An array whose header is read, and whose values follow in the stream.
struct ArrayStream {
  let shape: [Int]
  /// The values of the whole shape.
  let count: Int
  let stream: ByteStream
  private let elementBytes: Int
  private let values: (Int) throws -> Rows.Storage

  /// - Parameters:
  ///   - elementBytes: of one value in the file.
  ///   - values: reads so many.
  init(
    shape: [Int], elementBytes: Int, _ stream: ByteStream,
    values: @escaping (Int) throws -> Rows.Storage
  ) throws {
    (self.shape, self.stream, self.values) = (shape, stream, values)
    self.elementBytes = elementBytes
    count = try elementCount(shape, file: stream.name)
  }

  func read(_ count: Int) throws -> Rows.Storage { try values(count) }

  func skip(_ count: Int) throws { try stream.skip(count * elementBytes, of: "values") }

  func expectEnd() throws { try stream.expectEnd(after: "\(count) values") }

  func readAll() throws -> NumericArray {
    let storage = try read(count)
    try expectEnd()
    return NumericArray(shape: shape, storage: storage)
  }

  /// Rows and columns of a table, or of images.
  ///
  /// - Throws: ``FileError`` for a shape that is neither, or empty.
  func tableShape() throws -> (rows: Int, columns: Int) {
    try LatentIO.tableShape(shape, file: stream.name)
  }
}

private func tableShape(_ shape: [Int], file: String) throws -> (rows: Int, columns: Int) {
  guard (1...3).contains(shape.count) else {
    throw FileError(
      file,
      "expected rows x columns, or images x height x width, found \(shape.count) dimensions "
        + "(\(describe(shape))); reshape it to 2 or 3.")
  }
  guard !shape.contains(0) else {
    throw FileError(file, "expected some data, found a shape of \(describe(shape)).")
  }
  return (shape[0], shape[1...].reduce(1, *))
}

/// What IDX and NPY files hold: values in row-major order, and their shape.
struct NumericArray {
  let shape: [Int]
  let storage: Rows.Storage

  /// The first dimension counts observations; three dimensions are images.
  func dataset(name: String, _ options: LoadOptions) throws -> Dataset {
    let (count, columns) = try tableShape(shape, file: name)
    guard options.columns != nil || options.label != nil || options.weights != nil else {
      let image = shape.count == 3 ? ImageShape(height: shape[1], width: shape[2]) : nil
      let rows = try Rows(count: count, columns: columns, storage: storage.binaryAsGrey)
      return try Dataset(name: name, rows: rows, imageShape: image)
    }
    let chosen = try ColumnSelection(options, count: columns, names: nil, file: name)
    let labels = try chosen.label.map { column in
      try NumericArray(shape: [count], storage: storage.picking([column], of: columns))
        .labels(name: name)
    }
    let data = storage.picking(chosen.data, of: columns).binaryAsGrey
    let weights = chosen.weights.map { column in
      storage.picking([column], of: columns).numbers
    }
    return Dataset(
      name: name, rows: try Rows(count: count, columns: chosen.data.count, storage: data),
      imageShape: nil, columnNames: nil, labels: labels, lines: nil, weights: weights)
  }

  /// One integer an observation, as text.
  func labels(name: String) throws -> [String] {
    guard shape.count == 1 else {
      throw FileError(
        name, "expected labels in one dimension, found \(shape.count) (\(describe(shape))).")
    }
    func text(_ values: some Sequence<Double>) throws -> [String] {
      try values.enumerated().map { index, value in
        guard let label = Int(exactly: value) else {
          throw FileError(name, "expected integer labels, found \(value) in row \(index + 1).")
        }
        return String(label)
      }
    }
    return switch storage {
    case .bytes(let values): values.map { String($0) }
    case .floats(let values): try text(values.lazy.map { Double($0) })
    case .doubles(let values): try text(values)
    }
  }
}

extension Rows.Storage {
  /// All values; bytes as they are.
  var numbers: [Double] {
    switch self {
    case .bytes(let values): values.map { Double($0) }
    case .floats(let values): values.map { Double($0) }
    case .doubles(let values): values
    }
  }

  /// Bytes are grey levels, 255 is white. Where no byte exceeds 1 they are binary data: their ones
  /// become white, so that the value stays 1.
  fileprivate var binaryAsGrey: Rows.Storage { isBinary ? binaryScaled : self }

  /// Whether these are bytes and none exceeds 1.
  var isBinary: Bool {
    guard case .bytes(let values) = self else { return false }
    return !values.contains { $0 > 1 }
  }

  /// Bytes of 0 and 1 as black and white.
  var binaryScaled: Rows.Storage {
    guard case .bytes(let values) = self else { return self }
    return .bytes(values.map { $0 * 255 })
  }

  /// Some of the `count` columns.
  func picking(_ columns: [Int], of count: Int) -> Rows.Storage {
    func pick<Value>(_ values: [Value]) -> [Value] {
      var result: [Value] = []
      result.reserveCapacity(values.count / count * columns.count)
      for row in stride(from: 0, to: values.count, by: count) {
        for column in columns { result.append(values[row + column]) }
      }
      return result
    }
    return switch self {
    case .bytes(let values): .bytes(pick(values))
    case .floats(let values): .floats(pick(values))
    case .doubles(let values): .doubles(pick(values))
    }
  }
}

/// The product of a shape, nil where it is no size of anything.
func elementCount(_ shape: [Int]) -> Int? {
  var count = 1
  for size in shape {
    let (product, overflow) = count.multipliedReportingOverflow(by: size)
    guard size >= 0, !overflow else { return nil }
    count = product
  }
  return count
}

/// The product of a shape that a file claims.
func elementCount(_ shape: [Int], file: String) throws -> Int {
  guard let count = elementCount(shape) else {
    throw FileError(
      file, "the header claims a shape of \(describe(shape)), more than any file holds.")
  }
  return count
}

func describe(_ shape: [Int]) -> String {
  shape.isEmpty ? "a scalar" : shape.map(String.init).joined(separator: " x ")
}
