import LatentKernels

/// Tables as text.
public enum CSV {
  /// Writes a matrix, each value in the fewest digits that read back as the same value; missing ones
  /// as NaN.
  ///
  /// - Parameter columnNames: the header, one name a column; none is written if nil.
  /// - Throws: ``FileError``, or ``ShapeError`` when the names do not fit the columns.
  public static func write<Scalar: LosslessStringConvertible>(
    _ matrix: Matrix<Scalar>, columnNames: [String]? = nil, to path: String
  ) throws {
    if let columnNames, columnNames.count != matrix.columns {
      throw ShapeError("\(path): \(matrix.columns) columns have \(columnNames.count) names.")
    }
    try AtomicFile.write(to: path) { file in
      var text = ""
      if let columnNames { text = columnNames.map(quoted).joined(separator: ",") + "\n" }
      for row in 0..<matrix.rows {
        for column in 0..<matrix.columns {
          if column > 0 { text += "," }
          text += describe(matrix[row, column])
        }
        text += "\n"
        if text.utf8.count > 1 << 16 {
          try file.append(text)
          text.removeAll(keepingCapacity: true)
        }
      }
      try file.append(text)
    }
  }

  private static func describe<Scalar: BinaryFloatingPoint & LosslessStringConvertible>(
    _ value: Scalar
  ) -> String {
    // R and pandas both know these spellings.
    guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "Inf" }
    let text = value.description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// As RFC 4180 has it.
  private static func quoted(_ name: String) -> String {
    // By bytes: to Swift a line break of two, or a quote with an accent, is a character of its own.
    let special = Set(",;\t\"\n\r".utf8)
    guard
      name.utf8.contains(where: special.contains) || name.utf8.first == UInt8(ascii: " ")
        || name.utf8.last == UInt8(ascii: " ")
    else { return name }
    let quote = UInt8(ascii: "\"")
    let inner = name.utf8.flatMap { $0 == quote ? [quote, quote] : [$0] }
    return String(decoding: [quote] + inner + [quote], as: UTF8.self)
  }
}
