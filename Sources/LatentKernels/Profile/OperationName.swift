import CKernels

extension PlanOperation {
  /// What it is, for those who know no better name: "linear forward 784 x 400".
  public var summary: String {
    let size = inner > 0 ? " \(inner) x \(columns)" : ""
    switch kind {
    case LATENT_OP_LOAD_ROWS: return "load rows"
    case LATENT_OP_LIST_ONES: return "list ones"
    case LATENT_OP_LINEAR_FORWARD: return "linear forward" + size
    case LATENT_OP_LIKELIHOOD_FORWARD: return "linear forward and likelihood" + size
    case LATENT_OP_LIKELIHOOD_ROWS: return "log-likelihood of rows"
    case LATENT_OP_REPARAMETERIZE: return "reparameterization and KL"
    case LATENT_OP_KL_GATE: return "free bits"
    case LATENT_OP_REPARAMETERIZE_BACKWARD: return "reparameterization gradient"
    case LATENT_OP_LINEAR_BACKWARD_INPUT: return "input gradient" + size
    case LATENT_OP_LINEAR_BACKWARD_WEIGHTS:
      return "weight gradient" + (update ? " and Adam" : "") + size
    case LATENT_OP_ADAM: return "Adam" + size
    case LATENT_OP_VARIANCE_BACKWARD: return "variance gradient" + (update ? " and Adam" : "")
    case LATENT_OP_LOG_DENSITY: return "log-density"
    case LATENT_OP_DRAW_WEIGHTS: return "bound and weights of draws"
    case LATENT_OP_WEIGH_ROWS: return "weighted likelihood gradient"
    default: return "operation \(kind.rawValue)" + size
    }
  }
}
