// The dispatch table of one instruction set: LATENT_ISA_TABLE names it.

#define LATENT_ELEMENTWISE(NAME)                                                         \
  static void elementwise_##NAME(size_t count, const float *x, float *y) {               \
    size_t i = 0;                                                                        \
    for (; i + 16 <= count; i += 16) vf_store(y + i, vf_##NAME(vf_load(x + i)));         \
    if (i < count)                                                                       \
      vf_store_first(y + i, vf_##NAME(vf_load_first(x + i, (int)(count - i))),           \
                     (int)(count - i));                                                  \
  }
LATENT_ELEMENTWISE(exp)
LATENT_ELEMENTWISE(log)
LATENT_ELEMENTWISE(log1p)
LATENT_ELEMENTWISE(elu)

// Where one chain of operations is too long to be in flight for enough vectors at a time, two of half the
// length take less together: with the next vector's first stage beside a vector's second, which keeps what
// lies between them in registers (0.87, 0.96 and 0.95 of the time, Golden Cove; 0.72, 0.96 and 0.76 with AVX2),
#define LATENT_ELEMENTWISE_IN_STAGES(NAME)                                               \
  static void elementwise_##NAME(size_t count, const float *x, float *y) {               \
    if (count >= 16) {                                                                   \
      latent_##NAME stage = vf_##NAME##_first(vf_load(x));                               \
      for (; count >= 32; count -= 16, x += 16, y += 16) {                               \
        latent_##NAME next = vf_##NAME##_first(vf_load(x + 16));                         \
        vf_store(y, vf_##NAME##_second(stage));                                          \
        stage = next;                                                                    \
      }                                                                                  \
      vf_store(y, vf_##NAME##_second(stage));                                            \
      count -= 16, x += 16, y += 16;                                                     \
    }                                                                                    \
    if (count) vf_store_first(y, vf_##NAME(vf_load_first(x, (int)count)), (int)count);   \
  }
LATENT_ELEMENTWISE_IN_STAGES(sigmoid)
LATENT_ELEMENTWISE_IN_STAGES(tanh)
LATENT_ELEMENTWISE_IN_STAGES(erf)

// or in two passes over a block in L1 (0.7 of the time, Zen 5; 0.9 of what stages take, Golden Cove).
#define LATENT_ELEMENTWISE_IN_HALVES(NAME)                                               \
  static void elementwise_##NAME(size_t count, const float *x, float *y) {               \
    enum { BLOCK = 256 };                                                                \
    float between[BLOCK] __attribute__((aligned(64)));                                   \
    while (count >= 16) {                                                                \
      size_t block = count < BLOCK ? count / 16 * 16 : BLOCK;                            \
      for (size_t i = 0; i < block; i += 16)                                             \
        vf_store(between + i, vf_##NAME##_first(vf_load(x + i)));                        \
      for (size_t i = 0; i < block; i += 16)                                             \
        vf_store(y + i, vf_##NAME##_second(vf_load(x + i), vf_load(between + i)));       \
      x += block;                                                                        \
      y += block;                                                                        \
      count -= block;                                                                    \
    }                                                                                    \
    if (count) vf_store_first(y, vf_##NAME(vf_load_first(x, (int)count)), (int)count);   \
  }
LATENT_ELEMENTWISE_IN_HALVES(softplus)

#define LATENT_ELEMENTWISE_DOUBLE(NAME)                                             \
  static void elementwise_##NAME##_double(size_t count, const double *x, double *y) { \
    for (size_t i = 0; i < count; i += 8) {                                         \
      size_t bytes = (count - i < 8 ? count - i : 8) * sizeof(double);              \
      vd value = {};                                                                \
      memcpy(&value, x + i, bytes);                                                 \
      value = vd_##NAME(value);                                                     \
      memcpy(y + i, &value, bytes);                                                 \
    }                                                                               \
  }
LATENT_ELEMENTWISE_DOUBLE(exp)
LATENT_ELEMENTWISE_DOUBLE(log)

// Of all of these out[count], x[count] and y[count].
static void random_bits(size_t count, uint64_t seed, latent_purpose purpose, uint32_t sample,
                        uint32_t row, uint32_t epoch, uint32_t *out) {
  latent_stream stream = latent_stream_make(seed, purpose, sample, row, epoch);
  for (size_t i = 0; i < count; i += 64) {
    vu words[4];
    latent_philox(&stream, (uint32_t)(i / 64), words);
    memcpy(out + i, words, (count - i < 64 ? count - i : 64) * sizeof(uint32_t));
  }
}

static void random_normal(size_t count, uint64_t seed, latent_purpose purpose, uint32_t sample,
                          uint32_t row, uint32_t epoch, float *out) {
  latent_stream stream = latent_stream_make(seed, purpose, sample, row, epoch);
  for (size_t i = 0; i < count; i += 64) {
    vu words[4];
    latent_philox(&stream, (uint32_t)(i / 64), words);
    for (size_t w = 0; w < 4 && i + 16 * w < count; ++w) {
      size_t left = count - i - 16 * w;
      vf_store_first(out + i + 16 * w, vf_normal(words[w]), left < 16 ? (int)left : 16);
    }
  }
}

// Independent chains hide the latency of a fused multiply-add: at least 12 registers of them, and no more
// than there are. The volatile count and the sink keep the compiler from taking the loop out of the timer.
static __attribute__((noinline)) double peak(size_t repeats) {
  enum { CHAINS = LATENT_AVX512 ? 12 : LATENT_FUSED ? 6 : 3 };
  volatile size_t count = repeats;
  vf sum[CHAINS];
  for (int i = 0; i < CHAINS; ++i) sum[i] = vf_all((float)i * 0x1p-10f);
  vf factor = vf_all(0.999f), term = vf_all(0.001f);
  for (size_t r = count; r > 0; --r) {
    for (int i = 0; i < CHAINS; ++i) sum[i] = vf_fma(sum[i], factor, term);
    __asm__ volatile("" ::: "memory");
  }
  volatile float sink = 0;
  for (int i = 0; i < CHAINS; ++i) sink += vf_sum(sum[i]);
  (void)sink;
  return (double)repeats * CHAINS * 16 * 2;
}

static void triad(size_t count, const float *b, const float *c, float *a) {
  vf three = vf_all(3);
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    vf_store(a + i, vf_fma(vf_load(c + i), three, vf_load(b + i)));
  int rest = (int)(count - i);
  vf last = vf_fma(vf_load_first(c + i, rest), three, vf_load_first(b + i, rest));
  vf_store_first(a + i, last, rest);
}

const latent_backend LATENT_ISA_TABLE = {
    .kernels =
        {
            .exp = elementwise_exp,
            .log = elementwise_log,
            .log1p = elementwise_log1p,
            .tanh = elementwise_tanh,
            .sigmoid = elementwise_sigmoid,
            .softplus = elementwise_softplus,
            .elu = elementwise_elu,
            .erf = elementwise_erf,
            .random_bits = random_bits,
            .random_normal = random_normal,
            .peak = peak,
            .exp_double = elementwise_exp_double,
            .log_double = elementwise_log_double,
            .triad = triad,
            .pack = pack_matrix,
            .unpack = unpack_matrix,
            .transpose = transpose_weights,
        },
    .scatter_pack = scatter_pack,
    .scatter_products = scatter_products,
    .mixture = {{mixture_parameter_bytes_double, mixture_scratch_bytes_double, mixture_pack_double,
                 mixture_range_double},
                {mixture_parameter_bytes_float, mixture_scratch_bytes_float, mixture_pack_float,
                 mixture_range_float}},
    .operations =
        {
            [LATENT_OP_LOAD_ROWS] = execute_load_rows,
            [LATENT_OP_LINEAR_FORWARD] = execute_linear_forward,
            [LATENT_OP_LIKELIHOOD_FORWARD] = execute_likelihood_forward,
            [LATENT_OP_LIKELIHOOD_ROWS] = execute_likelihood_rows,
            [LATENT_OP_REPARAMETERIZE] = execute_reparameterize,
            [LATENT_OP_KL_GATE] = execute_kl_gate,
            [LATENT_OP_REPARAMETERIZE_BACKWARD] = execute_reparameterize_backward,
            [LATENT_OP_LINEAR_BACKWARD_INPUT] = execute_linear_backward_input,
            [LATENT_OP_LINEAR_BACKWARD_WEIGHTS] = execute_linear_backward_weights,
            [LATENT_OP_ADAM] = execute_adam,
            [LATENT_OP_VARIANCE_BACKWARD] = execute_variance_backward,
            [LATENT_OP_LOG_DENSITY] = execute_log_density,
            [LATENT_OP_LIST_ONES] = execute_list_ones,
            [LATENT_OP_DRAW_WEIGHTS] = execute_draw_weights,
            [LATENT_OP_WEIGH_ROWS] = execute_weigh_rows,
        },
};
