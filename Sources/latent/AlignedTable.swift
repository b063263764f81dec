/// Columns of text, aligned to the right.
func alignedTable(_ header: [String], _ rows: [[String]]) -> String {
  let widths = header.indices.map { column in
    ([header] + rows).map { $0[column].count }.max()!
  }
  return ([header] + rows).map { row in
    zip(row, widths).map { String(repeating: " ", count: $1 - $0.count) + $0 }
      .joined(separator: "  ").replacing(/\s+$/, with: "")
  }.joined(separator: "\n")
}
