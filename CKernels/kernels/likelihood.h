// log p(x|z) and its gradient, 16 dimensions at a time.

#define LATENT_LOG_TWO_PI 1.8378770664093453f

// raw -> B tanh(raw / B), in two halves; *slope is its derivative.
LATENT_INLINE vf log_variance_first(vf raw) {
  return vf_tanh(raw * (1.0f / LATENT_LOG_VARIANCE_BOUND));
}
LATENT_INLINE vf log_variance_second(vf t, vf *slope) {
  *slope = vf_fma(-t, t, vf_all(1.0f));
  return t * LATENT_LOG_VARIANCE_BOUND;
}
LATENT_INLINE vf bounded_log_variance(vf raw, vf *slope) {
  return log_variance_second(log_variance_first(raw), slope);
}

// A continuous Bernoulli's log p = x l - A and A' - x, where A = log((e^l - 1) / l) and A' = 1 / (1 - e^-l) -
// 1 / l is the mean: for |l| < 1 by their series in l^2 (A = l/2 + l^2/24 - l^4/2880 + l^6/181440 - ...), beyond
// by exponentials, about the end of [0, 1] that is near, so that nothing cancels for an x there however large l.
LATENT_INLINE vf continuous_bernoulli(vf l, vf x, vf *gradient) {
  vf square = l * l;
  vf a = vf_all(-0x1.bbd779p-24f);  // -1 / 9676800
  a = vf_fma(a, square, vf_all(0x1.71de3ap-18f));
  a = vf_fma(a, square, vf_all(-0x1.6c16c2p-12f));
  a = vf_fma(a, square, vf_all(0x1.555556p-5f));
  vf near = vf_fma(a, square, l * 0.5f);
  vf b = vf_all(-0x1.bbd779p-21f);  // -1 / 1209600
  b = vf_fma(b, square, vf_all(0x1.15668fp-15f));
  b = vf_fma(b, square, vf_all(-0x1.6c16c2p-10f));
  b = vf_fma(b, square, vf_all(0x1.555556p-4f));
  vf near_mean = vf_fma(b, l, vf_all(0.5f));
  vf magnitude = vf_abs(l);
  vi small = magnitude < 1.0f;
  vf safe = vf_select(small, vf_all(1.0f), magnitude);
  vf e = vf_exp_negative(-safe);
  // The mean's distance from that end: 0 for l < 0, 1 for l > 0.
  vf rest = 1.0f - e, distance = 1.0f / safe - e / rest;
  vf far_gradient = vf_select(l > 0.0f, (1.0f - x) - distance, distance - x);
  *gradient = vf_select(small, near_mean - x, far_gradient);
  vf normalizer = vf_select(small, near, vf_max(vf_all(0.0f), l));
  vf log_p = vf_fma(x, l, -normalizer) - vf_select(small, vf_all(0.0f), vf_log(rest / safe));
  return vf_select(l == l, log_p, l);
}

// The lanes that count: of dimensions, and where values may be missing of numbers.
LATENT_INLINE vi observed_lanes(const latent_op *op, size_t column, vf target) {
  vi valid = vf_first((int)(op->dimensions - column));
  return op->missing ? valid & (target == target) : valid;
}

// A Bernoulli's e^-|l|, reduced.
LATENT_INLINE latent_exp bernoulli_first(vf logit) {
  return vf_exp_first(vf_max(vf_all(-87.0f), -vf_abs(logit)));
}

// One vector of dimensions, `e` a Bernoulli's e^-|l|. Adds log p to *sum (for a Bernoulli without its
// logarithm, whose factors multiply into *product) and gives d(-log p)/d(parameter) * scale.
LATENT_INLINE vf likelihood_vector(latent_likelihood likelihood, vf parameter, vf e, vf target,
                                   vi valid, vf log_variance, vf precision, float scale, vf *sum,
                                   vf *product) {
  vf log_p, gradient;
  switch (likelihood) {
    case LATENT_LIKELIHOOD_BERNOULLI: {
      vf factor = e + 1.0f;
      vf p = vf_select(parameter >= 0.0f, vf_all(1.0f), e) / factor;
      log_p = vf_fma(target, parameter, -vf_max(vf_all(0.0f), parameter));
      gradient = p - target;
      *product *= vf_select(valid, factor, vf_all(1.0f));
      break;
    }
    case LATENT_LIKELIHOOD_CONTINUOUS_BERNOULLI: {
      log_p = continuous_bernoulli(parameter, target, &gradient);
      break;
    }
    default: {  // Gaussian with a given log-variance
      vf error = parameter - target;
      gradient = error * precision;
      log_p = vf_fma(error, gradient, log_variance + LATENT_LOG_TWO_PI) * -0.5f;
    }
  }
  *sum += vf_select(valid, log_p, (vf){});
  return vf_select(valid, gradient * scale, (vf){});
}

// Mean and the first half of the log-variance of 16 dimensions side by side.
LATENT_INLINE void gaussian_pair(vf mean, vf half, vf target, vi valid, float scale, vf *sum,
                                 vf *mean_gradient, vf *raw_gradient) {
  vf slope, log_variance = log_variance_second(half, &slope);
  vf precision = vf_exp_normal(-log_variance);
  vf error = mean - target;
  vf weighted = error * precision;
  vf square = error * weighted;
  vf log_p = (square + (log_variance + LATENT_LOG_TWO_PI)) * -0.5f;
  *sum += vf_select(valid, log_p, (vf){});
  *mean_gradient = vf_select(valid, weighted * scale, (vf){});
  *raw_gradient = vf_select(valid, (1.0f - square) * slope * (0.5f * scale), (vf){});
}
