// z = mu + sigma epsilon, its KL from the standard normal, and both on the way back (Kingma and
// Welling 2014, section 2.4 and appendix B). The draws of a row share its mean and variance.

// KL of one vector of dimensions: (mu^2 + sigma^2 - 1 - log sigma^2) / 2 nats.
LATENT_INLINE vf kl_vector(vf mean, vf log_variance, vf variance) {
  return (vf_fma(mean, mean, variance) - (log_variance + 1.0f)) * 0.5f;
}

// heads[rows x 2 L] (means | raw log-variances) to z[rows x samples, L], epsilon the same, log_variance[rows x L],
// kl[rows] and, where asked for, log p(z) - log q(z|x) [rows x samples], nats.
static void execute_reparameterize(const latent_task *task) {
  const latent_op *op = task->op;
  const latent_run *run = task->run;
  const float *heads = latent_floats(task, op->input);
  const uint32_t *rows = (const uint32_t *)task->buffers[op->row_index.buffer].data +
                         op->row_index.offset;
  float *z = latent_floats(task, op->output);
  float *epsilons = latent_floats(task, op->epsilon);
  float *log_variances = latent_floats(task, op->log_variance);
  float *kl = latent_floats(task, op->kl);
  float *log_density = latent_floats(task, op->log_density);
  size_t latents = op->dimensions, samples = latent_samples(op);
  latent_range mine = latent_share(run->rows, task->thread, task->threads);
  for (size_t row = mine.start; row < mine.end; ++row) {
    size_t shared = row / samples, sample = row % samples;
    const float *mean = heads + shared * op->input.stride, *raw = mean + latents;
    float *noise = epsilons + row * op->epsilon.stride;
    if (!op->drawn) {
      const latent_stream stream = latent_stream_make(run->seed, LATENT_PURPOSE_EPSILON,
                                                      run->sample + (uint32_t)sample, rows[shared], run->epoch);
      draw_normals(&stream, latents, noise, op->epsilon.stride);
    }
    vf divergence = {}, ratio = {};
    for (size_t block = 0; block < latents; block += 64) {
      const size_t end = latents - block < 64 ? latents : block + 64;
      // One chain from the raw log-variance to z is too long for enough vectors to be in flight.
      vf bounded[4];
      for (size_t l = block; l < end; l += 16) {
        vf slope;
        bounded[(l - block) / 16] = bounded_log_variance(vf_load_first(raw + l, (int)(latents - l)), &slope);
      }
      for (size_t l = block; l < end; l += 16) {
        int count = (int)(latents - l < 16 ? latents - l : 16);
        vf epsilon = load_panel(noise, l, latents, op->epsilon.stride);
        vf mu = vf_load_first(mean + l, count), log_variance = bounded[(l - block) / 16];
        vf sigma = vf_exp_normal(log_variance * 0.5f);
        vf drawn = vf_fma(sigma, epsilon, mu);
        store_panel(z + row * op->output.stride, l, drawn, latents, op->output.stride);
        vi valid = vf_first(count);
        if (log_density) {
          vf difference = (epsilon * epsilon - drawn * drawn) + log_variance;
          ratio += vf_select(valid, difference * 0.5f, (vf){});
        }
        if (sample > 0) continue;
        store_panel(log_variances + shared * op->log_variance.stride, l, log_variance, latents,
                    op->log_variance.stride);
        divergence += vf_select(valid, kl_vector(mu, log_variance, sigma * sigma), (vf){});
      }
    }
    if (sample == 0) kl[shared] = vf_sum(divergence);
    if (log_density) log_density[row] = vf_sum(ratio);
  }
}

// gate[l] = 1 where the batch's mean KL of dimension l exceeds the free bits (Kingma et al. 2016,
// section 5); rows are summed in their order.
static void execute_kl_gate(const latent_task *task) {
  const latent_op *op = task->op;
  if (task->thread != 0) return;
  const float *heads = latent_floats(task, op->input);
  const float *log_variances = latent_floats(task, op->log_variance);
  float *gate = latent_floats(task, op->gate);
  size_t latents = op->dimensions;
  for (size_t l = 0; l < latents; l += 16) {
    int count = (int)(latents - l < 16 ? latents - l : 16);
    vf sum = {};
    for (size_t row = 0; row < task->run->rows; ++row) {
      vf log_variance = vf_load_first(log_variances + row * op->log_variance.stride + l, count);
      sum += kl_vector(vf_load_first(heads + row * op->input.stride + l, count), log_variance,
                       vf_exp_normal(log_variance));
    }
    vf threshold = vf_all(task->run->free_bits * (float)task->run->rows);
    vf_store_first(gate + l, vf_select(sum > threshold, vf_all(1.0f), (vf){}), count);
  }
}

// What one draw adds to the gradients of the mean and of twice the log-variance, where the objective is
// not the closed form: dz of log p(x|z), and its part of log p(z) - log q(z|x).
LATENT_INLINE void add_draw(latent_objective objective, vf dz, vf epsilon, vf mean, vf sigma,
                            vf precision_root, vf kl_weight, vf weight, float scale, float beta,
                            float share, vf *d_mean, vf *d_log_variance) {
  switch (objective) {
    case LATENT_OBJECTIVE_SCORE: {
      vf signal = weight * -scale;
      *d_mean = vf_fma(signal, epsilon * precision_root, *d_mean);
      *d_log_variance = vf_fma(signal, vf_fma(epsilon, epsilon, vf_all(-1.0f)), *d_log_variance);
      return;
    }
    case LATENT_OBJECTIVE_STL:
    case LATENT_OBJECTIVE_DREG: {
      // Only the path through z: d(-log p(z) + log q(z|x))/dz = z - epsilon / sigma.
      vf slope = vf_fma(-epsilon, precision_root, vf_fma(sigma, epsilon, mean));
      vf path = vf_fma(kl_weight * weight, slope, dz);
      // With v a draw's share of the weights: v, less beta v (1 - v) for the score of q, reparameterized in
      // its turn; v^2 where beta is 1 (Tucker et al. 2019). One v is in the path already.
      if (objective == LATENT_OBJECTIVE_DREG)
        path *= vf_fma(vf_all(beta), weight * share, vf_all(1.0f - beta));
      *d_mean += path;
      *d_log_variance = vf_fma(path * epsilon, sigma, *d_log_variance);
      return;
    }
    default: {
      vf path = vf_fma(kl_weight * weight, vf_fma(sigma, epsilon, mean), dz);
      *d_mean += path;
      *d_log_variance += vf_fma(path * epsilon, sigma, -(kl_weight * weight));
    }
  }
}

// dz[rows x L] -> (d mean | d raw log-variance)[rows x 2 L], summed over the draws of a row in their
// order.
static void execute_reparameterize_backward(const latent_task *task) {
  const latent_op *op = task->op;
  const latent_run *run = task->run;
  const float *heads = latent_floats(task, op->input);
  const float *gradients = latent_floats(task, op->gradient);
  const float *epsilons = latent_floats(task, op->epsilon);
  const float *log_variances = latent_floats(task, op->log_variance);
  const float *gate = latent_floats(task, op->gate);
  const float *draw_weights = latent_floats(task, op->draw_weight);
  float *output = latent_floats(task, op->output);
  size_t latents = op->dimensions, samples = latent_samples(op);
  vf weight = vf_all(run->objective_scale * run->beta);
  latent_range mine = latent_share(run->rows / samples, task->thread, task->threads);
  for (size_t row = mine.start; row < mine.end; ++row)
    for (size_t l = 0; l < latents; l += 16) {
      int count = (int)(latents - l < 16 ? latents - l : 16);
      if (op->objective != LATENT_OBJECTIVE_ELBO) {
        vf mean = vf_load_first(heads + row * op->input.stride + l, count);
        vf log_variance = vf_load_first(log_variances + row * op->log_variance.stride + l, count);
        vf sigma = vf_exp_normal(log_variance * 0.5f);
        vf precision_root = vf_exp_normal(log_variance * -0.5f);
        vf d_mean = {}, d_log_variance = {};
        for (size_t draw = row * samples; draw < (row + 1) * samples; ++draw)
          add_draw(op->objective,
                   gradients ? vf_load_first(gradients + draw * op->gradient.stride + l, count)
                             : (vf){},
                   vf_load_first(epsilons + draw * op->epsilon.stride + l, count), mean, sigma,
                   precision_root, weight, vf_all(draw_weights ? draw_weights[draw] : 1.0f),
                   run->objective_scale, run->beta, 1.0f / (float)samples, &d_mean, &d_log_variance);
        vf t = log_variance * (1.0f / LATENT_LOG_VARIANCE_BOUND);
        float *out = output + row * op->output.stride + l;
        vf_store_first(out, d_mean, count);
        vf_store_first(out + latents, d_log_variance * 0.5f * vf_fma(-t, t, vf_all(1.0f)), count);
        continue;
      }
      vf dz = {}, dz_epsilon = {};
      for (size_t draw = row * samples; draw < (row + 1) * samples; ++draw) {
        vf one = vf_load_first(gradients + draw * op->gradient.stride + l, count);
        dz += one;
        dz_epsilon += one * vf_load_first(epsilons + draw * op->epsilon.stride + l, count);
      }
      vf mean = vf_load_first(heads + row * op->input.stride + l, count);
      vf log_variance = vf_load_first(log_variances + row * op->log_variance.stride + l, count);
      vf kl_weight = gate ? weight * vf_load_first(gate + l, count) : weight;
      vf t = log_variance * (1.0f / LATENT_LOG_VARIANCE_BOUND);
      vf slope = vf_fma(-t, t, vf_all(1.0f));
      vf sigma = vf_exp_normal(log_variance * 0.5f);
      vf d_mean = vf_fma(kl_weight, mean, dz);
      vf d_log_variance =
          (vf_fma(kl_weight, vf_fma(sigma, sigma, vf_all(-1.0f)), dz_epsilon * sigma)) * 0.5f;
      float *out = output + row * op->output.stride + l;
      vf_store_first(out, d_mean, count);
      vf_store_first(out + latents, d_log_variance * slope, count);
    }
}
