// Bounds from several draws of z a row, and the weights of the draws in their gradients.

// log w of up to 16 draws.
LATENT_INLINE vf log_weights(const float *density, const float *ratio, size_t draw, int count,
                             float beta) {
  return vf_fma(vf_load_first(ratio + draw, count), vf_all(beta),
                vf_load_first(density + draw, count));
}

// bound[batch rows] and weight[rows], if asked for, from density[rows] and ratio[rows]: the mean of
// log w, or the logarithm of the mean of w, of one draw both log w to the bit.
static void execute_draw_weights(const latent_task *task) {
  const latent_op *op = task->op;
  const float *densities = latent_floats(task, op->log_density);
  const float *ratios = latent_floats(task, op->input);
  float *bounds = latent_floats(task, op->output);
  float *weights = latent_floats(task, op->draw_weight);
  const float beta = task->run->beta;
  size_t samples = latent_samples(op);
  bool importance = op->objective == LATENT_OBJECTIVE_IWAE || op->objective == LATENT_OBJECTIVE_DREG;
  bool score = op->objective == LATENT_OBJECTIVE_SCORE;
  latent_range mine = latent_share(task->run->rows / samples, task->thread, task->threads);
  for (size_t row = mine.start; row < mine.end; ++row) {
    const float *density = densities + row * samples, *ratio = ratios + row * samples;
    float *weight = weights ? weights + row * samples : NULL;
    vf sum = {}, most = vf_all(-__builtin_inff());
    for (size_t draw = 0; draw < samples; draw += 16) {
      int count = (int)(samples - draw < 16 ? samples - draw : 16);
      vi valid = vf_first(count);
      vf log_w = log_weights(density, ratio, draw, count, beta);
      sum += vf_select(valid, log_w, (vf){});
      most = vf_max(most, vf_select(valid, log_w, most));
    }
    float largest = most[0];
    for (int i = 1; i < 16; ++i) largest = largest > most[i] ? largest : most[i];
    // Scores: the mean of the other draws is the baseline, which one draw lacks.
    float center = importance ? largest : vf_sum(sum) / (float)samples;
    float factor = samples > 1 ? (float)samples / (float)(samples - 1) : 1.0f;
    if (importance) {
      vf total = {};
      for (size_t draw = 0; draw < samples; draw += 16) {
        int count = (int)(samples - draw < 16 ? samples - draw : 16);
        vf w = vf_exp(log_weights(density, ratio, draw, count, beta) - center);
        total += vf_select(vf_first(count), w, (vf){});
      }
      float mean = vf_sum(total) / (float)samples;
      bounds[row] = center + vf_log(vf_all(mean))[0];
      factor = 1.0f / mean;
    } else {
      bounds[row] = center;
    }
    if (!weight) continue;
    float baseline = samples > 1 ? center : 0.0f;
    for (size_t draw = 0; draw < samples; draw += 16) {
      int count = (int)(samples - draw < 16 ? samples - draw : 16);
      vf log_w = log_weights(density, ratio, draw, count, beta);
      vf value = importance ? vf_exp(log_w - center) * factor
                 : score    ? (log_w - baseline) * factor
                            : vf_all(1.0f);
      vf_store_first(weight + draw, value, count);
    }
  }
}

// gradient[rows x columns] *= weight[rows]
static void execute_weigh_rows(const latent_task *task) {
  const latent_op *op = task->op;
  float *gradient = latent_floats(task, op->gradient);
  const float *weights = latent_floats(task, op->draw_weight);
  latent_range mine = latent_share(task->run->rows, task->thread, task->threads);
  for (size_t row = mine.start; row < mine.end; ++row)
    for (size_t column = 0; column < op->columns; column += 16) {
      float *at = gradient + row * op->gradient.stride;
      store_panel(at, column,
                  load_panel(at, column, op->columns, op->gradient.stride) * weights[row],
                  op->columns, op->gradient.stride);
    }
}
