// latent_plan_check operand by operand: every operation with exactly the memory it needs passes, and
// is refused when an operand is missing, names no buffer, begins past its buffer's end, is one element
// short, has rows too close together, or lies on one that is written.

#include "plan.h"

// Every operand on every other one: refused where either is written, but not beside it, nor between its rows.
static void overlay(plan *of) {
  for (size_t i = 0; i < of->count; ++i)
    for (size_t j = 0; j < of->count; ++j) {
      if (i == j || of->operands[i].empty || of->operands[j].empty) continue;
      const bool either = of->operands[i].written || of->operands[j].written;
      latent_operand *place = of->operands[i].place, *other = of->operands[j].place, whole = *place, kept = *other;
      latent_buffer *buffer = &of->buffers[j + 1], full = *buffer;
      const size_t length = of->buffers[i + 1].count;
      *place = (latent_operand){(uint32_t)j + 1, whole.stride, 0};
      buffer->count = 4096;
      check(of, either ? LATENT_ERROR_OVERLAP : LATENT_OK, of->operands[i].name, of->operands[j].name);
      place->offset = full.count - 1;
      check(of, either ? LATENT_ERROR_OVERLAP : LATENT_OK, of->operands[i].name, "on the last one");
      place->offset = full.count;
      check(of, LATENT_OK, of->operands[i].name, "behind it");
      place->offset = 0;
      other->offset = length;
      check(of, LATENT_OK, of->operands[i].name, "before it");
      other->offset = length - 1;
      check(of, either ? LATENT_ERROR_OVERLAP : LATENT_OK, of->operands[i].name, "on the first one");
      if (of->operands[i].columns && of->operands[j].columns) {
        // Side by side in rows of 151, and with one column in common.
        const size_t columns = of->operands[i].columns;
        place->stride = other->stride = 151;
        place->offset = 0, other->offset = columns;
        check(of, LATENT_OK, of->operands[i].name, "beside it");
        place->offset = 151, other->offset = columns;
        check(of, LATENT_OK, of->operands[i].name, "beside it, a row later");
        place->offset = 0, other->offset = columns - 1;
        check(of, either ? LATENT_ERROR_OVERLAP : LATENT_OK, of->operands[i].name, "partly beside it");
        place->offset = of->operands[j].columns - 1, other->offset = 0;
        check(of, either ? LATENT_ERROR_OVERLAP : LATENT_OK, of->operands[i].name, "partly beside it, too");
        other->stride = 150;
        place->offset = 0, other->offset = columns;
        check(of, either ? LATENT_ERROR_OVERLAP : LATENT_OK, of->operands[i].name, "in rows of another length");
      }
      *place = whole, *other = kept, *buffer = full;
    }
}

// Every operand in turn. What nobody has a use for may stay, as long as it names a buffer.
static void spoil(plan *of) {
  check(of, LATENT_OK, "all", "whole");
  overlay(of);
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

// MARK: Operations

static void layer_gradients(plan *of) {
  const bool made = of->op.kind == LATENT_OP_LINEAR_BACKWARD_WEIGHTS;
  vector(of, "weights' gradient", &of->op.weights_gradient, INNER * panels(COLUMNS));
  if (made) written(of);
  vector(of, "bias's gradient", &of->op.bias_gradient, panels(COLUMNS));
  if (made) written(of);
}

static void layer_updates(plan *of) {
  latent_op *op = &of->op;
  vector(of, "weights", &op->weights, INNER * panels(COLUMNS));
  written(of);
  vector(of, "first moment", &op->weights_first_moment, INNER * panels(COLUMNS));
  written(of);
  vector(of, "second moment", &op->weights_second_moment, INNER * panels(COLUMNS));
  written(of);
  vector(of, "transposed", &op->weights_transposed, COLUMNS * panels(INNER));
  written(of);
  optional(of);
  vector(of, "bias", &op->bias, panels(COLUMNS));
  written(of);
  vector(of, "bias's first moment", &op->bias_first_moment, panels(COLUMNS));
  written(of);
  vector(of, "bias's second moment", &op->bias_second_moment, panels(COLUMNS));
  written(of);
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
    written(&it);
    spoil(&it);
  }
  for (int activation = 0; activation < LATENT_ACTIVATION_COUNT; ++activation) {
    plan it = start("linear backward, input", LATENT_OP_LINEAR_BACKWARD_INPUT, padded);
    it.op.activation = (latent_activation)activation;
    matrix(&it, "gradient", &it.op.gradient, ROWS, COLUMNS);
    vector(&it, "transposed", &it.op.weights_transposed, COLUMNS * panels(INNER));
    if (activation != LATENT_ACTIVATION_IDENTITY) matrix(&it, "input", &it.op.input, ROWS, INNER);
    matrix(&it, "output", &it.op.output, ROWS, INNER);
    written(&it);
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
    written(&it);
    matrix(&it, "gradient", &it.op.gradient, 2 * ROWS, columns);
    written(&it);
    optional(&it);
    spoil(&it);
    ++it.op.columns;
    check(&it, LATENT_ERROR_OPERAND, "columns", "one too many");

    it = start("likelihood rows", LATENT_OP_LIKELIHOOD_ROWS, padded);
    it.op.likelihood = (latent_likelihood)l;
    it.op.columns = (uint32_t)columns;
    matrix(&it, "partial", &it.op.partial, ROWS, width);
    vector(&it, "log density", &it.op.log_density, ROWS);
    written(&it);
    spoil(&it);

    it = start("log density", LATENT_OP_LOG_DENSITY, padded);
    it.op.likelihood = (latent_likelihood)l;
    it.op.samples = 2;
    matrix(&it, "input", &it.op.input, 2 * ROWS, SIZE);
    matrix(&it, "target", &it.op.target, ROWS, SIZE);
    vector(&it, "log density", &it.op.log_density, 2 * ROWS);
    written(&it);
    if (variances(it.op.likelihood)) vector(&it, "variance", &it.op.variance, variances(it.op.likelihood));
    matrix(&it, "gradient", &it.op.gradient, 2 * ROWS, SIZE);
    written(&it);
    optional(&it);
    if (paired) {
      matrix(&it, "log-variance", &it.op.log_variance, 2 * ROWS, SIZE);
      matrix(&it, "output", &it.op.output, 2 * ROWS, SIZE);
      written(&it);
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
    if (it.op.update) written(&it);
    vector(&it, "draw weight", &it.op.draw_weight, 2 * ROWS);
    optional(&it);
    if (it.op.missing) matrix(&it, "target", &it.op.target, ROWS, SIZE);
    if (it.op.update) {
      vector(&it, "first moment", &it.op.bias_first_moment, count);
      written(&it);
      vector(&it, "second moment", &it.op.bias_second_moment, count);
      written(&it);
    } else {
      vector(&it, "bias's gradient", &it.op.bias_gradient, count);
      written(&it);
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
  written(&it);
  matrix(&it, "epsilon", &it.op.epsilon, ROWS, SIZE);
  written(&it);
  optional(&it);
  spoil(&it);
  it.op.source.stride = COLUMNS - 1;
  check(&it, LATENT_ERROR_OPERAND, "source", "with rows too close");

  it = start("reparameterize", LATENT_OP_REPARAMETERIZE, padded);
  it.op.samples = 2;
  matrix(&it, "input", &it.op.input, ROWS, 2 * SIZE);
  vector(&it, "row index", &it.op.row_index, ROWS);
  matrix(&it, "output", &it.op.output, 2 * ROWS, SIZE);
  written(&it);
  matrix(&it, "epsilon", &it.op.epsilon, 2 * ROWS, SIZE);
  written(&it);
  matrix(&it, "log-variance", &it.op.log_variance, ROWS, SIZE);
  written(&it);
  vector(&it, "kl", &it.op.kl, ROWS);
  written(&it);
  vector(&it, "log ratio", &it.op.log_density, 2 * ROWS);
  written(&it);
  optional(&it);
  spoil(&it);
  it.op.drawn = true;
  check(&it, LATENT_ERROR_OPERAND, "epsilon", "drawn beforehand for more than one draw a row");

  it = start("kl gate", LATENT_OP_KL_GATE, padded);
  matrix(&it, "input", &it.op.input, ROWS, 2 * SIZE);
  matrix(&it, "log-variance", &it.op.log_variance, ROWS, SIZE);
  vector(&it, "gate", &it.op.gate, SIZE);
  written(&it);
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
    written(&it);
    spoil(&it);
  }

  it = start("draw weights", LATENT_OP_DRAW_WEIGHTS, padded);
  it.op.samples = 2;
  vector(&it, "log density", &it.op.log_density, 2 * ROWS);
  vector(&it, "log ratio", &it.op.input, 2 * ROWS);
  vector(&it, "bound", &it.op.output, ROWS);
  written(&it);
  vector(&it, "draw weight", &it.op.draw_weight, 2 * ROWS);
  written(&it);
  optional(&it);
  spoil(&it);

  it = start("weigh rows", LATENT_OP_WEIGH_ROWS, padded);
  it.op.samples = 2;
  matrix(&it, "gradient", &it.op.gradient, 2 * ROWS, COLUMNS);
  written(&it);
  vector(&it, "draw weight", &it.op.draw_weight, 2 * ROWS);
  spoil(&it);

  it = start("list ones", LATENT_OP_LIST_ONES, padded);
  matrix(&it, "input", &it.op.input, ROWS, COLUMNS);
  spoil(&it);
}

int main(void) {
  for (int padded = 0; padded < 2; ++padded) {
    linear(padded);
    likelihoods(padded);
    draws(padded);
  }
  printf("%d checks of operands, %d failed\n", checks, failures);
  return failures > 0;
}
