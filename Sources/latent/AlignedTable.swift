import LatentIO

/// Columns of text, aligned to the right; names from files as a terminal may have them.
func alignedTable(_ header: [String], _ rows: [[String]]) -> String {
  let lines = ([header] + rows).map { $0.map { printable($0) } }
  let widths = header.indices.map { column in lines.map { $0[column].count }.max()! }
  return lines.map { row in
    zip(row, widths).map { String(repeating: " ", count: $1 - $0.count) + $0 }
      .joined(separator: "  ").replacing(/\s+$/, with: "")
  }.joined(separator: "\n")
}
