import Foundation
import LatentKernels

/// Direct maximization of the likelihood of a correlation matrix R (Jöreskog 1967, "Some
/// contributions to maximum likelihood factor analysis"; Lawley and Maxwell 1971).
///
/// Given Ψ the best loadings follow from the leading eigenpairs (e, u) of Ψ^-1/2 R Ψ^-1/2, which
/// leaves a function of θ = log Ψ alone. Newton's method minimizes it within log(floor) <= θ <= 0,
/// with the Hessian's part that stays positive semidefinite; the rest vanishes as the discarded
/// eigenvalues approach 1, that is, as the model fits.
struct MaximumLikelihood {
  let problem: FactorProblem
  let configuration: FactorConfiguration

  /// The objective at one θ, with what its derivatives are made of.
  private struct Point {
    var logUniquenesses: [Double]
    /// log|Σ| + tr(Σ⁻¹ R)
    var objective: Double
    var gradient: [Double]
    /// Ψ^-1/2 R Ψ^-1/2
    var scaled: Matrix<Double>
    var leading: Eigenpairs
  }

  /// A uniqueness at its floor may be the mark of a maximum that is only a local one: then other starts are
  /// tried, where columns are so few that it takes no time, and the best is kept.
  func fit() -> FactorSolution {
    var best = descend(from: initialUniquenesses())
    let isAtFloor = best.uniquenesses.contains { $0 < 1.01 * configuration.uniquenessFloor }
    guard isAtFloor, problem.correlation.rows <= 128 else { return best }
    for start in 0..<5 {
      let other = descend(from: uniquenesses(ofStart: start))
      if other.objectives.last! < best.objectives.last! - configuration.tolerance { best = other }
    }
    return best
  }

  /// All one half, or anywhere between 0 and 1: the logistic function of normals.
  private func uniquenesses(ofStart start: Int) -> [Double] {
    var draws = [Float](repeating: 0, count: problem.correlation.rows)
    if start > 0 {
      InstructionSet.reproducible.kernels.random_normal(
        draws.count, configuration.seed, LATENT_PURPOSE_INITIALIZATION, 0, UInt32(start), 0, &draws)
    }
    return draws.map { max(1 / (1 + exp(-1.5 * Double($0))), configuration.uniquenessFloor) }
  }

  private func descend(from uniquenesses: [Double]) -> FactorSolution {
    let floor = log(configuration.uniquenessFloor)
    var (point, eigenpairs) = start(at: uniquenesses)
    var objectives = [point.objective]
    var converged = false
    while !converged, objectives.count <= configuration.maximumIterations {
      let step = newtonStep(at: point, floor: floor)
      // Half of -gᵀ step is the expected fall of the objective, which is twice that of the mean
      // log-likelihood. The step that is expected to gain too little to go on is still taken.
      let gain = -zip(point.gradient, step).reduce(0) { $0 + $1.0 * $1.1 } / 4
      converged = gain < configuration.tolerance
      guard let next = search(from: point, along: step, floor: floor, &eigenpairs) else {
        // Rounding hides what is left to gain.
        converged = true
        break
      }
      point = next
      objectives.append(point.objective)
    }
    return solution(point, objectives: objectives, converged: converged)
  }

  /// Where EM begins: the initial uniquenesses and the best loadings for them.
  func initialSolution() -> FactorSolution {
    let (point, _) = start(at: initialUniquenesses())
    return solution(point, objectives: [point.objective], converged: false)
  }

  private func initialUniquenesses() -> [Double] {
    problem.initialUniquenesses(
      factors: configuration.factors, floor: configuration.uniquenessFloor)
  }

  private func start(at uniquenesses: [Double]) -> (Point, LeadingEigenpairs) {
    var eigenpairs = LeadingEigenpairs(
      count: configuration.factors, size: problem.correlation.rows, seed: configuration.seed)
    let point = evaluate(uniquenesses.map { log($0) }, &eigenpairs)
    return (point, eigenpairs)
  }

  private func evaluate(_ theta: [Double], _ eigenpairs: inout LeadingEigenpairs) -> Point {
    let size = theta.count
    let factor = theta.map { exp(-$0 / 2) }
    var scaled = problem.correlation
    for i in 0..<size { for j in 0..<size { scaled[i, j] *= factor[i] * factor[j] } }
    let leading = eigenpairs.of(scaled)
    var objective = 0.0
    var gradient = [Double](repeating: 0, count: size)
    for i in 0..<size {
      objective += theta[i] + scaled[i, i]
      gradient[i] = 1 - scaled[i, i]
      for (k, value) in leading.values.enumerated() where value > 1 {
        gradient[i] += leading.vectors[i, k] * leading.vectors[i, k] * (value - 1)
      }
    }
    for value in leading.values where value > 1 { objective += log(value) - value + 1 }
    return Point(
      logUniquenesses: theta, objective: objective, gradient: gradient, scaled: scaled,
      leading: leading)
  }

  /// -H⁻¹ g over the coordinates that are free to move; those at a bound that the gradient pushes
  /// against stay (Bertsekas 1982, "Projected Newton methods"). All zeros where H has values that are no numbers.
  private func newtonStep(at point: Point, floor: Double) -> [Double] {
    let (theta, gradient, leading) = (point.logUniquenesses, point.gradient, point.leading)
    let size = theta.count
    let free = (0..<size).filter {
      !(theta[$0] <= floor && gradient[$0] > 0) && !(theta[$0] >= 0 && gradient[$0] < 0)
    }
    // With U the leading eigenvectors, H = (I - U Uᵀ) ∘ (scaled - U E Uᵀ).
    var weighted = leading.vectors
    for i in 0..<size {
      for (k, value) in leading.values.enumerated() { weighted[i, k] *= value }
    }
    let projection = FactorAlgebra.product(
      leading.vectors, leading.vectors, transposingSecond: true)
    let explained = FactorAlgebra.product(weighted, leading.vectors, transposingSecond: true)
    var hessian = Matrix<Double>(rows: free.count, columns: free.count)
    for (row, i) in free.enumerated() {
      for (column, j) in free.enumerated() {
        hessian[row, column] =
          ((i == j ? 1 : 0) - projection[i, j]) * (point.scaled[i, j] - explained[i, j])
      }
    }
    var step = [Double](repeating: 0, count: size)
    var ridge = 1e-9
    while ridge.isFinite {
      for row in free.indices { hessian[row, row] += ridge }
      if let lower = FactorAlgebra.cholesky(hessian) {
        let solution = FactorAlgebra.solve(lower: lower, free.map { -gradient[$0] })
        for (row, i) in free.enumerated() { step[i] = solution[row] }
        return step
      }
      ridge *= 100
    }
    return step
  }

  /// Halves the step until the objective falls enough (Armijo's rule); nil where it cannot.
  private func search(
    from point: Point, along step: [Double], floor: Double, _ eigenpairs: inout LeadingEigenpairs
  ) -> Point? {
    var length = 1.0
    while length > 1e-10 {
      let theta = zip(point.logUniquenesses, step).map { min(max($0 + length * $1, floor), 0) }
      let candidate = evaluate(theta, &eigenpairs)
      var expected = 0.0
      for i in theta.indices {
        expected += point.gradient[i] * (theta[i] - point.logUniquenesses[i])
      }
      if candidate.objective <= point.objective + 1e-4 * expected { return candidate }
      length /= 2
    }
    return nil
  }

  /// With Λ = Ψ^1/2 U (E - I)^1/2.
  private func solution(
    _ point: Point, objectives: [Double], converged: Bool
  ) -> FactorSolution {
    let uniquenesses = point.logUniquenesses.map { exp($0) }
    var loadings = point.leading.vectors
    for i in 0..<loadings.rows {
      for (k, value) in point.leading.values.enumerated() {
        loadings[i, k] *= (uniquenesses[i] * max(0, value - 1)).squareRoot()
      }
    }
    return FactorSolution(
      loadings: loadings, uniquenesses: uniquenesses, iterations: objectives.count - 1,
      converged: converged, objectives: objectives)
  }
}
