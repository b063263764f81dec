import LatentKernels

/// What a step of training maximizes, and by which estimate of its gradient. With log w = log p(x|z) +
/// β (log p(z) − log q(z|x)) of a draw z ~ q(z|x):
public enum Objective: String, CaseIterable, Codable, Sendable {
  /// E log p(x|z) − β KL, the KL in closed form (Kingma and Welling 2014).
  case elbo
  /// The mean of log w, by its whole derivative.
  case sampledELBO = "sampled-elbo"
  /// The mean of log w by a gradient of less variance: "sticking the landing", without the score of q,
  /// whose mean is zero (Roeder et al. 2017).
  case stl
  /// The logarithm of the mean of w over the samples: a tighter bound (Burda et al. 2016).
  case iwae
  /// The same bound, its encoder's gradient doubly reparameterized, so that it does not drown in noise
  /// as the samples grow (Tucker et al. 2019).
  case dreg
  /// The mean of log w by the score function of q (REINFORCE, Williams 1992), each draw measured
  /// against the mean of the row's others (Kool et al. 2019): what there was before reparameterization.
  case score

  /// The objective as the kernels know it.
  public var code: latent_objective {
    switch self {
    case .elbo: LATENT_OBJECTIVE_ELBO
    case .sampledELBO: LATENT_OBJECTIVE_SAMPLED_ELBO
    case .stl: LATENT_OBJECTIVE_STL
    case .iwae: LATENT_OBJECTIVE_IWAE
    case .dreg: LATENT_OBJECTIVE_DREG
    case .score: LATENT_OBJECTIVE_SCORE
    }
  }

  /// Whether the bound grows with the number of samples.
  public var isImportanceWeighted: Bool { self == .iwae || self == .dreg }
  /// Whether draws weigh differently in the gradient.
  var weighsDraws: Bool { isImportanceWeighted || self == .score }
}

// The operations between the draws of a row and the gradient of their bound.
extension StepBuilder {
  /// The bound of each row [capacity] and, where the objective has them, the weights of its draws
  /// [capacity * samples], from log p(x|z) of each draw.
  public mutating func drawWeights(
    _ objective: Objective, latents: Latents, logDensity: Operand
  ) -> (bound: Operand, weight: Operand?) {
    var operation = PlanOperation()
    operation.kind = LATENT_OP_DRAW_WEIGHTS
    operation.objective = objective.code
    operation.log_density = logDensity
    operation.input = latents.logRatio
    operation.output = vector(count: capacity)
    if objective.weighsDraws { operation.draw_weight = vector(count: capacity * samples) }
    append(operation, reads: .allRows, phase: "bound and weights of draws")
    return (operation.output, objective.weighsDraws ? operation.draw_weight : nil)
  }

  /// gradient [rows x columns] *= weight [rows], in place.
  public mutating func weighRows(_ gradient: Operand, columns: Int, weight: Operand) {
    var operation = PlanOperation()
    operation.kind = LATENT_OP_WEIGH_ROWS
    operation.columns = UInt32(columns)
    operation.gradient = gradient
    operation.draw_weight = weight
    append(operation, reads: .allRows, phase: "weighted likelihood gradient")
  }
}
