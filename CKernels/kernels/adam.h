// Adam (Kingma and Ba 2015) with scaled moments, so that a step needs no extra multiplication:
// m / (1 - beta1) and v / (1 - beta2) are held; latent_run carries the rest.

// Moments below 2^-95 become zero, since those of a weight that gets no gradient would go on to be subnormal,
// and slow; the steps they cause are below epsilon. Decays of 0.72 and more leave them normal from one look to
// the next. To look at every step takes 5 percent of a weight gradient.
LATENT_INLINE bool flushes(const latent_run *run) { return run->step % 64 == 0; }

// first[count] and second[count], count a multiple of 16. The upper three bits of the exponent tell.
static void flush_moments(float *first, float *second, size_t count) {
  for (int i = 0; i < 2; ++i) {
    float *moments = i ? second : first;
    for (size_t at = 0; at < count; at += 16) {
      vf moment = vf_load(moments + at);
      vi counts = ((vi)moment & vi_all(0x70000000)) != vi_all(0);
      vf_store(moments + at, vf_select(counts, moment, (vf){}));
    }
  }
}

typedef struct latent_moments {
  vf first, second;
} latent_moments;

// In three stages (see latent_work).
LATENT_INLINE latent_moments adam_moments(const latent_run *run, vf gradient, float *first, float *second) {
  vf m = vf_load(first), v = vf_load(second);
  m = vf_fma(m, vf_all(run->decay1), gradient);
  v = vf_fma(gradient, gradient, v * run->decay2);
  vf_store(first, m);
  vf_store(second, v);
  return (latent_moments){m, v};
}
LATENT_INLINE vf adam_divisor(const latent_run *run, vf second) { return vf_sqrt(second) + run->epsilon; }
LATENT_INLINE void adam_weight(const latent_run *run, vf first, vf divisor, float *weight) {
  vf_store(weight, vf_fma(first / divisor, vf_all(-run->rate), vf_load(weight)));
}
LATENT_INLINE void adam_vector(const latent_run *run, vf gradient, float *weight, float *first,
                               float *second) {
  const latent_moments moments = adam_moments(run, gradient, first, second);
  adam_weight(run, moments.first, adam_divisor(run, moments.second), weight);
}

// Adam from a written gradient; threads share the panels.
static void execute_adam(const latent_task *task) {
  const latent_op *op = task->op;
  float *weights = latent_floats(task, op->weights);
  float *transposed = latent_floats(task, op->weights_transposed);
  const float *gradient = latent_floats(task, op->weights_gradient);
  float *first = latent_floats(task, op->weights_first_moment);
  float *second = latent_floats(task, op->weights_second_moment);
  float *bias = latent_floats(task, op->bias);
  const float *bias_gradient = latent_floats(task, op->bias_gradient);
  float *bias_first = latent_floats(task, op->bias_first_moment);
  float *bias_second = latent_floats(task, op->bias_second_moment);
  latent_range panels = latent_share(latent_panels(op->columns), task->thread, task->threads);
  for (size_t panel = panels.start; panel < panels.end; ++panel) {
    size_t start = panel * op->inner * 16, end = start + (size_t)op->inner * 16;
    if (flushes(task->run)) {
      flush_moments(first + start, second + start, end - start);
      flush_moments(bias_first + panel * 16, bias_second + panel * 16, 16);
    }
    for (size_t i = start; i < end; i += 16)
      adam_vector(task->run, vf_load(gradient + i), weights + i, first + i, second + i);
    adam_vector(task->run, vf_load(bias_gradient + panel * 16), bias + panel * 16,
                bias_first + panel * 16, bias_second + panel * 16);
    if (transposed)
      for (size_t row = 0; row < op->inner; row += 16)
        transpose_rows(weights, transposed, op->inner, op->columns, panel, row);
  }
}
