#if OpenBLAS
  import LatentModels

  /// selection.png: criteria against the number of components, the best of each ringed.
  public enum SelectionPlot {
    /// - Parameters:
    ///   - rows: how many, or the sum of their weights.
    ///   - logScale: what log p of a row loses on the way from the columns fitted to the data's units.
    public static func picture(
      of selection: MixtureSelection, rows: Double, logScale: Double = 0
    ) -> ColorImage {
      let shift = 2 * rows * logScale
      let candidates = selection.candidates
      let hasHeldOut = selection.best(by: .heldOut) != nil
      var canvas = Canvas(width: hasHeldOut ? 1300 : 760, height: 560)
      let counts = Axes.range(of: candidates.map { Double($0.components) })
      let costs: [(String, MixtureSelection.Criterion, [Double])] = [
        ("BIC", .bic, candidates.map { $0.bic + shift }),
        ("AIC", .aic, candidates.map { $0.aic + shift }),
        ("ICL", .icl, candidates.map { $0.icl + shift }),
      ]
      let left = Axes(
        frame: Frame(left: 120, top: 70, right: 700, bottom: 490), x: counts,
        y: Axes.range(of: costs.flatMap(\.2)), isWhole: true)
      left.draw(on: &canvas, x: "components", y: "smaller is better")
      for (index, (name, criterion, values)) in costs.enumerated() {
        draw(values, of: selection, by: criterion, in: left, .of(index), on: &canvas)
        let x = 150 + 110 * Double(index)
        canvas.line((x, 44), (x + 26, 44), width: 3, .of(index))
        canvas.text(name, x: x + 34, y: 44)
      }
      guard hasHeldOut else { return canvas.image }
      let values = candidates.map { $0.heldOut.map { $0 - logScale } }
      let right = Axes(
        frame: Frame(left: 860, top: 70, right: 1270, bottom: 490), x: counts,
        y: Axes.range(of: values.compactMap { $0 }), isWhole: true)
      right.draw(
        on: &canvas, title: "held-out log p of a row", x: "components", y: "larger is better")
      draw(values, of: selection, by: .heldOut, in: right, .of(3), on: &canvas)
      return canvas.image
    }

    private static func draw(
      _ values: [Double?], of selection: MixtureSelection,
      by criterion: MixtureSelection.Criterion, in axes: Axes, _ color: Color,
      on canvas: inout Canvas
    ) {
      let points = zip(selection.candidates, values).map { candidate, value in
        value.map { axes.point(Double(candidate.components), $0) }
      }
      canvas.polyline(points.compactMap { $0 }, width: 2.5, color)
      for point in points.compactMap({ $0 }) {
        canvas.disc(x: point.x, y: point.y, radius: 5, color)
      }
      guard let best = selection.best(by: criterion), let (x, y) = points[best] else { return }
      canvas.disc(x: x, y: y, radius: 10, color)
      canvas.disc(x: x, y: y, radius: 7, .white)
      canvas.disc(x: x, y: y, radius: 4, color)
    }
  }
#endif
