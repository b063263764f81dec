#if OpenBLAS
  import COpenBLAS
  import LatentKernels

  /// Cholesky factors and eigenvalues by LAPACK, on one thread: matrices here are small, and a second
  /// pool would fight ours for the cores. Results repeat on one CPU; across CPUs OpenBLAS decides.
  enum SymmetricMatrix {
    /// Lower triangular L with A = L Lᵀ; nil unless A is positive definite.
    static func cholesky(_ matrix: Matrix<Double>) -> Matrix<Double>? {
      openblas_set_num_threads(1)
      var factor = matrix
      let size = Int32(matrix.rows)
      // To LAPACK, which goes by columns, our lower triangle is an upper one.
      guard LAPACKE_dpotrf(LAPACK_COL_MAJOR, upper, size, &factor.values, size) == 0 else {
        return nil
      }
      for i in 0..<matrix.rows {
        guard factor[i, i].isFinite else { return nil }
        for j in i + 1..<max(matrix.rows, i + 1) { factor[i, j] = 0 }
      }
      return factor
    }

    /// The inverse of a lower triangle.
    static func inverse(lower factor: Matrix<Double>) -> Matrix<Double> {
      openblas_set_num_threads(1)
      var result = factor
      let size = Int32(factor.rows)
      LAPACKE_dtrtri(LAPACK_COL_MAJOR, upper, notUnit, size, &result.values, size)
      return result
    }

    /// Eigenvalues, rising, and in the rows of `vectors` their eigenvectors.
    static func eigen(_ matrix: Matrix<Double>) -> (values: [Double], vectors: Matrix<Double>)? {
      openblas_set_num_threads(1)
      var vectors = matrix
      let size = Int32(matrix.rows)
      var values = [Double](repeating: 0, count: matrix.rows)
      guard
        LAPACKE_dsyev(
          LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), upper, size, &vectors.values, size, &values)
          == 0
      else { return nil }
      return (values, vectors)
    }

    /// A⁻¹ of a positive definite A, by its Cholesky factor.
    static func inverse(_ matrix: Matrix<Double>) -> Matrix<Double>? {
      guard let factor = cholesky(matrix) else { return nil }
      let w = inverse(lower: factor)
      var result = Matrix<Double>(rows: matrix.rows, columns: matrix.rows)
      for i in 0..<matrix.rows {
        for j in 0...i {
          var sum = 0.0
          for k in i..<matrix.rows { sum += w[k, i] * w[k, j] }
          result[i, j] = sum
          result[j, i] = sum
        }
      }
      return result
    }

    private static let upper = CChar(UInt8(ascii: "U"))
    private static let notUnit = CChar(UInt8(ascii: "N"))
  }

  extension Matrix<Double> {
    /// Rows x other's columns.
    func times(_ other: Matrix<Double>) -> Matrix<Double> {
      openblas_set_num_threads(1)
      var result = Matrix<Double>(rows: rows, columns: other.columns)
      guard rows > 0, other.columns > 0, columns > 0 else { return result }
      cblas_dgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows), Int32(other.columns),
        Int32(columns), 1, values, Int32(columns), other.values, Int32(other.columns), 0,
        &result.values, Int32(other.columns))
      return result
    }

    var transposed: Matrix<Double> {
      var result = Matrix<Double>(rows: columns, columns: rows)
      for i in 0..<rows { for j in 0..<columns { result[j, i] = self[i, j] } }
      return result
    }
  }
#endif
