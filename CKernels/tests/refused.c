// latent_plan_check operand by operand: every operation with exactly the memory it needs passes, and
// is refused when an operand is missing, names no buffer, begins past its buffer's end, is one element
// short or has rows too close together; then what only a whole plan can have wrong.

#include <stdio.h>
#include <string.h>

#include "latent_kernels.h"

enum { ROWS = 3, INNER = 5, COLUMNS = 20, SIZE = 20, MOST = 16 };

static int failures, checks;
static float memory[4096];  // never followed: only its address counts

// An operation with each operand in a buffer of its own, as large as it must be.
typedef struct plan {
  const char *name;
  latent_op op;
  uint32_t rows;
  bool padded;  // strides with room for whole panels
  size_t count;
  latent_buffer buffers[MOST + 1];
  struct {
    const char *name;
    latent_operand *place;
    size_t columns;  // of a matrix
    bool optional, empty;
  } operands[MOST];
} plan;

static size_t panels(size_t columns) { return (columns + 15) / 16 * 16; }

static void vector(plan *of, const char *name, latent_operand *place, size_t count) {
  of->operands[of->count].name = name;
  of->operands[of->count].place = place;
  of->operands[of->count].empty = count == 0;
  *place = (latent_operand){(uint32_t)++of->count, 0, 0};
  of->buffers[of->count] = (latent_buffer){memory, count};
}

static void matrix(plan *of, const char *name, latent_operand *place, size_t rows, size_t columns) {
  size_t stride = of->padded ? panels(columns) : columns + 1;
  vector(of, name, place, (rows - 1) * stride + (of->padded ? stride : columns));
  place->stride = (uint32_t)stride;
  of->operands[of->count - 1].columns = columns;
}

static void optional(plan *of) { of->operands[of->count - 1].optional = true; }

static void check(const plan *of, latent_status expected, const char *operand, const char *what) {
  size_t operation = 77;
  latent_status status = latent_plan_check(&of->op, 1, of->buffers, of->count + 1, of->rows, &operation);
  ++checks;
  if (status == expected && operation == 0) return;
  fprintf(stderr, "FAILED: %s, %s %s: status %d of operation %zu, not %d\n", of->name, operand, what,
          (int)status, operation, (int)expected);
  ++failures;
}

// Every operand in turn. What nobody has a use for may stay, as long as it names a buffer.
static void spoil(plan *of) {
  check(of, LATENT_OK, "all", "whole");
  for (size_t i = 0; i < of->count; ++i) {
    latent_operand *place = of->operands[i].place, whole = *place;
    latent_buffer *buffer = &of->buffers[i + 1], full = *buffer;
    const char *name = of->operands[i].name;
    *place = (latent_operand){};
    check(of, of->operands[i].optional ? LATENT_OK : LATENT_ERROR_OPERAND, name, "missing");
    *place = whole;
    place->buffer = (uint32_t)of->count + 1;
    check(of, LATENT_ERROR_OPERAND, name, "in no buffer");
    *place = whole;
    place->offset = full.count + 1;
    check(of, LATENT_ERROR_OPERAND, name, "past the end");
    place->offset = UINT64_MAX;
    check(of, LATENT_ERROR_OPERAND, name, "far past the end");
    *place = whole;
    buffer->data = NULL;
    check(of, LATENT_ERROR_OPERAND, name, "in a buffer of nothing");
    *buffer = full;
    if (!of->operands[i].empty) {
      buffer->count -= 1;
      check(of, LATENT_ERROR_OPERAND, name, "one element short");
      *buffer = full;
      buffer->count += 1;
      place->offset = 1;
      check(of, LATENT_OK, name, "one element later");
      place->offset = 2;
      check(of, LATENT_ERROR_OPERAND, name, "two elements later");
      *buffer = full;
      *place = whole;
    }
    if (!of->operands[i].columns) continue;
    place->stride = (uint32_t)of->operands[i].columns - 1;
    buffer->count = 4000;
    check(of, LATENT_ERROR_OPERAND, name, "with rows too close");
    *buffer = full;
    *place = whole;
  }
  // An unused operand is followed as far as its address.
  latent_operand spare = {};
  latent_operand *unused = &of->op.source;
  while (unused->buffer) ++unused;
  if (unused < (latent_operand *)(&of->op + 1)) {
    *unused = (latent_operand){(uint32_t)of->count + 1, 0, 0};
    check(of, LATENT_ERROR_OPERAND, "an unused operand", "in no buffer");
    *unused = (latent_operand){1, 0, of->buffers[1].count + 1};
    check(of, LATENT_ERROR_OPERAND, "an unused operand", "past the end");
    *unused = (latent_operand){1, 0, of->buffers[1].count};
    check(of, LATENT_OK, "an unused operand", "at the end");
    *unused = (latent_operand){0, 0, UINT64_MAX};
    check(of, LATENT_OK, "an unused operand", "none, anywhere");
    *unused = (latent_operand){(uint32_t)of->count + 1, 0, UINT64_MAX};
    of->buffers[++of->count] = (latent_buffer){NULL, 0};
    check(of, LATENT_OK, "an unused operand", "in a buffer of nothing");
    --of->count;
    *unused = spare;
  }
}

static plan start(const char *name, latent_op_kind kind, bool padded) {
  return (plan){.name = name,
                .rows = ROWS,
                .padded = padded,
                .op = {.kind = kind, .inner = INNER, .columns = COLUMNS, .dimensions = SIZE}};
}

// MARK: Operations

static void layer_gradients(plan *of) {
  vector(of, "weights' gradient", &of->op.weights_gradient, INNER * panels(COLUMNS));
  vector(of, "bias's gradient", &of->op.bias_gradient, panels(COLUMNS));
}

static void layer_updates(plan *of) {
  latent_op *op = &of->op;
  vector(of, "weights", &op->weights, INNER * panels(COLUMNS));
  vector(of, "first moment", &op->weights_first_moment, INNER * panels(COLUMNS));
  vector(of, "second moment", &op->weights_second_moment, INNER * panels(COLUMNS));
  vector(of, "transposed", &op->weights_transposed, COLUMNS * panels(INNER));
  optional(of);
  vector(of, "bias", &op->bias, panels(COLUMNS));
  vector(of, "bias's first moment", &op->bias_first_moment, panels(COLUMNS));
  vector(of, "bias's second moment", &op->bias_second_moment, panels(COLUMNS));
}

static size_t variances(latent_likelihood likelihood) {
  return likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED     ? 1
         : likelihood == LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL ? SIZE
                                                             : 0;
}

static void linear(bool padded) {
  for (int layout = 0; layout < LATENT_LAYOUT_COUNT; ++layout) {
    plan it = start("linear forward", LATENT_OP_LINEAR_FORWARD, padded);
    it.op.layout = (latent_layout)layout;
    it.op.samples = 2;
    matrix(&it, "input", &it.op.input, 2 * ROWS, INNER);
    if (layout == LATENT_LAYOUT_INNER_BY_COLUMNS) matrix(&it, "weights", &it.op.weights, INNER, COLUMNS);
    else if (layout == LATENT_LAYOUT_COLUMNS_BY_INNER)
      matrix(&it, "weights", &it.op.weights, COLUMNS, INNER);
    else vector(&it, "weights", &it.op.weights, INNER * panels(COLUMNS));
    vector(&it, "bias", &it.op.bias, layout == LATENT_LAYOUT_PANELS ? panels(COLUMNS) : COLUMNS);
    optional(&it);
    matrix(&it, "output", &it.op.output, 2 * ROWS, COLUMNS);
    spoil(&it);
  }
  for (int activation = 0; activation < LATENT_ACTIVATION_COUNT; ++activation) {
    plan it = start("linear backward, input", LATENT_OP_LINEAR_BACKWARD_INPUT, padded);
    it.op.activation = (latent_activation)activation;
    matrix(&it, "gradient", &it.op.gradient, ROWS, COLUMNS);
    vector(&it, "transposed", &it.op.weights_transposed, COLUMNS * panels(INNER));
    if (activation != LATENT_ACTIVATION_IDENTITY) matrix(&it, "input", &it.op.input, ROWS, INNER);
    matrix(&it, "output", &it.op.output, ROWS, INNER);
    spoil(&it);
  }
  for (int update = 0; update < 2; ++update) {
    plan it = start("linear backward, weights", LATENT_OP_LINEAR_BACKWARD_WEIGHTS, padded);
    it.op.update = update;
    matrix(&it, "input", &it.op.input, ROWS, INNER);
    matrix(&it, "gradient", &it.op.gradient, ROWS, COLUMNS);
    if (update) layer_updates(&it);
    else layer_gradients(&it);
    spoil(&it);
  }
  plan adam = start("adam", LATENT_OP_ADAM, padded);
  layer_updates(&adam);
  layer_gradients(&adam);
  spoil(&adam);
}

static void likelihoods(bool padded) {
  for (int l = 0; l < LATENT_LIKELIHOOD_COUNT; ++l) {
    bool paired = l == LATENT_LIKELIHOOD_GAUSSIAN;
    size_t columns = paired ? 2 * panels(SIZE) : SIZE;
    // Partial sums: 32 floats a group of three panels, or 16; of two panels where they alternate.
    size_t width = paired ? 32 : l == LATENT_LIKELIHOOD_BERNOULLI ? 32 : 16;
    plan it = start("likelihood forward", LATENT_OP_LIKELIHOOD_FORWARD, padded);
    it.op.likelihood = (latent_likelihood)l;
    it.op.columns = (uint32_t)columns;
    it.op.samples = 2;
    checks += 1;
    failures += latent_partial_width(&it.op) != width;
    matrix(&it, "input", &it.op.input, 2 * ROWS, INNER);
    vector(&it, "weights", &it.op.weights, INNER * panels(columns));
    vector(&it, "bias", &it.op.bias, panels(columns));
    optional(&it);
    matrix(&it, "target", &it.op.target, ROWS, SIZE);
    if (variances(it.op.likelihood)) vector(&it, "variance", &it.op.variance, variances(it.op.likelihood));
    matrix(&it, "partial", &it.op.partial, 2 * ROWS, width);
    matrix(&it, "gradient", &it.op.gradient, 2 * ROWS, columns);
    optional(&it);
    spoil(&it);
    ++it.op.columns;
    check(&it, LATENT_ERROR_OPERAND, "columns", "one too many");

    it = start("likelihood rows", LATENT_OP_LIKELIHOOD_ROWS, padded);
    it.op.likelihood = (latent_likelihood)l;
    it.op.columns = (uint32_t)columns;
    matrix(&it, "partial", &it.op.partial, ROWS, width);
    vector(&it, "log density", &it.op.log_density, ROWS);
    spoil(&it);

    it = start("log density", LATENT_OP_LOG_DENSITY, padded);
    it.op.likelihood = (latent_likelihood)l;
    it.op.samples = 2;
    matrix(&it, "input", &it.op.input, 2 * ROWS, SIZE);
    matrix(&it, "target", &it.op.target, ROWS, SIZE);
    vector(&it, "log density", &it.op.log_density, 2 * ROWS);
    if (variances(it.op.likelihood)) vector(&it, "variance", &it.op.variance, variances(it.op.likelihood));
    matrix(&it, "gradient", &it.op.gradient, 2 * ROWS, SIZE);
    optional(&it);
    if (paired) {
      matrix(&it, "log-variance", &it.op.log_variance, 2 * ROWS, SIZE);
      matrix(&it, "output", &it.op.output, 2 * ROWS, SIZE);
      optional(&it);
    }
    spoil(&it);
  }
  for (int shape = 0; shape < 8; ++shape) {
    plan it = start("variance backward", LATENT_OP_VARIANCE_BACKWARD, padded);
    it.op.likelihood = shape & 1 ? LATENT_LIKELIHOOD_GAUSSIAN_SHARED : LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL;
    it.op.update = shape & 2;
    it.op.missing = shape & 4;
    it.op.samples = 2;
    size_t count = variances(it.op.likelihood);
    matrix(&it, "gradient", &it.op.gradient, 2 * ROWS, SIZE);
    vector(&it, "variance", &it.op.variance, count);
    vector(&it, "draw weight", &it.op.draw_weight, 2 * ROWS);
    optional(&it);
    if (it.op.missing) matrix(&it, "target", &it.op.target, ROWS, SIZE);
    if (it.op.update) {
      vector(&it, "first moment", &it.op.bias_first_moment, count);
      vector(&it, "second moment", &it.op.bias_second_moment, count);
    } else {
      vector(&it, "bias's gradient", &it.op.bias_gradient, count);
    }
    spoil(&it);
  }
}

static void draws(bool padded) {
  plan it = start("load rows", LATENT_OP_LOAD_ROWS, padded);
  vector(&it, "source", &it.op.source, 0);
  it.op.source.stride = COLUMNS;
  vector(&it, "row index", &it.op.row_index, ROWS);
  matrix(&it, "output", &it.op.output, ROWS, COLUMNS);
  spoil(&it);
  it.op.source.stride = COLUMNS - 1;
  check(&it, LATENT_ERROR_OPERAND, "source", "with rows too close");

  it = start("reparameterize", LATENT_OP_REPARAMETERIZE, padded);
  it.op.samples = 2;
  matrix(&it, "input", &it.op.input, ROWS, 2 * SIZE);
  vector(&it, "row index", &it.op.row_index, ROWS);
  matrix(&it, "output", &it.op.output, 2 * ROWS, SIZE);
  matrix(&it, "epsilon", &it.op.epsilon, 2 * ROWS, SIZE);
  matrix(&it, "log-variance", &it.op.log_variance, ROWS, SIZE);
  vector(&it, "kl", &it.op.kl, ROWS);
  vector(&it, "log ratio", &it.op.log_density, 2 * ROWS);
  optional(&it);
  spoil(&it);

  it = start("kl gate", LATENT_OP_KL_GATE, padded);
  matrix(&it, "input", &it.op.input, ROWS, 2 * SIZE);
  matrix(&it, "log-variance", &it.op.log_variance, ROWS, SIZE);
  vector(&it, "gate", &it.op.gate, SIZE);
  spoil(&it);

  for (int objective = 0; objective < LATENT_OBJECTIVE_COUNT; ++objective) {
    it = start("reparameterize backward", LATENT_OP_REPARAMETERIZE_BACKWARD, padded);
    it.op.objective = (latent_objective)objective;
    it.op.samples = 2;
    matrix(&it, "input", &it.op.input, ROWS, 2 * SIZE);
    matrix(&it, "gradient", &it.op.gradient, 2 * ROWS, SIZE);
    if (objective == LATENT_OBJECTIVE_SCORE) optional(&it);
    vector(&it, "draw weight", &it.op.draw_weight, 2 * ROWS);
    optional(&it);
    matrix(&it, "epsilon", &it.op.epsilon, 2 * ROWS, SIZE);
    matrix(&it, "log-variance", &it.op.log_variance, ROWS, SIZE);
    vector(&it, "gate", &it.op.gate, SIZE);
    optional(&it);
    matrix(&it, "output", &it.op.output, ROWS, 2 * SIZE);
    spoil(&it);
  }

  it = start("draw weights", LATENT_OP_DRAW_WEIGHTS, padded);
  it.op.samples = 2;
  vector(&it, "log density", &it.op.log_density, 2 * ROWS);
  vector(&it, "log ratio", &it.op.input, 2 * ROWS);
  vector(&it, "bound", &it.op.output, ROWS);
  vector(&it, "draw weight", &it.op.draw_weight, 2 * ROWS);
  optional(&it);
  spoil(&it);

  it = start("weigh rows", LATENT_OP_WEIGH_ROWS, padded);
  it.op.samples = 2;
  matrix(&it, "gradient", &it.op.gradient, 2 * ROWS, COLUMNS);
  vector(&it, "draw weight", &it.op.draw_weight, 2 * ROWS);
  spoil(&it);

  it = start("list ones", LATENT_OP_LIST_ONES, padded);
  matrix(&it, "input", &it.op.input, ROWS, COLUMNS);
  spoil(&it);
}

// MARK: What no single operand shows

// Numbers that stand for nothing, on an operation that passes.
static void words(void) {
  plan it = start("words", LATENT_OP_LINEAR_FORWARD, false);
  matrix(&it, "input", &it.op.input, ROWS, INNER);
  vector(&it, "weights", &it.op.weights, INNER * panels(COLUMNS));
  matrix(&it, "output", &it.op.output, ROWS, COLUMNS);
  const latent_op good = it.op;
#define WORD(FIELD, TYPE, COUNT, EXPECTED)                                          \
  it.op.FIELD = (TYPE)((COUNT) - 1);                                                \
  check(&it, EXPECTED, #FIELD, "the last one");                                     \
  it.op.FIELD = (TYPE)(COUNT);                                                      \
  check(&it, LATENT_ERROR_OPERATION, #FIELD, "one past the last");                  \
  it.op.FIELD = (TYPE)UINT32_MAX;                                                   \
  check(&it, LATENT_ERROR_OPERATION, #FIELD, "the largest number");                 \
  it.op = good;
  WORD(activation, latent_activation, LATENT_ACTIVATION_COUNT, LATENT_OK)
  WORD(likelihood, latent_likelihood, LATENT_LIKELIHOOD_COUNT, LATENT_OK)
  WORD(transform, latent_transform, LATENT_TRANSFORM_DEQUANTIZE + 1, LATENT_OK)
  WORD(source_kind, latent_source, LATENT_SOURCE_BYTES + 1, LATENT_OK)
  WORD(objective, latent_objective, LATENT_OBJECTIVE_COUNT, LATENT_OK)
  WORD(layout, latent_layout, LATENT_LAYOUT_COUNT, LATENT_ERROR_OPERAND)  // its weights have no stride
  WORD(kind, latent_op_kind, LATENT_OP_KIND_COUNT, LATENT_ERROR_OPERAND)
#undef WORD
  const uint32_t largest = INT32_MAX;
  it.op.dimensions = largest;
  check(&it, LATENT_OK, "dimensions", "the most");
  it.op.dimensions = largest + 1;
  check(&it, LATENT_ERROR_OPERAND, "dimensions", "one more than the most");
  it.op = good;
  it.rows = 0;
  it.op.inner = largest;
  it.op.input.stride = largest;
  it.op.columns = 0;
  check(&it, LATENT_OK, "inner", "the most, of nothing");
  it.op.inner = it.op.input.stride = largest + 1;
  check(&it, LATENT_ERROR_OPERAND, "inner", "one more than the most");
  it.op = good;
  it.op.inner = 0;
  it.op.columns = it.op.output.stride = largest;
  check(&it, LATENT_OK, "columns", "the most, of nothing");
  it.op.columns = it.op.output.stride = largest + 1;
  check(&it, LATENT_ERROR_OPERAND, "columns", "one more than the most");
  it.op = good;
  it.rows = UINT32_MAX;
  it.op.input.stride = it.op.output.stride = UINT32_MAX;
  check(&it, LATENT_ERROR_OPERAND, "rows", "beyond all memory");
  it.op = good;
  it.rows = 0;
  check(&it, LATENT_OK, "rows", "none");
  // Draws: as many rows as a run can count.
  it.op.samples = 3;
  it.rows = INT32_MAX / 3;
  it.op.inner = it.op.columns = 0;
  check(&it, LATENT_OK, "samples", "the most");
  ++it.rows;
  check(&it, LATENT_ERROR_OPERAND, "samples", "one row more than the most");
  it.rows = ROWS;
  it.op = good;
  it.op.ones = true;
  it.op.samples = 1;
  check(&it, LATENT_ERROR_OPERAND, "ones", "without lists");
  static const latent_op_kind none[] = {LATENT_OP_LOAD_ROWS, LATENT_OP_KL_GATE, LATENT_OP_ADAM,
                                        LATENT_OP_LIST_ONES};
  for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); ++i)
    for (uint32_t samples = 0; samples < 3; ++samples) {
      // Buffers of plenty for everything.
      plan plenty = start("samples", none[i], false);
      plenty.count = 1;
      plenty.buffers[1] = (latent_buffer){memory, 4096};
      plenty.op.samples = samples;
      latent_operand *operands = &plenty.op.source;
      for (; operands < (latent_operand *)(&plenty.op + 1); ++operands)
        *operands = (latent_operand){1, 64, 0};
      check(&plenty, samples < 2 ? LATENT_OK : LATENT_ERROR_OPERAND, "samples", "of what knows none");
      plenty.op.layout = LATENT_LAYOUT_INNER_BY_COLUMNS;
      check(&plenty, LATENT_ERROR_OPERATION, "layout", "of what has no weights");
    }
}

// Lists of ones: which sequences pass. Letters: r lists rows, c lists columns, f the forward product,
// b the weights' gradient, a small letter after `|` with a barrier; capitals use another input.
static void lists(void) {
  static const struct {
    const char *sequence;
    bool passes;
  } sequences[] = {
      {"r", true},          {"r|f", true},         {"rf", false},        {"f", false},
      {"r|c", true},        {"rc", false},         {"c", false},         {"|c", false},
      {"r|f|c|b", true},    {"r|c|fb", true},      {"r|cb", false},      {"r|b", false},
      {"r|fc|b", true},     {"r|f|cb", false},     {"rr", false},        {"r|r", false},
      {"r|c|c", false},     {"r|F", false},        {"r|C", false},       {"r|c|B", false},
      {"r|c|f|b|f|b", true}, {"r|x", false},       {"r|ff", true},       {"b", false},
      {"r|w", false},       {"r|v", false},
  };
  for (size_t s = 0; s < sizeof(sequences) / sizeof(sequences[0]); ++s) {
    latent_op ops[8] = {};
    const latent_buffer buffers[2] = {{NULL, 0}, {memory, 4096}};
    size_t count = 0;
    bool barrier = false;
    for (const char *at = sequences[s].sequence; *at; ++at) {
      if (*at == '|') {
        barrier = true;
        continue;
      }
      latent_op *op = &ops[count++];
      latent_operand *operands = &op->source;
      for (; operands < (latent_operand *)(op + 1); ++operands)
        *operands = (latent_operand){1, 64, 0};
      bool other = *at >= 'A' && *at <= 'Z';
      if (other) op->input.offset = 64;
      op->inner = op->columns = 16;
      op->barrier = barrier;
      barrier = false;
      switch (*at) {
        case 'r': op->kind = LATENT_OP_LIST_ONES; break;
        case 'c':
        case 'C': op->kind = LATENT_OP_LIST_ONES; op->split_columns = true; break;
        case 'f':
        case 'F': op->kind = LATENT_OP_LINEAR_FORWARD; op->ones = true; break;
        // Sizes that are not the list's.
        case 'w': op->kind = LATENT_OP_LINEAR_FORWARD; op->ones = true; op->inner = 15; break;
        case 'v': op->kind = LATENT_OP_LIST_ONES; op->split_columns = true; op->columns = 15; break;
        // What has no use for them.
        case 'x': op->kind = LATENT_OP_LINEAR_BACKWARD_INPUT; op->ones = true; break;
        default: op->kind = LATENT_OP_LINEAR_BACKWARD_WEIGHTS; op->ones = true;
      }
    }
    size_t bad = 77;
    latent_status status = latent_plan_check(ops, count, buffers, 2, ROWS, &bad);
    ++checks;
    if ((status == LATENT_OK) == sequences[s].passes && (status == LATENT_OK || bad < count)) continue;
    fprintf(stderr, "FAILED: the sequence %s has status %d\n", sequences[s].sequence, (int)status);
    ++failures;
  }
  // The same place told otherwise is another.
  for (int part = 0; part < 3; ++part) {
    latent_op ops[2] = {};
    const latent_buffer buffers[3] = {{NULL, 0}, {memory, 4096}, {memory, 4096}};
    for (int i = 0; i < 2; ++i) {
      latent_operand *operands = &ops[i].source;
      for (; operands < (latent_operand *)(&ops[i] + 1); ++operands)
        *operands = (latent_operand){1, 64, 0};
      ops[i].inner = ops[i].columns = 16;
    }
    ops[0].kind = LATENT_OP_LIST_ONES;
    ops[1].kind = LATENT_OP_LINEAR_FORWARD;
    ops[1].ones = ops[1].barrier = true;
    failures += latent_plan_check(ops, 2, buffers, 3, ROWS, NULL) != LATENT_OK;
    if (part == 0) ops[1].input.buffer = 2;
    if (part == 1) ops[1].input.stride = 65;
    if (part == 2) ops[1].input.offset = 1;
    failures += latent_plan_check(ops, 2, buffers, 3, ROWS, NULL) != LATENT_ERROR_OPERAND;
    checks += 2;
  }
}

// The first bad operation is told.
static void position(void) {
  plan it = start("position", LATENT_OP_WEIGH_ROWS, false);
  matrix(&it, "gradient", &it.op.gradient, ROWS, COLUMNS);
  vector(&it, "draw weight", &it.op.draw_weight, ROWS);
  for (size_t bad = 0; bad < 4; ++bad) {
    latent_op ops[4] = {it.op, it.op, it.op, it.op};
    ops[bad].draw_weight.offset = 1;
    if (bad < 3) ops[bad + 1].kind = (latent_op_kind)LATENT_OP_KIND_COUNT;
    size_t found = 77;
    checks += 2;
    failures += latent_plan_check(ops, 4, it.buffers, 3, ROWS, &found) != LATENT_ERROR_OPERAND || found != bad;
    failures += latent_plan_check(ops, 4, it.buffers, 3, ROWS, NULL) != LATENT_ERROR_OPERAND;
    failures += latent_plan_check(ops, bad, it.buffers, 3, ROWS, NULL) != LATENT_OK;
  }
}

// MARK: Instruction sets and pools

static void expect(bool truth, const char *what) {
  ++checks;
  if (truth) return;
  fprintf(stderr, "FAILED: %s\n", what);
  ++failures;
}

static void sets(void) {
  static const char *const names[] = {"scalar", "baseline", "neon", "avx2", "avx512"};
  int best = -1;
  for (int isa = 0; isa < LATENT_ISA_COUNT; ++isa) {
    expect(!strcmp(latent_isa_name((latent_isa)isa), names[isa]), names[isa]);
    bool available = latent_isa_available((latent_isa)isa);
    expect(available == (latent_kernels_for((latent_isa)isa) != NULL), "a table for what is available");
    if (available) best = isa;
    latent_pool *pool;
    latent_status status = latent_pool_create(3, (latent_isa)isa, &pool);
    expect(status == (available ? LATENT_OK : LATENT_ERROR_INSTRUCTION_SET), "a pool for what is available");
    expect((pool != NULL) == available, "a pool or none");
    if (!pool) continue;
    expect(latent_pool_isa(pool) == (latent_isa)isa && latent_pool_threads(pool) == 3, "the pool asked for");
    latent_pool_destroy(pool);
  }
  expect(latent_isa_available(LATENT_ISA_SCALAR) && latent_isa_available(LATENT_ISA_BASELINE),
         "scalar and baseline everywhere");
#if defined(__x86_64__)
  expect(!latent_isa_available(LATENT_ISA_NEON), "no NEON on x86-64");
#endif
  // They are numbered from slow to fast.
  expect((int)latent_isa_best() == best, "the fastest is the best");
  expect(!strcmp(latent_isa_name((latent_isa)LATENT_ISA_COUNT), "unknown"), "no name for a sixth set");
  expect(!strcmp(latent_isa_name((latent_isa)-1), "unknown"), "no name for a negative set");
  expect(!latent_isa_available((latent_isa)LATENT_ISA_COUNT), "no sixth set");
  expect(!latent_kernels_for((latent_isa)LATENT_ISA_COUNT), "no kernels of a sixth set");
  latent_pool *pool = (latent_pool *)memory;
  expect(latent_pool_create(0, latent_isa_best(), &pool) == LATENT_ERROR_THREADS && !pool, "0 threads");
  expect(latent_pool_create(LATENT_MAXIMUM_THREADS + 1, latent_isa_best(), &pool) == LATENT_ERROR_THREADS,
         "65 threads");
  expect(latent_pool_create(LATENT_MAXIMUM_THREADS, latent_isa_best(), &pool) == LATENT_OK, "64 threads");
  latent_pool_destroy(pool);
  latent_pool_destroy(NULL);
  int allowed = latent_allowed_threads();
  expect(allowed >= 1 && allowed <= LATENT_MAXIMUM_THREADS, "allowed threads");
}

// Nothing to do is done, and every operation gets its start and end from each thread.
static void running(void) {
  latent_pool *pool;
  if (latent_pool_create(2, LATENT_ISA_SCALAR, &pool)) {
    ++failures;
    return;
  }
  float values[4] = {1, 2, 3, 4}, weight[1] = {2};
  const latent_buffer buffers[3] = {{NULL, 0}, {values, 4}, {weight, 1}};
  const latent_op op = {.kind = LATENT_OP_WEIGH_ROWS, .columns = 4, .gradient = {1, 4, 0},
                        .draw_weight = {2, 0, 0}};
  const latent_op ops[2] = {op, op};
  latent_run run = {.rows = 1};
  latent_plan_run(pool, ops, 0, buffers, &run, NULL);
  run.rows = 0;
  latent_plan_run(pool, ops, 2, buffers, &run, NULL);
  expect(values[0] == 1 && values[3] == 4, "no operations or rows change nothing");
  run.rows = 1;
  uint64_t stamps[10] = {[8] = 5, [9] = 6};
  latent_plan_run(pool, ops, 2, buffers, &run, stamps);
  expect(values[0] == 4 && values[1] == 8 && values[2] == 12 && values[3] == 16, "both operations ran");
  for (int thread = 0; thread < 2; ++thread)
    expect(stamps[2 * thread] && stamps[2 * thread] <= stamps[2 * thread + 1] &&
               stamps[2 * thread + 1] <= stamps[4 + 2 * thread] &&
               stamps[4 + 2 * thread] <= stamps[4 + 2 * thread + 1],
           "time goes on");
  expect(stamps[8] == 5 && stamps[9] == 6, "no more stamps than there are");
  expect(latent_ticks_per_second() > 1e5 && latent_ticks_per_second() == latent_ticks_per_second(),
         "a rate of ticks, measured once");
  latent_pool_destroy(pool);
}

int main(void) {
  for (int padded = 0; padded < 2; ++padded) {
    linear(padded);
    likelihoods(padded);
    draws(padded);
  }
  words();
  lists();
  position();
  sets();
  running();
  printf("%d checks of plans, %d failed\n", checks, failures);
  return failures > 0;
}
