// log p(x|z) from parameters that are there already, and the gradient of a Gaussian's own variance.

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
      if (flushes(run)) flush_moments(m, v, 16);
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
  if (flushes(run)) flush_moments(m, v, 16);
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

// One row: input[D], target[D] and log_variance[D] (of a Gaussian with both) or variance[1 or D] (raw, shared or
// diagonal) to gradient[D], variance_gradient[D] and log_density[1], nats; NULL: not wanted. `large`: past the
// caches.
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
      // By the deviation, since the variance itself may be no float: below e^-88.7, above e^88.7. From a
      // log-variance of -177.4 down the deviation's inverse is none either, and 0 times infinity no number.
      vf root = vf_min(vf_all(__FLT_MAX__), vf_exp(spread * -0.5f)), error = (parameter - x) * root, weighted = error * root;
      vf square = error * error;
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
      vf e = {};
      if (op->likelihood == LATENT_LIKELIHOOD_BERNOULLI) e = vf_exp_second(bernoulli_first(parameter));
      slope = likelihood_vector(op->likelihood, parameter, e, x, valid, bounded, precision, scale,
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
