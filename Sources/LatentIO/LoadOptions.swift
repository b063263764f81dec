import LatentKernels

/// What to take from a file.
public struct LoadOptions: Sendable, Equatable {
  /// The columns to keep, in this order: names, numbers from 1, or ranges like `1-4`. All, if nil.
  public var columns: [String]?
  /// The column that becomes the labels, by name or number from 1; it is taken out of the data.
  public var label: String?
  /// The column that says how much each row counts, by name or number from 1; taken out of the data too.
  public var weights: String?
  /// Whether a file may lack the columns of ``label`` and ``weights``: then they are left out of account.
  public var mayLackLabels = false
  /// A file of labels, one a row: IDX or NPY of integers, or CSV of one column.
  public var labelsPath: String?
  /// Whether a CSV starts with a header; nil lets the first two lines decide.
  public var header: Bool?

  /// Options with their defaults: every column is data, none is a label.
  public init(
    columns: [String]? = nil, label: String? = nil, labelsPath: String? = nil, header: Bool? = nil,
    weights: String? = nil
  ) {
    self.weights = weights
    self.columns = columns
    self.label = label
    self.labelsPath = labelsPath
    self.header = header
  }
}

/// The columns of a file, as ``LoadOptions`` choose them; indices count from 0.
struct ColumnSelection {
  var data: [Int]
  var label: Int?
  var weights: Int?

  /// - Parameter names: the names of the columns, where the file has them.
  init(_ options: LoadOptions, count: Int, names: [String]?, file: String) throws {
    func single(_ text: String?, _ option: String) throws -> Int? {
      guard let text else { return nil }
      if options.mayLackLabels, names?.contains(text) != true, !(1...count ~= Int(text) ?? 0) {
        return nil
      }
      let found = try Self.indices(
        of: text, option: option, count: count, names: names, file: file)
      guard found.count == 1 else {
        throw FileError(file, "\(option) takes one column, found \(found.count) in \"\(text)\".")
      }
      return found[0]
    }
    let label = try single(options.label, "--label")
    let weights = try single(options.weights, "--weights")
    if let label, label == weights {
      throw FileError(file, "column \(label + 1) cannot be both label and weights.")
    }
    (self.label, self.weights) = (label, weights)
    let chosen = try options.columns.map { columns in
      try columns.flatMap {
        try Self.indices(of: $0, option: "--columns", count: count, names: names, file: file)
      }
    }
    data = (chosen ?? Array(0..<count)).filter { $0 != label && $0 != weights }
    guard !data.isEmpty else { throw FileError(file, "no column is left to be data.") }
    var seen = Set<Int>()
    for index in data where !seen.insert(index).inserted {
      throw FileError(file, "--columns names column \(index + 1) twice.")
    }
  }

  private static func indices(
    of text: String, option: String, count: Int, names: [String]?, file: String
  ) throws -> [Int] {
    if let names, let index = names.firstIndex(of: text) {
      if let other = names[(index + 1)...].firstIndex(of: text) {
        throw FileError(
          file,
          "columns \(index + 1) and \(other + 1) are both named \(excerpt(text)): choose by number."
        )
      }
      return [index]
    }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    if (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] {
      guard first >= 1, first <= last, last <= count else {
        throw FileError(
          file, "\(option) asks for column \(text), the file has columns 1 to \(count).")
      }
      return Array(first - 1..<last)
    }
    let known = names.map { names in
      "its columns are \(names.prefix(12).map { excerpt($0) }.joined(separator: ", "))"
        + (names.count > 12 ? ", …" : "")
    }
    throw FileError(
      file,
      "\(option) asks for column \"\(text)\", \(known ?? "the file has no header: use a number from 1 to \(count), or give --header if line 1 holds names")."
    )
  }
}
