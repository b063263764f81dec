// log p(x|z) and its gradient in the epilogue of the output layer.
//
// Each group of panels leaves its sum, lane by lane, in `partial`; LATENT_OP_LIKELIHOOD_ROWS joins
// them in the order of the columns. Groups are the same on every instruction set, and so the bits.

#define LATENT_LOG_TWO_PI 1.8378770664093453f

static size_t likelihood_group_panels(const latent_op *op) {
  return op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN ? LATENT_PAIRED_GROUP_PANELS
                                                      : LATENT_GROUP_PANELS;
}
// A Bernoulli leaves a sum and a product of 1 + e^-|l| (one logarithm for many factors).
static size_t likelihood_partial_group(const latent_op *op) {
  return op->likelihood == LATENT_LIKELIHOOD_BERNOULLI ? 32 : 16;
}

// raw -> B tanh(raw / B); *slope is its derivative.
LATENT_INLINE vf bounded_log_variance(vf raw, vf *slope) {
  vf t = vf_tanh(raw * (1.0f / LATENT_LOG_VARIANCE_BOUND));
  *slope = vf_fma(-t, t, vf_all(1.0f));
  return t * LATENT_LOG_VARIANCE_BOUND;
}

// (e^l - 1) / l in its logarithm A, and A' = 1 / (1 - e^-l) - 1 / l, the mean: for |l| < 1 by their
// series in l^2 (A = l/2 + l^2/24 - l^4/2880 + l^6/181440 - ...), beyond by exponentials.
LATENT_INLINE vf continuous_bernoulli_normalizer(vf l, vf *mean) {
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
  vf far = vf_max(vf_all(0.0f), l) + vf_log((1.0f - e) / safe);
  // For l > 0 the mean is 1 / (1 - e) - 1 / l, mirrored about 1/2 for l < 0.
  vf upper = 1.0f / (1.0f - e) - 1.0f / safe;
  vf far_mean = vf_select(l > 0.0f, upper, 1.0f - upper);
  *mean = vf_select(small, near_mean, far_mean);
  vf result = vf_select(small, near, far);
  return vf_select(l == l, result, l);
}

// The lanes that count: of dimensions, and where values may be missing of numbers.
LATENT_INLINE vi observed_lanes(const latent_op *op, size_t column, vf target) {
  vi valid = vf_first((int)(op->dimensions - column));
  return op->missing ? valid & (target == target) : valid;
}

// One vector of `count` lanes of dimensions. Adds log p to *sum (for a Bernoulli without its
// logarithm, whose factors multiply into *product) and gives d(-log p)/d(parameter) * scale.
LATENT_INLINE vf likelihood_vector(latent_likelihood likelihood, vf parameter, vf target, vi valid,
                                   vf log_variance, vf precision, float scale, vf *sum,
                                   vf *product) {
  vf log_p, gradient;
  switch (likelihood) {
    case LATENT_LIKELIHOOD_BERNOULLI: {
      vf e = vf_exp_negative(-vf_abs(parameter));
      vf factor = e + 1.0f;
      vf p = vf_select(parameter >= 0.0f, vf_all(1.0f), e) / factor;
      log_p = vf_fma(target, parameter, -vf_max(vf_all(0.0f), parameter));
      gradient = p - target;
      *product *= vf_select(valid, factor, vf_all(1.0f));
      break;
    }
    case LATENT_LIKELIHOOD_CONTINUOUS_BERNOULLI: {
      vf mean;
      log_p = vf_fma(target, parameter, -continuous_bernoulli_normalizer(parameter, &mean));
      gradient = mean - target;
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

// Mean and raw log-variance of 16 dimensions side by side.
LATENT_INLINE void gaussian_pair(vf mean, vf raw, vf target, vi valid, float scale, vf *sum,
                                 vf *mean_gradient, vf *raw_gradient) {
  vf slope, log_variance = bounded_log_variance(raw, &slope);
  vf precision = vf_exp_normal(-log_variance);
  vf error = mean - target;
  vf weighted = error * precision;
  vf square = error * weighted;
  vf log_p = (square + (log_variance + LATENT_LOG_TWO_PI)) * -0.5f;
  *sum += vf_select(valid, log_p, (vf){});
  *mean_gradient = vf_select(valid, weighted * scale, (vf){});
  *raw_gradient = vf_select(valid, (1.0f - square) * slope * (0.5f * scale), (vf){});
}

typedef struct latent_likelihood_block {
  const latent_op *op;
  const float *target, *variance;
  float *gradient, *partial;
  float scale;
} latent_likelihood_block;

LATENT_INLINE void likelihood_epilogue(latent_likelihood likelihood,
                                       const latent_likelihood_block *at, const latent_tile *tile,
                                       size_t row, size_t rows, size_t panel, int panels) {
  const latent_op *op = at->op;
  size_t group = panel / likelihood_group_panels(op);
  vf log_variance[3] = {}, precision[3] = {};
  if (likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED ||
      likelihood == LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL)
    for (int p = 0; p < panels; ++p) {
      size_t column = (panel + (size_t)p) * 16;
      vf slope, raw = likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED
                          ? vf_all(at->variance[0])
                          : vf_load_first(at->variance + column, (int)(op->dimensions - column));
      log_variance[p] = bounded_log_variance(raw, &slope);
      precision[p] = vf_exp_normal(-log_variance[p]);
    }
  for (size_t m = 0; m < rows; ++m) {
    const float *target = at->target + (row + m) / latent_samples(op) * op->target.stride;
    float *gradient =
        at->gradient ? at->gradient + (row + m) * op->gradient.stride : NULL;
    float *partial =
        at->partial + (row + m) * op->partial.stride + group * likelihood_partial_group(op);
    vf sum = {}, product = vf_all(1.0f);
    if (likelihood == LATENT_LIKELIHOOD_GAUSSIAN) {
      size_t column = panel / 2 * 16;
      vf x = load_panel(target, column, op->dimensions, op->target.stride);
      vi valid = observed_lanes(op, column, x);
      vf mean_gradient, raw_gradient;
      gaussian_pair(vf_load(tile->values[m][0]), vf_load(tile->values[m][1]), x, valid, at->scale,
                    &sum, &mean_gradient, &raw_gradient);
      if (gradient) {
        vf_store(gradient + panel * 16, mean_gradient);
        vf_store(gradient + panel * 16 + 16, raw_gradient);
      }
    } else {
      for (int p = 0; p < panels; ++p) {
        size_t column = (panel + (size_t)p) * 16;
        vf x = load_panel(target, column, op->dimensions, op->target.stride);
        vi valid = observed_lanes(op, column, x);
        vf slope = likelihood_vector(likelihood, vf_load(tile->values[m][p]), x, valid,
                                     log_variance[p], precision[p], at->scale, &sum,
                                     &product);
        if (gradient)
          store_panel(gradient, column, slope, op->columns, op->gradient.stride);
      }
    }
    vf_store(partial, sum);
    if (likelihood == LATENT_LIKELIHOOD_BERNOULLI) vf_store(partial + 16, product);
  }
}

static void likelihood_tile(const latent_likelihood_block *at, const latent_tile *tile, size_t row,
                            size_t rows, size_t panel, int panels) {
#define LATENT_EPILOGUE(LIKELIHOOD)                                            \
  case LIKELIHOOD: likelihood_epilogue(LIKELIHOOD, at, tile, row, rows, panel, panels); break;
  switch (at->op->likelihood) {
    LATENT_EPILOGUE(LATENT_LIKELIHOOD_BERNOULLI)
    LATENT_EPILOGUE(LATENT_LIKELIHOOD_CONTINUOUS_BERNOULLI)
    LATENT_EPILOGUE(LATENT_LIKELIHOOD_GAUSSIAN)
    LATENT_EPILOGUE(LATENT_LIKELIHOOD_GAUSSIAN_SHARED)
    LATENT_EPILOGUE(LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL)
  }
#undef LATENT_EPILOGUE
}

// parameters = input[rows x inner] W + bias, never stored: log p(target | parameters) into partial
// sums, and its gradient.
static void execute_likelihood_forward(const latent_task *task) {
  const latent_op *op = task->op;
  const float *input = latent_floats(task, op->input);
  const float *weights = latent_floats(task, op->weights);
  const float *bias = latent_floats(task, op->bias);
  const latent_likelihood_block at = {op,
                                      latent_floats(task, op->target),
                                      latent_floats(task, op->variance),
                                      latent_floats(task, op->gradient),
                                      latent_floats(task, op->partial),
                                      task->run->objective_scale};
  size_t panels = latent_panels(op->columns), group_panels = likelihood_group_panels(op);
  const latent_strides by = {op->input.stride, 1, (size_t)op->inner * 16, 16};
  latent_block blocks[2];
  int count = latent_blocks(task, panels, group_panels, task->run->rows, 1, blocks);
  latent_tile tile;
  for (int b = 0; b < count; ++b)
    for (size_t group = blocks[b].group; group < blocks[b].group_end; ++group) {
      size_t panel = group * group_panels;
      int width = (int)(panels - panel < group_panels ? panels - panel : group_panels);
      for (size_t row = blocks[b].row; row < blocks[b].row_end; row += 8) {
        size_t rows = blocks[b].row_end - row < 8 ? blocks[b].row_end - row : 8;
        tile_group((int)rows, width, op->inner, input + row * op->input.stride,
                   weights + panel * by.w_panel, by,
                   bias ? bias + panel * 16 : NULL, &tile.values[0][0][0],
                   LATENT_GROUP_PANELS * 16);
        likelihood_tile(&at, &tile, row, rows, panel, width);
      }
    }
}

// log_density[rows]: the partial sums joined in the order of the columns. A product of at most 30
// groups of 3 factors in (1, 2] stays below 2^90.
static void execute_likelihood_rows(const latent_task *task) {
  const latent_op *op = task->op;
  const float *partials = latent_floats(task, op->partial);
  float *log_density = latent_floats(task, op->log_density);
  size_t group_panels = likelihood_group_panels(op), width = likelihood_partial_group(op);
  size_t groups = (latent_panels(op->columns) + group_panels - 1) / group_panels;
  latent_range rows = latent_share(task->run->rows, task->thread, task->threads);
  for (size_t row = rows.start; row < rows.end; ++row) {
    const float *partial = partials + row * op->partial.stride;
    vf sum = {}, product = vf_all(1.0f);
    for (size_t group = 0; group < groups; ++group) {
      sum += vf_load(partial + group * width);
      if (width == 32) {
        product *= vf_load(partial + group * width + 16);
        if (group % 30 == 29 || group + 1 == groups) {
          sum -= vf_log(product);
          product = vf_all(1.0f);
        }
      }
    }
    log_density[row] = vf_sum(sum);
  }
}

// Draws that weigh less add nothing to a gradient, and would divide by next to nothing.
#define LATENT_LEAST_WEIGHT 0x1p-60f

// The weights of rows (1 if there are none) and their g^2 / weight, summed in their order.
LATENT_INLINE void variance_sums(const latent_task *task, size_t column, vf *weights, vf *squares) {
  const latent_op *op = task->op;
  const float *gradient = latent_floats(task, op->gradient);
  const float *draw_weights = latent_floats(task, op->draw_weight);
  const float *target = latent_floats(task, op->target);
  *weights = *squares = (vf){};
  for (size_t row = 0; row < task->run->rows; ++row) {
    vf g = load_panel(gradient + row * op->gradient.stride, column, op->dimensions,
                      op->gradient.stride);
    if (!draw_weights && !op->missing) {
      *squares = vf_fma(g, g, *squares);
      continue;
    }
    float weight = draw_weights ? draw_weights[row] : 1.0f;
    if (weight < LATENT_LEAST_WEIGHT) continue;
    vi valid = vf_first(16);
    if (op->missing) {
      vf x = load_panel(target + row / latent_samples(op) * op->target.stride, column,
                        op->dimensions, op->target.stride);
      valid = x == x;
    }
    *weights += vf_select(valid, vf_all(weight), (vf){});
    *squares = vf_fma(g / weight, g, *squares);
  }
  if (!draw_weights && !op->missing) *weights = vf_all((float)task->run->rows);
}

// d/d(raw log-variance) from the gradient g of the mean: objective_scale / 2 - g^2 sigma^2 / (2
// objective_scale), summed over rows in their order.
static void execute_variance_backward(const latent_task *task) {
  const latent_op *op = task->op;
  const latent_run *run = task->run;
  float *variance = latent_floats(task, op->variance);
  float *written = latent_floats(task, op->bias_gradient);
  float *first = latent_floats(task, op->bias_first_moment);
  float *second = latent_floats(task, op->bias_second_moment);
  bool shared = op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED;
  size_t panels = latent_panels(op->dimensions);
  latent_range mine = latent_share(panels, task->thread, task->threads);
  if (shared) mine = (latent_range){0, task->thread == 0 ? panels : 0};
  vf total = {};
  for (size_t panel = mine.start; panel < mine.end; ++panel) {
    size_t column = panel * 16, count = op->dimensions - column < 16 ? op->dimensions - column : 16;
    vf slope, raw = shared ? vf_all(variance[0]) : vf_load_first(variance + column, (int)count);
    vf sigma_squared = vf_exp_normal(bounded_log_variance(raw, &slope));
    vf weights, squares;
    variance_sums(task, column, &weights, &squares);
    vf result = (weights * run->objective_scale -
                 squares * sigma_squared * (1.0f / run->objective_scale)) * 0.5f;
    result = vf_select(vf_first((int)count), result * slope, (vf){});
    if (shared) total += result;
    else if (!op->update) vf_store_first(written + column, result, (int)count);
    else {
      float w[16], m[16], v[16];
      vf_store(w, raw);
      vf_store(m, vf_load_first(first + column, (int)count));
      vf_store(v, vf_load_first(second + column, (int)count));
      adam_vector(run, result, w, m, v);
      vf_store_first(variance + column, vf_load(w), (int)count);
      vf_store_first(first + column, vf_load(m), (int)count);
      vf_store_first(second + column, vf_load(v), (int)count);
    }
  }
  if (!shared || task->thread != 0) return;
  float sum = vf_sum(total);
  if (!op->update) {
    written[0] = sum;
    return;
  }
  float w[16] = {variance[0]}, m[16] = {first[0]}, v[16] = {second[0]};
  adam_vector(run, vf_all(sum), w, m, v);
  variance[0] = w[0];
  first[0] = m[0];
  second[0] = v[0];
}

// A row's sum so far, and for a Bernoulli the product of 1 + e^-|l|, of which at most 90 are
// multiplied before their logarithm is taken.
typedef struct latent_row_density {
  vf sum, product;
  int factors;
} latent_row_density;

// Gradients of this size and more leave the caches alone: they would not be found there again.
#define LATENT_LARGE_BYTES ((size_t)16 << 20)

LATENT_INLINE void log_density_row(const latent_op *op, bool large, float scale, const float *input,
                                   const float *target, const float *log_variance,
                                   const float *variance, float *gradient, float *variance_gradient,
                                   float *log_density) {
  size_t dimensions = op->dimensions;
  latent_row_density row = {{}, vf_all(1.0f), 0};
  for (size_t column = 0; column < dimensions; column += 16) {
    int count = (int)(dimensions - column < 16 ? dimensions - column : 16);
    vf parameter = vf_load_first(input + column, count), x = vf_load_first(target + column, count);
    vi valid = observed_lanes(op, column, x);
    vf slope;
    if (op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN) {
      vf spread = vf_load_first(log_variance + column, count);
      vf error = parameter - x, weighted = error * vf_exp(-spread), square = error * weighted;
      row.sum += vf_select(valid, (square + (spread + LATENT_LOG_TWO_PI)) * -0.5f, (vf){});
      slope = vf_select(valid, weighted * scale, (vf){});
      vf slope_of_variance = vf_select(valid, (1.0f - square) * (0.5f * scale), (vf){});
      if (variance_gradient && large)
        vf_store_past(variance_gradient + column, slope_of_variance, count);
      else if (variance_gradient)
        vf_store_first(variance_gradient + column, slope_of_variance, count);
    } else {
      vf bounded = {}, precision = {}, ignored;
      if (op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED ||
          op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL) {
        vf raw = op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED
                     ? vf_all(variance[0])
                     : vf_load_first(variance + column, count);
        bounded = bounded_log_variance(raw, &ignored);
        precision = vf_exp_normal(-bounded);
      }
      slope = likelihood_vector(op->likelihood, parameter, x, valid, bounded, precision, scale,
                                &row.sum, &row.product);
      if (op->likelihood == LATENT_LIKELIHOOD_BERNOULLI && ++row.factors == 90) {
        row.sum -= vf_log(row.product);
        row.product = vf_all(1.0f);
        row.factors = 0;
      }
    }
    if (gradient && large) vf_store_past(gradient + column, slope, count);
    else if (gradient) vf_store_first(gradient + column, slope, count);
  }
  if (row.factors) row.sum -= vf_log(row.product);
  *log_density = vf_sum(row.sum);
}

static void execute_log_density(const latent_task *task) {
  const latent_op *op = task->op;
  const float *input = latent_floats(task, op->input), *target = latent_floats(task, op->target);
  const float *log_variance = latent_floats(task, op->log_variance);
  const float *variance = latent_floats(task, op->variance);
  float *gradient = latent_floats(task, op->gradient), *output = latent_floats(task, op->output);
  float *log_density = latent_floats(task, op->log_density);
  latent_range rows = latent_share(task->run->rows, task->thread, task->threads);
  bool large = (size_t)task->run->rows * op->dimensions * sizeof(float) >= LATENT_LARGE_BYTES;
  for (size_t row = rows.start; row < rows.end; ++row)
    log_density_row(op, large, task->run->objective_scale, input + row * op->input.stride,
                    target + row / latent_samples(op) * op->target.stride,
                    log_variance ? log_variance + row * op->log_variance.stride : NULL, variance,
                    gradient ? gradient + row * op->gradient.stride : NULL,
                    output ? output + row * op->output.stride : NULL, log_density + row);
  if (large) vf_fence();
}
