import Foundation
import LatentIO

/// Tables with one space between their columns, and numbers that fit them; names from files as a terminal
/// may have them.
enum Columns {
  /// The first column to the left, the others to the right.
  static func table(_ header: [String], _ rows: [[String]]) -> String {
    let lines = ([header] + rows).map { $0.map { printable($0) } }
    let widths = header.indices.map { column in lines.map { $0[column].count }.max()! }
    return lines.map { line in
      line.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - line[column].count)
        return column == 0 ? line[column] + space : space + line[column]
      }.joined(separator: " ").replacing(/\s+$/, with: "")
    }.joined(separator: "\n")
  }

  /// Four significant digits, as far as they fit into `width` characters.
  static func number(_ value: Double, _ width: Int) -> String {
    guard value.isFinite else { return "-" }
    let size = abs(value)
    let significant = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4
    let room = width - String(format: "%.0f", value).count - 1
    return String(format: "%.\(max(0, min(significant, room)))f", value)
  }

  static func percent(_ share: Double) -> String {
    guard share.isFinite else { return "-" }
    let value = share * 100
    return String(format: abs(value) >= 99.95 ? "%.0f" : "%.1f", value)
  }
}
