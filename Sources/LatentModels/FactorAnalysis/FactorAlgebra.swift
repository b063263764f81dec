import LatentKernels

#if OpenBLAS
  import COpenBLAS
#endif

/// The few dense factorizations that factor models rest on: LAPACK's where the OpenBLAS trait is on,
/// plain loops elsewhere.
enum FactorAlgebra {
  /// A B, with either transposed where asked.
  static func product(
    _ a: Matrix<Double>, _ b: Matrix<Double>, transposingFirst: Bool = false,
    transposingSecond: Bool = false
  ) -> Matrix<Double> {
    let rows = transposingFirst ? a.columns : a.rows
    let inner = transposingFirst ? a.rows : a.columns
    let columns = transposingSecond ? b.rows : b.columns
    precondition(inner == (transposingSecond ? b.columns : b.rows), "inner dimensions differ")
    var result = Matrix<Double>(rows: rows, columns: columns)
    guard rows > 0, columns > 0, inner > 0 else { return result }
    #if OpenBLAS
      openblas_set_num_threads(1)
      cblas_dgemm(
        CblasRowMajor, transposingFirst ? CblasTrans : CblasNoTrans,
        transposingSecond ? CblasTrans : CblasNoTrans, blasint(rows), blasint(columns),
        blasint(inner), 1, a.values, blasint(a.columns), b.values, blasint(b.columns), 0,
        &result.values, blasint(columns))
    #else
      for i in 0..<rows {
        for k in 0..<inner {
          let factor = transposingFirst ? a[k, i] : a[i, k]
          for j in 0..<columns {
            result[i, j] += factor * (transposingSecond ? b[j, k] : b[k, j])
          }
        }
      }
    #endif
    return result
  }

  /// L with A = L Lᵀ, for an A that is positive definite but for rounding.
  ///
  /// - Parameter name: of A, for the message.
  /// - Throws: ``DataError`` where doubles have no room for its least eigenvalue beside its largest.
  static func positiveDefinite(_ a: Matrix<Double>, _ name: String) throws -> Matrix<Double> {
    guard let factor = cholesky(a) else {
      throw DataError(
        "The loadings are too large beside the uniquenesses for double precision: expected a positive "
          + "definite \(name), found none; scale the columns, fit fewer factors, or raise the floor of "
          + "uniquenesses.")
    }
    return factor
  }

  /// L with A = L Lᵀ, nil unless the symmetric A is positive definite.
  static func cholesky(_ a: Matrix<Double>) -> Matrix<Double>? {
    let size = a.rows
    var lower = a
    #if OpenBLAS
      // Row-major lower is LAPACK's upper.
      openblas_set_num_threads(1)
      let order = Int32(size)
      guard size > 0,
        LAPACKE_dpotrf(LAPACK_COL_MAJOR, CChar(UInt8(ascii: "U")), order, &lower.values, order) == 0
      else { return size == 0 ? lower : nil }
    #else
      for j in 0..<size {
        for i in j..<size {
          var sum = lower[i, j]
          for k in 0..<j { sum -= lower[i, k] * lower[j, k] }
          if i == j {
            guard sum > 0 else { return nil }
            lower[j, j] = sum.squareRoot()
          } else {
            lower[i, j] = sum / lower[j, j]
          }
        }
      }
    #endif
    for i in 0..<size {
      guard lower[i, i].isFinite else { return nil }
      for j in i + 1..<max(size, i + 1) { lower[i, j] = 0 }
    }
    return lower
  }

  /// x with L Lᵀ x = b.
  static func solve(lower: Matrix<Double>, _ b: [Double]) -> [Double] {
    let size = b.count
    var x = b
    lower.values.withUnsafeBufferPointer { l in
      for i in 0..<size {
        var sum = x[i]
        for k in 0..<i { sum -= l[i * size + k] * x[k] }
        x[i] = sum / l[i * size + i]
      }
      for i in stride(from: size - 1, through: 0, by: -1) {
        x[i] /= l[i * size + i]
        for k in 0..<i { x[k] -= l[i * size + k] * x[i] }
      }
    }
    return x
  }

  /// The inverse of a lower triangular matrix.
  static func inverse(lower: Matrix<Double>) -> Matrix<Double> {
    let size = lower.rows
    var inverse = lower
    guard size > 0 else { return inverse }
    #if OpenBLAS
      openblas_set_num_threads(1)
      let order = Int32(size)
      LAPACKE_dtrtri(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "U")), CChar(UInt8(ascii: "N")), order,
        &inverse.values, order)
    #else
      for j in 0..<size {
        inverse[j, j] = 1 / lower[j, j]
        for i in j + 1..<max(size, j + 1) {
          var sum = 0.0
          for k in j..<i { sum -= lower[i, k] * inverse[k, j] }
          inverse[i, j] = sum / lower[i, i]
        }
      }
    #endif
    return inverse
  }

  /// The `count` largest eigenvalues of a symmetric matrix, descending, and their unit eigenvectors
  /// as columns.
  static func eigenpairs(_ a: Matrix<Double>, count: Int) -> Eigenpairs {
    let size = a.rows
    var values = [Double](repeating: 0, count: size)
    var ascending = Matrix<Double>(rows: count, columns: size)
    #if OpenBLAS
      openblas_set_num_threads(1)
      var copy = a.values
      var found: Int32 = 0
      var support = [Int32](repeating: 0, count: 2 * size)
      let order = Int32(size)
      let status = LAPACKE_dsyevr(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "I")),
        CChar(UInt8(ascii: "U")), order, &copy, order, 0, 0, Int32(size - count + 1), order,
        0, &found, &values, &ascending.values, order, &support)
      precondition(status == 0 && found == count, "dsyevr takes any finite symmetric matrix")
    #else
      let (all, vectors) = jacobiEigenpairs(a)
      let order = (0..<size).sorted { all[$0] < all[$1] }.suffix(count)
      for (row, index) in order.enumerated() {
        values[row] = all[index]
        for i in 0..<size { ascending[row, i] = vectors[i, index] }
      }
    #endif
    var pairs = Eigenpairs(
      values: values.prefix(count).reversed(), vectors: Matrix(rows: size, columns: count))
    for k in 0..<count {
      for i in 0..<size { pairs.vectors[i, k] = ascending[count - 1 - k, i] }
    }
    return pairs
  }

  #if !OpenBLAS
    /// Cyclic Jacobi rotations (Golub and Van Loan, 8.5).
    private static func jacobiEigenpairs(
      _ matrix: Matrix<Double>
    ) -> (values: [Double], vectors: Matrix<Double>) {
      let size = matrix.rows
      var a = matrix
      var vectors = Matrix<Double>(rows: size, columns: size)
      for i in 0..<size { vectors[i, i] = 1 }
      for _ in 0..<50 {
        var off = 0.0
        for i in 0..<size { for j in 0..<i { off += a[i, j] * a[i, j] } }
        if off < 1e-30 * a.values.reduce(0, { $0 + $1 * $1 }) { break }
        for p in 0..<size {
          for q in p + 1..<max(size, p + 1) where a[p, q] != 0 {
            let theta = (a[q, q] - a[p, p]) / (2 * a[p, q])
            let t = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
            let c = 1 / (t * t + 1).squareRoot()
            let s = t * c
            for k in 0..<size {
              (a[k, p], a[k, q]) = (c * a[k, p] - s * a[k, q], s * a[k, p] + c * a[k, q])
            }
            for k in 0..<size {
              (a[p, k], a[q, k]) = (c * a[p, k] - s * a[q, k], s * a[p, k] + c * a[q, k])
              (vectors[k, p], vectors[k, q]) = (
                c * vectors[k, p] - s * vectors[k, q], s * vectors[k, p] + c * vectors[k, q]
              )
            }
          }
        }
      }
      return ((0..<size).map { a[$0, $0] }, vectors)
    }
  #endif
}

/// Eigenvalues, descending, and their unit eigenvectors as columns.
struct Eigenpairs {
  var values: [Double]
  var vectors: Matrix<Double>
}
