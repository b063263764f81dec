import LatentKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// NumPy's format for one array.
public enum NPY {
  static let magic: [UInt8] = [0x93] + "NUMPY".utf8

  static func read(_ stream: ByteStream) throws -> NumericArray { try open(stream).readAll() }

  /// Reads the header.
  static func open(_ stream: ByteStream) throws -> ArrayStream {
    let name = stream.name
    let start = try stream.read(8, of: "an NPY header")
    guard start.starts(with: magic) else {
      throw FileError(
        name,
        "expected \"\\x93NUMPY\", which starts an NPY file, found \(excerpt(start.prefix(6))).")
    }
    guard (1...3).contains(start[6]) else {
      throw FileError(name, "expected NPY version 1, 2 or 3, found \(start[6]).")
    }
    let sizeBytes = try stream.read(start[6] == 1 ? 2 : 4, of: "an NPY header")
    let size = sizeBytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    guard size <= 1 << 20 else {
      throw FileError(name, "the NPY header claims \(size) bytes for itself, more than 1 MiB.")
    }
    let header = try NPYHeader(stream.read(size, of: "an NPY header"), file: name)
    guard !header.fortranOrder || header.shape.count < 2 else {
      throw FileError(
        name,
        "expected rows one after another (C order), found columns (Fortran order); "
          + "save np.ascontiguousarray(x).")
    }
    // "<f4" ends with its size; others are refused when values are read.
    let elementBytes = [2, 4, 8].first { header.descr.hasSuffix("\($0)") } ?? 1
    return try ArrayStream(shape: header.shape, elementBytes: elementBytes, stream) {
      try values($0, header.descr, stream)
    }
  }

  private static func values(
    _ count: Int, _ descr: String, _ stream: ByteStream
  ) throws -> Rows.Storage {
    func read<Value: BitwiseCopyable>(_ type: Value.Type) throws -> [Value] {
      try stream.read(count, type, of: "values")
    }
    switch descr {
    case "<f4":
      #if _endian(little)
        return .floats(try read(Float.self))
      #else
        return .floats(try read(UInt32.self).map { Float(bitPattern: .init(littleEndian: $0)) })
      #endif
    case "<f8":
      #if _endian(little)
        return .doubles(try read(Double.self))
      #else
        return .doubles(try read(UInt64.self).map { Double(bitPattern: .init(littleEndian: $0)) })
      #endif
    case "|u1", "<u1": return .bytes(try read(UInt8.self))
    case "|b1": return .bytes(try read(UInt8.self).map { $0 == 0 ? 0 : 1 })
    case "|i1", "<i1": return .floats(try read(Int8.self).map { Float($0) })
    case "<i2": return .floats(try read(Int16.self).map { Float(Int16(littleEndian: $0)) })
    case "<i4": return .doubles(try read(Int32.self).map { Double(Int32(littleEndian: $0)) })
    case "<i8": return .doubles(try read(Int64.self).map { Double(Int64(littleEndian: $0)) })
    default:
      throw FileError(
        stream.name,
        "expected an array of f4, f8, u1, b1, i1, i2, i4 or i8, little-endian, found dtype "
          + "\(excerpt(descr.utf8)); save x.astype(np.float32).")
    }
  }
}

// MARK: - Writing

extension NPY {
  /// Writes a 2-D array of float32.
  ///
  /// - Throws: ``FileError``.
  public static func write(_ matrix: Matrix<Float>, to path: String) throws {
    try write(matrix.values, descr: "<f4", shape: [matrix.rows, matrix.columns], to: path)
  }

  /// Writes a 2-D array of float64.
  ///
  /// - Throws: ``FileError``.
  public static func write(_ matrix: Matrix<Double>, to path: String) throws {
    try write(matrix.values, descr: "<f8", shape: [matrix.rows, matrix.columns], to: path)
  }

  private static func write<Value: BitwiseCopyable>(
    _ values: [Value], descr: String, shape: [Int], to path: String
  ) throws {
    try AtomicFile.write(to: path) { file in
      try start(descr: descr, shape: shape).withUnsafeBytes(file.append)
      try values.withUnsafeBytes(file.append)
    }
  }

  /// What comes before the values.
  private static func start(descr: String, shape: [Int]) -> [UInt8] {
    let sizes = shape.map(String.init).joined(separator: ", ")
    var header = "{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(sizes)), }"
    // Magic, version and size take 10 bytes; the values start at a multiple of 64.
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    let size = UInt16(header.utf8.count)
    return magic + [1, 0, UInt8(size & 255), UInt8(size >> 8)] + header.utf8
  }
}

// MARK: - Memory of the caller's

extension NPY {
  /// Writes rows of float32 from where they lie, without a copy of them.
  ///
  /// - Throws: ``ShapeError`` when the values are not `rows * columns` many; ``FileError``.
  public static func write(
    _ values: UnsafeBufferPointer<Float>, rows: Int, columns: Int, to path: String
  ) throws {
    try check(rows, columns, count: values.count)
    try AtomicFile.write(to: path) { file in
      try start(descr: "<f4", shape: [rows, columns]).withUnsafeBytes(file.append)
      try file.append(UnsafeRawBufferPointer(values))
    }
  }

  private static func check(_ rows: Int, _ columns: Int, count: Int) throws(ShapeError) {
    let (expected, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard rows >= 0, columns >= 0, !overflow, expected == count else {
      throw ShapeError(
        "\(rows) rows of \(columns) columns are \(rows) * \(columns) values, found \(count).")
    }
  }

  /// Reads such a file to where its rows shall lie.
  ///
  /// - Throws: ``ShapeError`` when there is not room for `rows * columns` values; ``FileError`` unless it
  ///   was written by us and holds just as many.
  public static func read(
    into values: UnsafeMutableBufferPointer<Float>, rows: Int, columns: Int, from path: String
  ) throws {
    try check(rows, columns, count: values.count)
    let descriptor = posixOpen(path)
    guard descriptor >= 0 else { throw FileError(path, doing: "cannot be read", errno: errno) }
    defer { posixClose(descriptor) }
    func fill(_ target: UnsafeMutableRawBufferPointer) throws {
      var rest = target
      while !rest.isEmpty {
        let count = posixRead(descriptor, rest)
        guard count >= 0 else { throw FileError(path, doing: "cannot be read", errno: errno) }
        guard count > 0 else { throw FileError(path, "the file ends before its values do.") }
        rest = UnsafeMutableRawBufferPointer(rebasing: rest.dropFirst(count))
      }
    }
    let expected = start(descr: "<f4", shape: [rows, columns])
    var found = [UInt8](repeating: 0, count: expected.count)
    try found.withUnsafeMutableBytes(fill)
    guard found == expected else {
      throw FileError(
        path, "expected float32 values of \(rows) rows and \(columns) columns, found others.")
    }
    try fill(UnsafeMutableRawBufferPointer(values))
  }
}
