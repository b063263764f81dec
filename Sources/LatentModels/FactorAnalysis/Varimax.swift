import Foundation
import LatentKernels

/// Varimax (Kaiser 1958): the rotation whose squared loadings vary most within each factor, found by
/// planar rotations of pairs of factors, with rows normalized to length 1 meanwhile.
///
/// Factors come out by the variance they explain, descending, each with a positive sum.
func varimax(_ loadings: Matrix<Double>) -> Matrix<Double> {
  let (p, q) = (loadings.rows, loadings.columns)
  let lengths = (0..<p).map { row in
    max(loadings.row(row).reduce(0) { $0 + $1 * $1 }.squareRoot(), .leastNormalMagnitude)
  }
  var a = loadings
  for i in 0..<p { for k in 0..<q { a[i, k] /= lengths[i] } }
  for _ in 0..<200 {
    var largest = 0.0
    for first in 0..<q {
      for second in first + 1..<max(q, first + 1) {
        var (sumU, sumV, sumSquares, sumUV) = (0.0, 0.0, 0.0, 0.0)
        for i in 0..<p {
          let u = a[i, first] * a[i, first] - a[i, second] * a[i, second]
          let v = 2 * a[i, first] * a[i, second]
          sumU += u
          sumV += v
          sumSquares += u * u - v * v
          sumUV += 2 * u * v
        }
        let count = Double(p)
        let angle =
          atan2(
            sumUV - 2 * sumU * sumV / count, sumSquares - (sumU * sumU - sumV * sumV) / count) / 4
        largest = max(largest, abs(angle))
        let (c, s) = (cos(angle), sin(angle))
        for i in 0..<p {
          let (x, y) = (a[i, first], a[i, second])
          a[i, first] = c * x + s * y
          a[i, second] = c * y - s * x
        }
      }
    }
    if largest < 1e-10 { break }
  }
  for i in 0..<p { for k in 0..<q { a[i, k] *= lengths[i] } }
  return orderedFactors(a)
}

/// Columns by their sum of squares, descending, each with a positive sum.
func orderedFactors(_ loadings: Matrix<Double>) -> Matrix<Double> {
  let squares = (0..<loadings.columns).map { k in
    (0..<loadings.rows).reduce(0) { $0 + loadings[$1, k] * loadings[$1, k] }
  }
  let order = squares.indices.sorted { (-squares[$0], $0) < (-squares[$1], $1) }
  var result = loadings
  for (to, from) in order.enumerated() {
    for i in 0..<loadings.rows { result[i, to] = loadings[i, from] }
  }
  return withPositiveSums(result)
}

/// A factor's sign is free: choose the one that makes its loadings' sum positive.
func withPositiveSums(_ loadings: Matrix<Double>) -> Matrix<Double> {
  var result = loadings
  for k in 0..<loadings.columns {
    guard (0..<loadings.rows).reduce(0, { $0 + loadings[$1, k] }) < 0 else { continue }
    for i in 0..<loadings.rows { result[i, k] = -loadings[i, k] }
  }
  return result
}
