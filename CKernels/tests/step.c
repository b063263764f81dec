#include "step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// MARK: Random numbers and digests

uint64_t test_random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

float test_uniform(uint64_t *state, float low, float high) {
  float unit = (float)(test_random(state) >> 40) * 0x1p-24f;
  float scaled = (high - low) * unit;
  return low + scaled;
}

digest digest_words(digest digest, size_t count, const uint32_t words[count]) {
  for (size_t i = 0; i < count; ++i)
    for (int shift = 0; shift < 32; shift += 8)
      digest = (digest ^ ((words[i] >> shift) & 0xff)) * 0x100000001b3u;
  return digest;
}

digest digest_floats(digest digest, size_t count, const float values[count]) {
  for (size_t i = 0; i < count; ++i) {
    uint32_t word;
    memcpy(&word, &values[i], sizeof(word));
    if ((word & 0x7fffffff) > 0x7f800000) word = 0x7fc00000;
    digest = digest_words(digest, 1, &word);
  }
  return digest;
}

// MARK: Building

typedef struct layer {
  size_t inner, columns;
  size_t weights, bias, transposed;  // offsets
  bool has_transposed;
} layer;

// What an operation reads of what others wrote before it.
typedef enum reads {
  OWN_ROWS,     // rows that the same thread wrote, if those before it were split by rows too
  ALL_ROWS,
  ACTIVATIONS,  // and their gradients, never what another such operation writes
  GRADIENTS,    // of the parameters
  SETTLED,      // nothing that was written since the last barrier
} reads;

typedef struct builder {
  step *step;
  step_options options;
  size_t workspace, parameters, transposed;
  reads last;
  uint32_t samples, last_samples;  // draws of z a row in the operations to come
} builder;

static size_t padded(size_t columns) { return (columns + 15) / 16 * 16; }

static void *zeros(size_t bytes) {
  void *memory = NULL;
  size_t size = bytes ? bytes : 1;
  if (posix_memalign(&memory, 64, size)) {
    fprintf(stderr, "out of memory\n");
    exit(1);
  }
  return memset(memory, 0, size);
}

static layer make_layer(builder *to, size_t inner, size_t columns, bool has_transposed) {
  layer made = {inner, columns, to->parameters, 0, to->transposed, has_transposed};
  to->parameters += inner * padded(columns);
  made.bias = to->parameters;
  to->parameters += padded(columns);
  if (has_transposed) to->transposed += columns * padded(inner);
  return made;
}

static void watch(builder *to, latent_operand operand, size_t columns, size_t draws) {
  if (to->step->tensor_count == STEP_TENSORS) abort();
  to->step->tensors[to->step->tensor_count++] = (step_tensor){operand, columns, draws};
}

// [capacity * draws x columns]
static latent_operand matrix_of(builder *to, size_t columns, size_t draws) {
  size_t stride = to->options.tight ? columns : padded(columns);
  latent_operand made = {STEP_WORKSPACE, (uint32_t)stride, to->workspace};
  to->workspace += STEP_CAPACITY * draws * stride;
  watch(to, made, columns, draws);
  return made;
}

static latent_operand matrix(builder *to, size_t columns) {
  return matrix_of(to, columns, to->samples);
}

static latent_operand vector(builder *to, size_t count) {
  latent_operand made = {STEP_WORKSPACE, 1, to->workspace};
  to->workspace += padded(count);
  return made;
}

static void append(builder *to, latent_op op, reads reads) {
  if (to->step->count == STEP_OPS) abort();
  bool settled = reads == SETTLED || to->last == SETTLED;
  // Threads share draws out in another way than rows.
  bool reshared = reads == OWN_ROWS && to->samples != to->last_samples;
  op.barrier = !settled && (reads != to->last || reads == ALL_ROWS || reshared);
  op.samples = to->samples;
  to->last_samples = to->samples;
  to->step->ops[to->step->count++] = op;
  if (reads != SETTLED) to->last = reads;
}

static latent_op on_layer(latent_op_kind kind, const layer *layer) {
  latent_op op = {
      .kind = kind,
      .inner = (uint32_t)layer->inner,
      .columns = (uint32_t)layer->columns,
      .weights = {STEP_PARAMETERS, 0, layer->weights},
      .bias = {STEP_PARAMETERS, 0, layer->bias},
      .weights_gradient = {STEP_GRADIENTS, 0, layer->weights},
      .bias_gradient = {STEP_GRADIENTS, 0, layer->bias},
      .weights_first_moment = {STEP_FIRST, 0, layer->weights},
      .weights_second_moment = {STEP_SECOND, 0, layer->weights},
      .bias_first_moment = {STEP_FIRST, 0, layer->bias},
      .bias_second_moment = {STEP_SECOND, 0, layer->bias},
  };
  if (layer->has_transposed)
    op.weights_transposed = (latent_operand){STEP_TRANSPOSED, 0, layer->transposed};
  return op;
}

// Wide enough that threads own columns.
static bool is_wide(size_t columns) { return columns >= 48; }

static latent_operand forward(builder *to, const layer *layer, latent_operand input,
                              latent_activation activation) {
  latent_op op = on_layer(LATENT_OP_LINEAR_FORWARD, layer);
  op.input = input;
  op.output = matrix(to, layer->columns);
  op.activation = activation;
  op.split_columns = is_wide(layer->columns);
  append(to, op, op.split_columns ? ALL_ROWS : OWN_ROWS);
  return op.output;
}

static latent_operand backward(builder *to, const layer *layer, latent_operand gradient,
                               latent_operand input, latent_activation activation) {
  latent_op op = on_layer(LATENT_OP_LINEAR_BACKWARD_INPUT, layer);
  op.gradient = gradient;
  op.input = input;
  op.activation = activation;
  op.output = matrix(to, layer->inner);
  op.split_columns = is_wide(layer->inner);
  append(to, op, op.split_columns ? ALL_ROWS : OWN_ROWS);
  return op.output;
}

static void backward_weights(builder *to, const layer *layer, latent_operand input,
                             latent_operand gradient) {
  latent_op op = on_layer(LATENT_OP_LINEAR_BACKWARD_WEIGHTS, layer);
  op.input = input;
  op.gradient = gradient;
  op.update = to->options.update;
  op.split_columns = is_wide(layer->columns);
  append(to, op, ACTIVATIONS);
}

// Uniform weights, Glorot's bound; lanes that stand for no dimension of a paired layer stay zero.
static void initialize(step *step, const layer *layer, size_t paired_dimensions, uint64_t *state) {
  float *parameters = step->buffers[STEP_PARAMETERS].data;
  float *transposed = step->buffers[STEP_TRANSPOSED].data;
  float bound = __builtin_sqrtf(6.0f / (float)(layer->inner + layer->columns));
  for (size_t n = 0; n < layer->columns; ++n) {
    if (paired_dimensions && n / 32 * 16 + n % 16 >= paired_dimensions) continue;
    parameters[layer->bias + n] = test_uniform(state, -0.25f, 0.25f);
    for (size_t k = 0; k < layer->inner; ++k) {
      float weight = test_uniform(state, -bound, bound);
      parameters[layer->weights + n / 16 * layer->inner * 16 + k * 16 + n % 16] = weight;
      if (layer->has_transposed)
        transposed[layer->transposed + k / 16 * layer->columns * 16 + n * 16 + k % 16] = weight;
    }
  }
}

static void fill_source(step *step, const step_options *options, uint64_t *state) {
  size_t count = STEP_DATA_ROWS * (size_t)options->widths[0];
  bool bytes = options->source == LATENT_SOURCE_BYTES;
  void *data = zeros(count * (bytes ? 1 : sizeof(float)));
  for (size_t i = 0; i < count; ++i)
    if (bytes) ((uint8_t *)data)[i] = (uint8_t)test_random(state);
    else ((float *)data)[i] = test_uniform(state, 0, 1);
  // Sparse, so that some batches of zeros and ones are.
  for (size_t i = 0; i < count && options->transform == LATENT_TRANSFORM_BINARIZE; ++i)
    if (bytes) ((uint8_t *)data)[i] >>= 1;
    else ((float *)data)[i] *= 0.5f;
  step->buffers[STEP_SOURCE] = (latent_buffer){data, count};
}

step *step_make(step_options options) {
  step *step = zeros(sizeof(*step));
  builder to = {step, options, 0, 0, 0, SETTLED, 1, 1};
  enum { MOST = 4 };
  size_t hidden = 0, data = (size_t)options.widths[0];
  while (hidden + 2 < 5 && options.widths[hidden + 2]) ++hidden;
  size_t latents = (size_t)options.widths[hidden + 1];
  bool paired = options.likelihood == LATENT_LIKELIHOOD_GAUSSIAN;
  bool has_variance = options.likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED ||
                      options.likelihood == LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL;

  layer encoder[MOST], decoder[MOST];
  for (size_t i = 0; i <= hidden; ++i) {
    size_t in = (size_t)options.widths[i], out = (size_t)options.widths[i + 1];
    encoder[i] = make_layer(&to, in, i == hidden ? 2 * latents : out, i > 0);
    in = (size_t)options.widths[hidden + 1 - i];
    out = (size_t)options.widths[hidden - i];
    decoder[i] = make_layer(&to, in, i == hidden && paired ? 2 * padded(data) : out, true);
  }
  size_t variance = to.parameters;
  to.parameters += padded(data);

  latent_op load = {.kind = LATENT_OP_LOAD_ROWS,
                    .columns = (uint32_t)data,
                    .transform = options.transform,
                    .source_kind = options.source,
                    .source = {STEP_SOURCE, (uint32_t)data, 0},
                    .row_index = {STEP_ROW_INDEX, 1, 0},
                    .output = matrix(&to, data)};
  const uint32_t draws = options.samples ? options.samples : 1;
  if (draws == 1) {
    load.dimensions = (uint32_t)latents;
    load.epsilon = matrix(&to, latents);
  }
  append(&to, load, OWN_ROWS);

  latent_operand up[MOST] = {load.output}, down[MOST];
  latent_op list = {.kind = LATENT_OP_LIST_ONES, .columns = (uint32_t)data, .input = load.output};
  if (options.ones) append(&to, list, OWN_ROWS);
  for (size_t i = 0; i < hidden; ++i) {
    up[i + 1] = forward(&to, &encoder[i], up[i], options.activation);
    if (i > 0 || !options.ones) continue;
    latent_op *first = &step->ops[step->count - 1];
    first->ones = true;
    first->barrier = true;
    to.last = ALL_ROWS;
    list.split_columns = true;
    append(&to, list, SETTLED);
  }
  latent_op sample = {.kind = LATENT_OP_REPARAMETERIZE, .dimensions = (uint32_t)latents};
  sample.input = forward(&to, &encoder[hidden], up[hidden], LATENT_ACTIVATION_IDENTITY);
  sample.row_index = load.row_index;
  sample.log_variance = matrix(&to, latents);
  step->kl = sample.kl = vector(&to, STEP_CAPACITY);
  watch(&to, sample.kl, 1, 1);
  to.samples = draws;
  sample.output = matrix(&to, latents);
  sample.drawn = draws == 1;
  sample.epsilon = sample.drawn ? load.epsilon : matrix(&to, latents);
  sample.log_density = vector(&to, STEP_CAPACITY * draws);
  watch(&to, sample.log_density, 1, draws);
  append(&to, sample, OWN_ROWS);
  down[0] = sample.output;
  for (size_t i = 0; i < hidden; ++i)
    down[i + 1] = forward(&to, &decoder[i], down[i], options.activation);

  latent_op likelihood = on_layer(LATENT_OP_LIKELIHOOD_FORWARD, &decoder[hidden]);
  likelihood.likelihood = options.likelihood;
  likelihood.dimensions = (uint32_t)data;
  likelihood.input = down[hidden];
  likelihood.target = load.output;
  if (has_variance) likelihood.variance = (latent_operand){STEP_PARAMETERS, 0, variance};
  likelihood.partial = matrix(&to, latent_partial_width(&likelihood));
  if (options.learns) likelihood.gradient = matrix(&to, likelihood.columns);
  likelihood.split_columns = is_wide(likelihood.columns);
  append(&to, likelihood, likelihood.split_columns ? ALL_ROWS : OWN_ROWS);
  latent_op rows = likelihood;
  rows.kind = LATENT_OP_LIKELIHOOD_ROWS;
  rows.log_density = step->log_density = vector(&to, STEP_CAPACITY * draws);
  watch(&to, rows.log_density, 1, draws);
  append(&to, rows, ALL_ROWS);

  latent_operand draw_weight = {};
  if (options.objective != LATENT_OBJECTIVE_ELBO) {
    latent_op weights = {.kind = LATENT_OP_DRAW_WEIGHTS, .objective = options.objective};
    weights.log_density = rows.log_density;
    weights.input = sample.log_density;
    weights.output = vector(&to, STEP_CAPACITY);
    watch(&to, weights.output, 1, 1);
    weights.draw_weight = draw_weight = vector(&to, STEP_CAPACITY * draws);
    watch(&to, draw_weight, 1, draws);
    append(&to, weights, ALL_ROWS);
    if (options.learns) {
      latent_op weigh = likelihood;
      weigh.kind = LATENT_OP_WEIGH_ROWS;
      weigh.draw_weight = draw_weight;
      append(&to, weigh, ALL_ROWS);
    }
  }

  if (options.learns) {
    latent_op gate = sample;
    gate.kind = LATENT_OP_KL_GATE;
    if (options.gate) {
      gate.gate = vector(&to, latents);
      watch(&to, gate.gate, latents, 0);
      to.samples = 1;
      append(&to, gate, ALL_ROWS);
      to.samples = draws;
    }
    latent_operand down_gradient[MOST] = {}, up_gradient[MOST] = {};
    down_gradient[hidden] = likelihood.gradient;
    for (size_t i = hidden; i > 0; --i)
      down_gradient[i - 1] =
          backward(&to, &decoder[i], down_gradient[i], down[i], options.activation);
    latent_op back = sample;
    back.kind = LATENT_OP_REPARAMETERIZE_BACKWARD;
    back.objective = options.objective;
    back.draw_weight = draw_weight;
    back.gradient = backward(&to, &decoder[0], down_gradient[0], (latent_operand){},
                             LATENT_ACTIVATION_IDENTITY);
    back.gate = gate.gate;
    back.output = matrix_of(&to, 2 * latents, 1);
    append(&to, back, options.gate || draws > 1 ? ALL_ROWS : OWN_ROWS);
    up_gradient[hidden] = back.output;
    to.samples = 1;
    for (size_t i = hidden; i > 0; --i)
      up_gradient[i - 1] = backward(&to, &encoder[i], up_gradient[i], up[i], options.activation);

    to.samples = draws;
    for (size_t i = hidden + 1; i-- > 0;)
      backward_weights(&to, &decoder[i], down[i], down_gradient[i]);
    to.samples = 1;
    for (size_t i = hidden + 1; i-- > 0;)
      backward_weights(&to, &encoder[i], up[i], up_gradient[i]);
    step->ops[step->count - 1].ones = options.ones;
    if (has_variance) {
      latent_op back_variance = likelihood;
      back_variance.kind = LATENT_OP_VARIANCE_BACKWARD;
      back_variance.update = options.update;
      back_variance.draw_weight = draw_weight;
      back_variance.bias_gradient = (latent_operand){STEP_GRADIENTS, 0, variance};
      back_variance.bias_first_moment = (latent_operand){STEP_FIRST, 0, variance};
      back_variance.bias_second_moment = (latent_operand){STEP_SECOND, 0, variance};
      to.samples = draws;
      append(&to, back_variance, ACTIVATIONS);
      to.samples = 1;
    }
    if (!options.update)
      for (size_t i = 0; i <= hidden; ++i) {
        append(&to, on_layer(LATENT_OP_ADAM, &encoder[i]), GRADIENTS);
        append(&to, on_layer(LATENT_OP_ADAM, &decoder[i]), GRADIENTS);
      }
  }

  latent_buffer *buffers = step->buffers;
  size_t size = sizeof(float);
  buffers[STEP_WORKSPACE] = (latent_buffer){zeros(to.workspace * size), to.workspace};
  buffers[STEP_TRANSPOSED] = (latent_buffer){zeros(to.transposed * size), to.transposed};
  for (int i = STEP_PARAMETERS; i <= STEP_SECOND; ++i)
    if (i != STEP_TRANSPOSED)
      buffers[i] = (latent_buffer){zeros(to.parameters * size), to.parameters};
  buffers[STEP_ROW_INDEX] = (latent_buffer){zeros(STEP_CAPACITY * size), STEP_CAPACITY};
  uint64_t state = 20240817;
  fill_source(step, &options, &state);
  for (size_t i = 0; i <= hidden; ++i) {
    initialize(step, &encoder[i], 0, &state);
    initialize(step, &decoder[i], i == hidden && paired ? data : 0, &state);
  }
  if (has_variance) {
    size_t count = options.likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED ? 1 : data;
    float *parameters = buffers[STEP_PARAMETERS].data;
    for (size_t i = 0; i < count; ++i) parameters[variance + i] = test_uniform(&state, -2, 0);
  }

  size_t bad;
  latent_status status =
      latent_plan_check(step->ops, step->count, buffers, STEP_BUFFERS, STEP_CAPACITY, &bad);
  if (status != LATENT_OK) {
    fprintf(stderr, "the plan's operation %zu (kind %d) has status %d\n", bad,
            (int)step->ops[bad].kind, (int)status);
    exit(1);
  }
  return step;
}

void step_free(step *step) {
  for (int i = 1; i < STEP_BUFFERS; ++i) free(step->buffers[i].data);
  free(step);
}

void step_run(step *step, latent_pool *pool, uint32_t rows, uint32_t number) {
  uint32_t *index = step->buffers[STEP_ROW_INDEX].data;
  for (uint32_t i = 0; i < rows; ++i) index[i] = (i * 29 + number * 7) % STEP_DATA_ROWS;
  const latent_run run = {
      .rows = rows,
      .epoch = number / 2,
      .sample = number % 2,
      .seed = 0xfeed0123456789ab,
      .objective_scale = 1.0f / (float)rows,
      .beta = 0.75f,
      .free_bits = 0.02f,
      .decay1 = 0.9f,
      .decay2 = 0.999f,
      .rate = 3e-3f,
      .epsilon = 1e-6f,
  };
  latent_plan_run(pool, step->ops, step->count, step->buffers, &run, NULL);
}

digest digest_step(digest digest, const step *step, uint32_t rows) {
  for (size_t t = 0; t < step->tensor_count; ++t) {
    const step_tensor *tensor = &step->tensors[t];
    const float *values = step->buffers[STEP_WORKSPACE].data;
    values += tensor->operand.offset;
    for (size_t row = 0; row < (tensor->draws ? rows * tensor->draws : 1); ++row)
      digest = digest_floats(digest, tensor->columns, values + row * tensor->operand.stride);
  }
  for (int i = STEP_PARAMETERS; i <= STEP_SECOND; ++i)
    digest = digest_floats(digest, step->buffers[i].count, step->buffers[i].data);
  return digest;
}
