import Foundation
import LatentKernels

/// EM on a correlation matrix (Rubin and Thayer 1982, "EM algorithms for ML factor analysis").
///
/// The covariance of the factors is a parameter of its own in each M-step and is then folded into the
/// loadings: EM with expanded parameters (Liu, Rubin and Wu 1998), as monotone and faster.
struct FactorEM {
  let problem: FactorProblem
  let configuration: FactorConfiguration

  func fit() -> FactorSolution {
    let start = MaximumLikelihood(problem: problem, configuration: configuration)
    var solution = start.initialSolution()
    solution.objectives = []
    while true {
      let next = step(&solution)
      let count = solution.objectives.count
      if count > 1 {
        // The objective is twice the mean log-likelihood.
        let gain = (solution.objectives[count - 2] - solution.objectives[count - 1]) / 2
        solution.converged = gain < configuration.tolerance
      }
      if solution.converged || count > configuration.maximumIterations { break }
      (solution.loadings, solution.uniquenesses) = next
    }
    solution.iterations = solution.objectives.count - 1
    return solution
  }

  /// Notes the objective of the parameters at hand and returns the next ones.
  private func step(_ solution: inout FactorSolution) -> (Matrix<Double>, [Double]) {
    let (p, q) = (solution.loadings.rows, solution.loadings.columns)
    var scaled = solution.loadings  // Ψ⁻¹ Λ
    for i in 0..<p { for k in 0..<q { scaled[i, k] /= solution.uniquenesses[i] } }
    var gram = FactorAlgebra.product(solution.loadings, scaled, transposingFirst: true)
    for k in 0..<q { gram[k, k] += 1 }
    let factor = FactorAlgebra.cholesky(gram)!  // I + a Gram matrix
    let inverse = FactorAlgebra.inverse(lower: factor)
    let covariance = FactorAlgebra.product(inverse, inverse, transposingFirst: true)
    // E-step: z | x has mean Bᵀ x with B = Ψ⁻¹ Λ M; R B and M + Bᵀ R B are its moments.
    let regression = FactorAlgebra.product(scaled, covariance)
    let cross = FactorAlgebra.product(problem.correlation, regression)
    var moments = FactorAlgebra.product(regression, cross, transposingFirst: true)
    for i in 0..<q { for k in 0..<q { moments[i, k] += covariance[i, k] } }

    var objective = 0.0
    for i in 0..<p {
      objective += log(solution.uniquenesses[i]) + 1 / solution.uniquenesses[i]
      for k in 0..<q { objective -= scaled[i, k] * cross[i, k] }
    }
    for k in 0..<q { objective += 2 * log(factor[k, k]) }
    solution.objectives.append(objective)

    // M-step: Λ = R B moments⁻¹, then the factors' covariance, L Lᵀ = moments, into Λ:
    // R B (L Lᵀ)⁻¹ L = R B L⁻ᵀ.
    let expanded = FactorAlgebra.cholesky(moments)!
    let loadings = FactorAlgebra.product(
      cross, FactorAlgebra.inverse(lower: expanded), transposingSecond: true)
    let uniquenesses = (0..<p).map { i in
      let communality = (0..<q).reduce(0) { $0 + loadings[i, $1] * loadings[i, $1] }
      return max(1 - communality, configuration.uniquenessFloor)
    }
    return (loadings, uniquenesses)
  }
}
