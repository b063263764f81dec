import LatentKernels

extension Dataset {
  /// Reads a data set from IDX, NPY or CSV, gzipped or not. What a file begins with decides, then
  /// its name.
  ///
  /// - IDX: grey images in three dimensions, or a table in two.
  /// - NPY: one column, a table, or images, of little-endian numbers in C order.
  /// - CSV: numbers separated by commas, semicolons or tabs, with or without a header; a field that
  ///   is empty, NA, NaN, N/A, #N/A, null, none or <NA> is missing (NaN), blank lines are skipped.
  ///
  /// Unsigned bytes of IDX and NPY are grey levels, value = byte / 255, unless none exceeds 1: then
  /// they are binary and keep their value.
  ///
  /// - Throws: ``FileError``; ``SettingError`` when `options` contradict themselves.
  public static func load(_ path: String, options: LoadOptions = LoadOptions()) throws -> Dataset {
    try load(ByteStream(contentsOf: path), options)
  }

  static func load(_ stream: ByteStream, _ options: LoadOptions) throws -> Dataset {
    guard options.label == nil || options.labelsPath == nil else {
      throw SettingError("Labels come from a column or from a file of their own, found both.")
    }
    let data: Dataset
    switch try FileFormat.of(stream) {
    case .idx:
      data = try IDX.openTable(stream).readAll().dataset(name: stream.name, options)
    case .npy: data = try NPY.read(stream).dataset(name: stream.name, options)
    case .csv: data = try CSVReader.read(stream, options)
    }
    guard let path = options.labelsPath else { return data }
    return try data.labelled(by: path)
  }

  /// The same rows with labels from a file of their own, one a row: IDX, NPY or a CSV of one column.
  ///
  /// - Throws: ``FileError``.
  public func labelled(by path: String) throws -> Dataset {
    Dataset(
      name: name, rows: rows, imageShape: imageShape, columnNames: columnNames,
      labels: try Self.readLabels(ByteStream(contentsOf: path), count: rows.count), lines: lines,
      weights: weights)
  }

  /// One label for each of `count` rows.
  static func readLabels(_ stream: ByteStream, count: Int) throws -> [String] {
    let name = stream.name
    var labels: [String]
    switch try FileFormat.of(stream) {
    case .idx: labels = try IDX.read(stream).labels(name: name)
    case .npy: labels = try NPY.read(stream).labels(name: name)
    case .csv:
      let scanner = try CSVScanner(stream)
      labels = []
      while let record = try scanner.next() {
        let fields = CSVField.all(record, separator: UInt8(ascii: ","))
        guard fields.count == 1 else {
          throw FileError(
            name, line: scanner.line, "expected one label, found \(fields.count) fields.")
        }
        labels.append(fields[0].string)
      }
      // One more than there are rows: the first is a header.
      if labels.count == count + 1 { labels.removeFirst() }
    }
    guard labels.count == count else {
      throw FileError(name, "expected \(count) labels, one a row, found \(labels.count).")
    }
    return labels
  }
}

/// The formats of data sets.
enum FileFormat {
  case idx
  case npy
  case csv

  /// Tells the format by the first bytes, then by the name.
  static func of(_ stream: ByteStream) throws -> FileFormat {
    let start = try stream.peek(1024)
    if start.starts(with: IDX.magic) { return .idx }
    if start.starts(with: NPY.magic) { return .npy }
    for (magic, what) in others where start.starts(with: magic) {
      throw FileError(stream.name, "expected IDX, NPY or CSV, found \(what).")
    }
    var name = stream.name.lowercased()
    if name.hasSuffix(".gz") { name.removeLast(3) }
    // Their readers say what is wrong with the first bytes.
    if name.hasSuffix(".npy") { return .npy }
    if name.hasSuffix("ubyte") || name.hasSuffix(".idx") { return .idx }
    guard !start.contains(0) else {
      throw FileError(
        stream.name, "expected IDX, NPY or CSV, found neither: it starts with \(excerpt(start)).")
    }
    return .csv
  }

  private static let others: [(magic: [UInt8], what: String)] = [
    (Array("PK".utf8) + [3, 4], "a zip archive; save one array with np.save, or unzip it"),
    ([0x89] + "PNG".utf8, "a PNG picture"),
    ([0x89] + "HDF".utf8, "HDF5; save the array with np.save"),
    (Array("PAR1".utf8), "Parquet; save the table as CSV"),
    ([0xFF, 0xFE], "UTF-16 text; save it as UTF-8"),
    ([0xFE, 0xFF], "UTF-16 text; save it as UTF-8"),
  ]
}
