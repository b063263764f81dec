import Foundation
import LatentKernels
import Testing

@testable import LatentIO

struct CSVTests {
  @Test func headerOrNone() throws {
    let named = try load("a,b\n1,2\n3,4\n")
    #expect(named.columnNames == ["a", "b"])
    #expect(values(named) == [1, 2, 3, 4])
    let bare = try load("1,2\n3,4")
    #expect(bare.columnNames == nil)
    #expect(values(bare) == [1, 2, 3, 4])
    // A missing value in the first line makes no header.
    #expect(try load("1,\n3,4").rows.count == 2)
    #expect(try load("1,NA\n3,4").rows.count == 2)
    #expect(try load("1,2\n3,4", LoadOptions(header: true)).columnNames == ["1", "2"])
    #expect(try load("red,1\n,2", LoadOptions(columns: ["2"])).rows.count == 2)
    // Nor do labels.
    #expect(try load("1,red\n3,blue", LoadOptions(label: "2")).rows.count == 2)
    #expect(try load("colour,x\nred,1", LoadOptions(label: "colour")).rows.count == 1)
  }

  @Test(arguments: [
    "a;b\n1;2", "a\tb\r\n1\t2\r\n", "\u{FEFF}a,b\n1,2", "\"a\",\"b\"\n\"1\", 2 \n\n",
  ])
  func dialects(_ text: String) throws {
    let data = try load(text)
    #expect(data.columnNames == ["a", "b"])
    #expect(values(data) == [1, 2])
  }

  @Test func quotedFields() throws {
    let text = "\"a,\"\"x\"\"\",b,\"two\nlines\"\n1,\"two\r\nlines, \"\"quoted\"\"\",2\n"
    let data = try load(text, LoadOptions(label: "b"))
    #expect(data.columnNames == ["a,\"x\"", "two\nlines"])
    #expect(data.labels == ["two\r\nlines, \"quoted\""])
    #expect(values(data) == [1, 2])
    #expect(failure { try load("a,b\n1,\"2\n3,4\n") }.contains("line 2: a quoted field"))
  }

  /// Quotes inside a bare field, or behind a closing quote, open nothing.
  @Test func strayQuotes() throws {
    let data = try load("kind,x\n5\"\" pipe,1\n\"6\"\" a\"b\"c,2\n", LoadOptions(label: "kind"))
    #expect(data.labels == ["5\"\" pipe", "6\" ab\"c"])
    #expect(values(data) == [1, 2])
  }

  @Test func missingValues() throws {
    let data = try load("a,b,c,d\n,NA,NaN,nan\n1,2,3,4\n")
    #expect(values(data).prefix(4).allSatisfy { $0.isNaN })
    #expect(values(data).suffix(4) == [1, 2, 3, 4])
    try data.validateFinite(allowMissing: true)
    #expect(
      failure { try data.selecting([1, 0]).validateFinite() }
        == "data: expected finite values, found a missing value (NaN) in row 2 (line 2), column 1 (\"a\"); "
        + "give --missing where the model takes gaps, or leave the column out with --columns."
    )
    #expect(
      failure { try load("1,2\n3,-inf\n").validateFinite(allowMissing: true) }
        == "data: expected finite values, found an infinite one in row 2 (line 2), column 2; correct it, "
        + "or leave the column out with --columns.")
  }

  @Test func linesSkipBlanks() throws {
    let data = try load("\na,b\n\n1,\"x\ny\"\n\nnan,z\n", LoadOptions(label: "b"))
    #expect(data.firstNonFinite()! == (row: 1, column: 0))
    #expect(failure { try data.validateFinite() }.contains("row 2 (line 7), column 1 (\"a\")"))
  }

  @Test func choosesColumns() throws {
    let text = "id,x,y,kind\n7,1,2,red\n8,3,4,blue\n"
    let data = try load(text, LoadOptions(columns: ["y", "2"], label: "kind"))
    #expect(data.columnNames == ["y", "x"])
    #expect(values(data) == [2, 1, 4, 3])
    #expect(data.labels == ["red", "blue"])
    #expect(values(try load(text, LoadOptions(columns: ["1-3"]))) == [7, 1, 2, 8, 3, 4])
    #expect(
      failure { try load(text, LoadOptions(columns: ["z"])) }.contains(
        "\"id\", \"x\", \"y\", \"kind\""))
    #expect(failure { try load(text, LoadOptions(columns: ["0"])) }.contains("columns 1 to 4"))
    #expect(failure { try load(text, LoadOptions(columns: ["3-9"])) }.contains("columns 1 to 4"))
    #expect(failure { try load(text, LoadOptions(columns: ["x", "2"])) }.contains("twice"))
    let twins = "a,b,a\n1,2,3\n4,5,6\n"
    #expect(
      failure { try load(twins, LoadOptions(columns: ["a"])) }.contains(
        "columns 1 and 3 are both named \"a\": choose by number"))
    #expect(failure { try load(twins, LoadOptions(label: "a")) }.contains("choose by number"))
    #expect(values(try load(twins, LoadOptions(columns: ["3", "b"]))) == [3, 2, 6, 5])
    #expect(failure { try load(text, LoadOptions(label: "1-2")) }.contains("takes one column"))
    #expect(failure { try load("1\n2", LoadOptions(label: "1")) }.contains("no column is left"))
  }

  @Test func missingValuesInManySpellings() throws {
    for word in ["", "NA", "nan", "N/A", "#N/A", "null", "NULL", "None", "<NA>", "\"NA\"", " n/a "]
    {
      let data = try load("x,y\n1,2\n\(word),3\n")
      #expect(data.rows.value(1, 0).isNaN && data.rows.value(1, 1) == 3, "\(word)")
    }
    for word in ["?", "nil", "nulls", "N/AA"] {
      #expect(failure { try load("x,y\n1,2\n\(word),3\n") }.contains("expected a number"))
    }
  }

  @Test func saysWhereANumberIsMissing() {
    let kind = failure { try load("x,kind\n1,2\n3,red\n") }
    #expect(kind.hasPrefix("data, line 3: expected a number in column 2 (\"kind\"), found \"red\""))
    #expect(kind.contains("--columns") && kind.contains("--label"))
    #expect(failure { try load("1;2\n1,5;2\n") }.contains("decimal points"))
    #expect(failure { try load("1.0 2.0\n1 2\n") }.contains("not spaces"))
    #expect(failure { try load("1\n0x10\n") }.contains("--columns"))
    for text in ["0x10", "1e", "1.2.3", "--1", ".", "e5", "1_000", "５"] {
      #expect(
        failure { try load("1\n\(text)\n") }.contains("line 2: expected a number in column 1"))
    }
  }

  @Test func raggedLines() {
    #expect(
      failure { try load("a,b,c\n1,2,3\n1,2\n") }
        == "data, line 3: expected 3 fields as in line 1, found 2, so column 3 is missing.")
    #expect(
      failure { try load("1,2\n1,2,3\n") }
        == "data, line 2: expected 2 fields as in line 1, found 3, so column 3 is one too many.")
  }

  @Test func emptyTables() {
    #expect(failure { try load("") } == "data: the file is empty.")
    #expect(failure { try load("\n \r\n") }.contains("blank lines"))
    #expect(failure { try load("a,b\n") }.contains("expected rows under the header"))
    #expect(failure { try load([0xEF, 0xBB, 0xBF]) }.contains("blank lines"))
  }

  /// Every shape of number, against the standard library's parser.
  @Test func numbersAreCorrectlyRounded() throws {
    var generator = Generator(state: 1)
    var texts = [
      "0", "-0", "+1", "1.", ".5", "9007199254740993", "1e22", "1e23",
      "123456789012345678901234567890",
      "4.9e-324", "2e-324", "1.7976931348623157e308", "1e400", "1e-400", "2.2250738585072011e-308",
      "0.1e-6", "9007199254740992e22", "1e999999999999999999999", "8.5e+3", "1E5",
      "000000000000000000001.5",
    ]
    for _ in 0..<5000 {
      let bits = Double(bitPattern: generator.next())
      if bits.isFinite { texts.append("\(bits)") }
      texts.append("\(Double(Int.random(in: -999_999...999_999, using: &generator)) / 1000)")
      let digits = Int.random(in: 1...25, using: &generator)
      let number = (0..<digits).map { _ in String(Int.random(in: 0...9, using: &generator)) }
        .joined()
      texts.append("\(number).\(number)e\(Int.random(in: -40...40, using: &generator))")
    }
    let data = try load(texts.joined(separator: "\n"))
    for (row, text) in texts.enumerated() {
      #expect(data.rows.value(row, 0).bitPattern == Double(text)!.bitPattern, "\(text)")
    }
  }

  @Test func longRecordsAndManyRows() throws {
    // Longer than the first buffer, so that it grows and moves.
    let wide = (0..<60_000).map { "\($0).5" }.joined(separator: ",")
    #expect(try load(wide + "\n" + wide).rows.value(1, 59_999) == 59_999.5)
    let rows = (0..<40_000).map { "\($0),\(Double($0) / 8)" }.joined(separator: "\r\n")
    let data = try load(rows)
    #expect(data.rows.count == 40_000)
    #expect(data.rows.value(39_999, 0) == 39_999)
    #expect(data.rows.value(12_345, 1) == 12_345 / 8.0)
    // Whole numbers and eighths are exact floats; a tenth is not.
    guard case .floats = data.rows.storage else { return #expect(Bool(false)) }
    let mixed = try load(rows + "\r\n0.1,0")
    #expect(mixed.rows.value(40_000, 0) == 0.1)
    #expect(mixed.rows.value(12_345, 1) == 12_345 / 8.0)
    #expect(
      failure { try load([UInt8](repeating: 0x61, count: 40 << 20)) }.contains("longer than 16 MiB")
    )
  }

  @Test func roundTrips() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/x.csv"
    var generator = Generator(state: 2)
    let doubles = try Matrix<Double>(
      rows: 100, columns: 3,
      values: (0..<300).map { _ in
        Double(
          sign: .minus, exponent: Int.random(in: -300...300, using: &generator),
          significand: Double.random(in: 1..<2, using: &generator))
      })
    try CSV.write(doubles, columnNames: ["a", "b \"c\"", " d,e"], to: path)
    let read = try Dataset.load(path)
    #expect(read.rows.matrix(of: Double.self) == doubles)
    #expect(read.columnNames == ["a", "b \"c\"", "d,e"])
    let floats = try Matrix<Float>(rows: 1, columns: 4, values: [0.1, -.infinity, 3, -0.0])
    // To Swift each of these is one character with the separator or quote in it.
    for names in [["a\r\nb", "c", "d"], ["a\"\u{301}", "b,\u{301}", "c"]] {
      try CSV.write(doubles, columnNames: names, to: path)
      #expect(try Dataset.load(path).columnNames == names)
    }
    try CSV.write(floats, to: path)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "0.1,-Inf,3,-0\n")
    #expect(try Dataset.load(path).rows.matrix(of: Float.self) == floats)
    let missing = try Matrix<Float>(rows: 1, columns: 1, values: [.nan])
    try CSV.write(missing, to: path)
    #expect(values(try Dataset.load(path))[0].isNaN)
    #expect(failure { try CSV.write(floats, columnNames: ["a"], to: path) }.contains("1 names"))
  }

  @Test func labelsFromText() throws {
    let directory = try TemporaryDirectory()
    let data = try directory.file("x.csv", "1\n2\n".utf8)
    for text in ["red\nblue\n", "colour\nred\nblue\n"] {
      let labels = try directory.file("y.csv", text.utf8)
      let loaded = try Dataset.load(data, options: LoadOptions(labelsPath: labels))
      #expect(loaded.labels == ["red", "blue"])
    }
  }
}
