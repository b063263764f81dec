import LatentKernels

/// Reads a table of numbers, one record at a time.
struct CSVReader {
  private let name: String
  private let scanner: CSVScanner
  private let separator: UInt8
  private let fieldCount: Int
  private let names: [String]?
  private let firstLine: Int
  let selection: ColumnSelection
  /// For each field: the column of the data it fills, or one of the two below.
  private let targets: [Int]
  private static let skip = -1
  private static let label = -2
  private static let weight = -3

  /// The first record, where it is a row, until it is read.
  private var first: (line: Int, bytes: [UInt8])?
  /// The second one, in the scanner's buffer, until it is read.
  private var second: UnsafeBufferPointer<UInt8>?
  /// The latest row, its label and the line it came from.
  private(set) var row: [Double]
  private(set) var label = ""
  private(set) var weight = 1.0
  private(set) var line = 0
  /// Bytes of the first record.
  private let recordBytes: Int

  static func read(_ stream: ByteStream, _ options: LoadOptions) throws -> Dataset {
    let size = min(stream.length ?? 0, 1 << 27)
    var reader = try CSVReader(stream, options)
    var values = GrowingValues()
    var labels: [String] = []
    var weights: [Double] = []
    var lines: [Int] = []
    // A field takes a byte at least, so that this is never much more than the file.
    values.reserve(min((size / reader.recordBytes + 1) * reader.row.count, size))
    while try reader.next() {
      values.append(reader.row)
      if reader.selection.label != nil { labels.append(reader.label) }
      if reader.selection.weights != nil { weights.append(reader.weight) }
      lines.append(reader.line)
    }
    let rows = try Rows(count: lines.count, columns: reader.row.count, storage: values.storage)
    return Dataset(
      name: stream.name, rows: rows, imageShape: nil, columnNames: reader.columnNames,
      labels: reader.selection.label == nil ? nil : labels, lines: lines,
      weights: reader.selection.weights == nil ? nil : weights)
  }

  /// Reads up to the first row.
  init(_ stream: ByteStream, _ options: LoadOptions) throws {
    name = stream.name
    scanner = try CSVScanner(stream)
    guard let record = try scanner.next() else {
      throw FileError(stream.name, "expected a table, found nothing but blank lines.")
    }
    scanner.separator = CSVSeparator.detect(record)
    // The scanner may move the record when it reads the second one.
    let bytes = Array(record)
    recordBytes = bytes.count
    firstLine = scanner.line
    second = try scanner.next()
    let separator = scanner.separator!
    self.separator = separator
    let head = bytes.withUnsafeBufferPointer { CSVField.all($0, separator: separator) }
    let body = second.map { CSVField.all($0, separator: separator) }
    fieldCount = head.count
    let hasHeader = options.header ?? Self.isHeader(head, over: body)
    names = hasHeader ? head.map(\.string) : nil
    first = hasHeader ? nil : (firstLine, bytes)
    selection = try ColumnSelection(options, count: head.count, names: names, file: name)
    var targets = [Int](repeating: Self.skip, count: head.count)
    for (column, field) in selection.data.enumerated() { targets[field] = column }
    if let field = selection.label { targets[field] = Self.label }
    if let field = selection.weights { targets[field] = Self.weight }
    self.targets = targets
    row = [Double](repeating: 0, count: selection.data.count)
    guard first != nil || second != nil else {
      throw FileError(name, "expected rows under the header in line \(firstLine), found none.")
    }
  }

  var columnNames: [String]? { names.map { names in selection.data.map { names[$0] } } }

  /// Reads the next row into ``row``; false at the end.
  mutating func next() throws -> Bool {
    if let (line, bytes) = first {
      first = nil
      try bytes.withUnsafeBufferPointer { try parse($0, line: line) }
    } else if let record = second {
      second = nil
      try parse(record, line: scanner.line)
    } else if let record = try scanner.next() {
      try parse(record, line: scanner.line)
    } else {
      return false
    }
    return true
  }

  /// A first line is a header if it has text where the second has a number, or no number at all. A
  /// column of text, such as labels, tells nothing.
  private static func isHeader(_ head: [CSVField], over body: [CSVField]?) -> Bool {
    if !head.contains(where: { !$0.isMissing && $0.number != nil }) {
      return head.contains { !$0.isMissing }
    }
    guard let body else { return false }
    return zip(head, body).contains { $0.number == nil && $1.number != nil && !$1.isMissing }
  }

  private mutating func parse(_ record: UnsafeBufferPointer<UInt8>, line: Int) throws {
    var p = record.baseAddress!
    let end = p + record.count
    var field = 0
    while true {
      let target = field < fieldCount ? targets[field] : Self.skip
      if target >= 0, let (value, next) = DecimalNumber.parse(p, end: end),
        next == end || next.pointee == separator
      {
        row[target] = value
        p = next
      } else {
        let text = CSVField(&p, end: end, separator: separator)
        if target >= 0 {
          guard let value = text.number else { throw notANumber(text, line: line, field: field) }
          row[target] = value
        } else if target == Self.label {
          label = text.string
        } else if target == Self.weight {
          guard let value = text.number else { throw notANumber(text, line: line, field: field) }
          weight = value
        }
      }
      field += 1
      if p == end { break }
      p += 1
    }
    guard field == fieldCount else {
      throw FileError(
        name, line: line,
        "expected \(fieldCount) fields as in line \(firstLine), found \(field), so column "
          + "\(min(field, fieldCount) + 1) \(field < fieldCount ? "is missing" : "is one too many")."
      )
    }
    self.line = line
  }

  private func notANumber(_ text: CSVField, line: Int, field: Int) -> FileError {
    let title = names.map { " (\(excerpt($0[field].utf8)))" } ?? ""
    var advice = "choose columns of numbers with --columns, or name a column of labels with --label"
    let comma = text.text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    let words = text.text.split(separator: 0x20)
    if comma.count == 2, comma.allSatisfy({ Int(String(decoding: $0, as: UTF8.self)) != nil }) {
      advice = "write decimal points, not decimal commas"
    } else if words.count > 1,
      words.allSatisfy({ Double(String(decoding: $0, as: UTF8.self)) != nil })
    {
      advice = "separate the fields by commas, semicolons or tabs, not spaces"
    }
    return FileError(
      name, line: line,
      "expected a number in column \(field + 1)\(title), found \(excerpt(text.text)); \(advice).")
  }
}

/// Values as floats for as long as those hold every one exactly, as they do whole numbers; then as
/// doubles.
private struct GrowingValues {
  private(set) var storage = Rows.Storage.floats([])

  mutating func reserve(_ count: Int) {
    var floats: [Float] = []
    floats.reserveCapacity(count)
    storage = .floats(floats)
  }

  mutating func append(_ row: [Double]) {
    // The case gives its array away while it grows, or every row would copy all of them.
    switch storage {
    case .floats(var floats):
      storage = .floats([])
      if row.allSatisfy({ Double(Float($0)) == $0 || $0.isNaN }) {
        for value in row { floats.append(Float(value)) }
        storage = .floats(floats)
      } else {
        var doubles: [Double] = []
        doubles.reserveCapacity(floats.capacity)
        doubles += floats.lazy.map { Double($0) }
        storage = .doubles(doubles + row)
      }
    case .doubles(var doubles):
      storage = .doubles([])
      doubles += row
      storage = .doubles(doubles)
    case .bytes: break  // text holds no bytes
    }
  }
}
