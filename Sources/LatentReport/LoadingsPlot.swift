import Foundation
import LatentKernels
import LatentModels

/// loadings.png: a heat map of loadings on the correlation scale, blue for positive and vermilion for
/// negative ones, and the uniquenesses beside them in grey.
public enum LoadingsPlot {
  /// The most columns that are drawn.
  public static let maximumColumns = 1000

  /// Nil for more columns, or more factors, than a picture holds.
  public static func picture(
    of model: some LinearGaussianModel, columnNames: [String]?
  ) -> ColorImage? {
    let (columns, factors) = (model.columns, model.factors)
    guard columns <= maximumColumns, factors <= 50 else { return nil }
    let names = (columnNames ?? (0..<columns).map { "x\($0 + 1)" }).map {
      $0.inBitmapFont.shortened(to: 20)
    }
    let (loadings, uniquenesses, _) = model.onCorrelationScale
    let cellHeight = Double(max(2, min(36, 1400 / columns)))
    let isLabelled = cellHeight >= 18
    let cellWidth = 84.0
    let left = isLabelled ? 40 + Double(names.map { Canvas.width(of: $0) }.max() ?? 0) : 40
    let right = left + cellWidth * Double(factors) + 24 + cellWidth
    let bottom = 64 + cellHeight * Double(columns)
    var canvas = Canvas(width: max(Int(right), Int(left) + 270) + 40, height: Int(bottom) + 84)
    for k in 0..<factors {
      canvas.text("\(k + 1)", x: left + cellWidth * (Double(k) + 0.5), y: 42, anchor: .middle)
    }
    canvas.text("unique", x: right - cellWidth / 2, y: 42, anchor: .middle)
    for i in 0..<columns {
      let top = 64 + cellHeight * Double(i)
      if isLabelled { canvas.text(names[i], x: left - 14, y: top + cellHeight / 2, anchor: .end) }
      func cell(_ x: Double, _ value: Double, _ color: Color) {
        let gap = isLabelled ? 1.0 : 0
        canvas.rectangle(
          Frame(left: x, top: top, right: x + cellWidth - gap, bottom: top + cellHeight - gap),
          color)
        guard isLabelled else { return }
        canvas.text(
          String(format: "%.2f", value), x: x + cellWidth / 2, y: top + cellHeight / 2,
          anchor: .middle, color.isDark ? .white : .ink)
      }
      for k in 0..<factors {
        let value = loadings[i, k]
        cell(left + cellWidth * Double(k), value, shade(value))
      }
      cell(
        right - cellWidth, uniquenesses[i],
        .mix([(.white, 1 - uniquenesses[i]), (grey, uniquenesses[i])]))
    }
    legend(on: &canvas, left: left, y: bottom + 36)
    return canvas.image
  }

  private static let grey = Color(red: 110, green: 110, blue: 110)

  private static func shade(_ value: Double) -> Color {
    let strength = min(1, abs(value))
    return .mix([(.white, 1 - strength), (.of(value < 0 ? 1 : 0), strength)])
  }

  private static func legend(on canvas: inout Canvas, left: Double, y: Double) {
    canvas.text("-1", x: left, y: y)
    let (start, length) = (left + 32, 200.0)
    for step in 0..<Int(length) {
      let x = start + Double(step)
      canvas.rectangle(
        Frame(left: x, top: y - 8, right: x + 1, bottom: y + 8),
        shade(2 * Double(step) / (length - 1) - 1))
    }
    canvas.text("1", x: start + length + 10, y: y)
  }
}

extension Color {
  /// Whether white reads better on it than black.
  fileprivate var isDark: Bool {
    0.299 * Double(red) + 0.587 * Double(green) + 0.114 * Double(blue) < 150
  }
}
