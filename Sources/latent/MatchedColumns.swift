import Foundation
import LatentIO
import LatentKernels

/// What rows have to fit: the columns of a model, or of the rows that it was fitted to.
struct ExpectedColumns: Equatable {
  /// "The model"
  var owner: String
  /// Nil where it knows no names: positions decide.
  var names: [String]?
  /// What to do about other names.
  var advice = "choose the columns that stand for them, in their order, with --columns"
}

extension DataSettings {
  /// What `read` makes of a file, its columns in the order that is expected where both sides have names.
  ///
  /// - Parameters:
  ///   - source: a path, or the name of data that ships.
  ///   - read: reads it with the settings that it is given; once more where the order differs.
  /// - Throws: ``ShapeError`` for other names, and what `read` throws.
  func matched<Table>(
    _ source: String, names: (Table) -> [String]?, read: (DataSettings) throws -> Table
  ) throws -> Table {
    let table = try read(self)
    guard let expected, let wanted = expected.names, let found = names(table), found != wanted
    else { return table }
    let isPermuted = Set(wanted).count == wanted.count && found.sorted() == wanted.sorted()
    // What ships has no choice of columns, and a pipe cannot be read once more.
    guard isPermuted, !Dataset.shippedNames.contains(source), Self.isFile(source) else {
      let advice =
        Dataset.shippedNames.contains(source)
        ? "give rows of the same columns with --data"
        : expected.advice
      throw ShapeError(
        "\(expected.owner) expects \(Self.list(wanted, besides: found)), \(source) has "
          + "\(Self.list(found, besides: wanted)); \(advice).")
    }
    var ordered = self
    (ordered.columns, ordered.expected) = (wanted, nil)
    return try read(ordered)
  }

  private static func isFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// "2 columns (a, b)"; of many those from the first that differs.
  private static func list(_ names: [String], besides others: [String]) -> String {
    let most = 12
    let same = zip(names, others).prefix { $0 == $1 }.count
    let first = names.count > most ? max(0, min(same, names.count - most)) : 0
    let shown = names[first...].prefix(most).map { excerpt($0) }.joined(separator: ", ")
    return "\(counted(names.count, "column")) (\(first > 0 ? "…, " : "")\(shown)"
      + "\(first + most < names.count ? ", …" : ""))"
  }
}
