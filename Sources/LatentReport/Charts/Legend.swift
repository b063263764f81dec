import Foundation

/// The names above a chart, in lines.
enum Legend {
  /// Where each name stands, wrapped before the right edge.
  static func places(
    of names: [String], from left: Double, to right: Double
  ) -> [(x: Double, line: Int)] {
    var (x, line) = (left, 0)
    return names.map { name in
      let width = 40 + SVG.width(of: name)
      if x > left, x + width > right { (x, line) = (left, line + 1) }
      defer { x += width }
      return (x, line)
    }
  }
}

/// The different labels in one order for all pictures, numbers in them by their size.
func classNames(of labels: [String]?) -> [String] {
  Set(labels ?? []).sorted {
    let order = $0.compare($1, options: .numeric)
    return order == .orderedSame ? $0 < $1 : order == .orderedAscending
  }
}
