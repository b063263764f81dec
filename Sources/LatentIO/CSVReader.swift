import LatentKernels

/// Reads a table of numbers, one record at a time.
struct CSVReader {
  private let name: String
  private let scanner: CSVScanner
  private let separator: UInt8
  private let fieldCount: Int
  private let names: [String]?
  private let firstLine: Int
  private let selection: ColumnSelection
  /// For each field: the column of the data it fills, or one of the two below.
  private let targets: [Int]
  private static let skip = -1
  private static let label = -2

  private var values: GrowingValues
  private var row: [Double]
  private var labels: [String] = []
  private var lines: [Int] = []

  static func read(_ stream: ByteStream, _ options: LoadOptions) throws -> Dataset {
    let size = min(stream.bound ?? 0, 1 << 27)
    let scanner = try CSVScanner(stream)
    guard let record = try scanner.next() else {
      throw FileError(stream.name, "expected a table, found nothing but blank lines.")
    }
    scanner.separator = CSVSeparator.detect(record)
    // The scanner may move the record when it reads the second one.
    let first = (line: scanner.line, bytes: Array(record))
    let second = try scanner.next()
    var reader = try CSVReader(first, second, scanner, options, name: stream.name)
    // A field takes a byte at least, so that this is never much more than the file.
    reader.values.reserve(min((size / first.bytes.count + 1) * reader.row.count, size))
    if reader.names == nil {
      try first.bytes.withUnsafeBufferPointer {
        try reader.append($0, line: first.line)
      }
    }
    var next = second
    while let record = next {
      try reader.append(record, line: scanner.line)
      next = try scanner.next()
    }
    return try reader.dataset()
  }

  private init(
    _ first: (line: Int, bytes: [UInt8]), _ second: UnsafeBufferPointer<UInt8>?,
    _ scanner: CSVScanner, _ options: LoadOptions, name: String
  ) throws {
    self.name = name
    self.scanner = scanner
    let separator = scanner.separator!
    self.separator = separator
    firstLine = first.line
    let head = first.bytes.withUnsafeBufferPointer {
      CSVField.all($0, separator: separator)
    }
    let body = second.map { CSVField.all($0, separator: separator) }
    fieldCount = head.count
    let hasHeader = options.header ?? Self.isHeader(head, over: body)
    names = hasHeader ? head.map(\.string) : nil
    selection = try ColumnSelection(options, count: head.count, names: names, file: name)
    var targets = [Int](repeating: Self.skip, count: head.count)
    for (column, field) in selection.data.enumerated() { targets[field] = column }
    if let field = selection.label { targets[field] = Self.label }
    self.targets = targets
    row = [Double](repeating: 0, count: selection.data.count)
    values = GrowingValues()
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

  private mutating func append(_ record: UnsafeBufferPointer<UInt8>, line: Int) throws {
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
          labels.append(text.string)
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
    values.append(row)
    lines.append(line)
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

  private func dataset() throws -> Dataset {
    guard !lines.isEmpty else {
      throw FileError(name, "expected rows under the header in line \(firstLine), found none.")
    }
    let rows = try Rows(count: lines.count, columns: row.count, storage: values.storage)
    return Dataset(
      name: name, rows: rows, imageShape: nil,
      columnNames: names.map { names in selection.data.map { names[$0] } },
      labels: selection.label == nil ? nil : labels, lines: lines)
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
