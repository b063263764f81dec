import Foundation
import LatentIO
import LatentKernels

extension LinearGaussianModel {
  /// Loadings and uniquenesses as a table in plain text, as `factanal` in R prints them, with the sum
  /// of squared loadings of each factor and its part of the columns' variance below.
  ///
  /// On the correlation scale, whatever the model's own.
  ///
  /// - Parameters:
  ///   - names: one a column; "x1", "x2" and so on if nil. What a terminal would obey is spelt out.
  ///   - cutoff: smaller loadings, in magnitude, are left blank.
  /// - Throws: ``ShapeError`` where there is not one name a column.
  public func loadingsTable(names: [String]? = nil, cutoff: Double = 0.1) throws -> String {
    let names = (names ?? (1...max(1, columns)).map { "x\($0)" }).map { printable($0) }
    guard names.count == columns else {
      throw ShapeError("\(columns) columns need as many names, found \(names.count).")
    }
    let (loadings, uniquenesses, _) = onCorrelationScale
    let title = names.map(\.count).max().map { max($0, 12) } ?? 12
    func line(_ name: String, _ cells: [String]) -> String {
      let padded = cells.map { String(repeating: " ", count: max(1, 9 - $0.count)) + $0 }.joined()
      return (name + String(repeating: " ", count: max(0, title - name.count)) + padded)
        .replacing(/\s+$/, with: "")
    }
    func number(_ value: Double) -> String { String(format: "%.3f", value) }

    var lines = [line("", (1...factors).map { "factor \($0)" } + ["unique"])]
    for i in 0..<columns {
      let cells = loadings.row(i).map { abs($0) < cutoff ? "" : number($0) }
      lines.append(line(names[i], cells + [number(uniquenesses[i])]))
    }
    let squares = (0..<factors).map { k in
      (0..<columns).reduce(0) { $0 + loadings[$1, k] * loadings[$1, k] }
    }
    let parts = squares.map { $0 / Double(columns) }
    let running = parts.indices.map { parts[...$0].reduce(0, +) }
    lines.append("")
    lines.append(line("SS loadings", squares.map(number)))
    lines.append(line("proportion", parts.map(number)))
    lines.append(line("cumulative", running.map(number)))
    return lines.joined(separator: "\n") + "\n"
  }
}
