// latent_plan_check beyond single operands: numbers that stand for nothing, sizes at their limits, lists
// of ones and the operations that need them, and which operation was the first bad one.

#include "plan.h"

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
      plan all = start("samples", none[i], false);
      all.count = 1;
      all.buffers[1] = plenty;
      all.op.samples = samples;
      apart(&all.op);
      check(&all, samples < 2 ? LATENT_OK : LATENT_ERROR_OPERAND, "samples", "of what knows none");
      all.op.layout = LATENT_LAYOUT_INNER_BY_COLUMNS;
      check(&all, LATENT_ERROR_OPERATION, "layout", "of what has no weights");
    }
}

// Lists of ones: which sequences pass. Letters: r lists rows, c lists columns, f the forward product,
// b the weights' gradient, o writes over what was listed, a letter after `|` has a barrier; capitals use another
// input.
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
      {"r|w", false},       {"r|v", false},        {"r|o|f", false},     {"r|o|c", false},
      {"r|c|o|b", false},   {"r|c|fo|b", false},   {"r|c|f|b|o", true},  {"o|r|f", true},
  };
  for (size_t s = 0; s < sizeof(sequences) / sizeof(sequences[0]); ++s) {
    latent_op ops[8] = {};
    const latent_buffer buffers[2] = {{NULL, 0}, plenty};
    size_t count = 0;
    bool barrier = false;
    for (const char *at = sequences[s].sequence; *at; ++at) {
      if (*at == '|') {
        barrier = true;
        continue;
      }
      latent_op *op = &ops[count++];
      apart(op);
      bool other = *at >= 'A' && *at <= 'Z';
      if (other) op->input.offset += 64;
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
        case 'o':
          op->kind = LATENT_OP_LINEAR_FORWARD;
          latent_operand listed = op->input;
          op->input = op->output;
          op->output = listed;
          break;
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
    const latent_buffer buffers[3] = {{NULL, 0}, plenty, plenty};
    for (int i = 0; i < 2; ++i) {
      apart(&ops[i]);
      ops[i].inner = ops[i].columns = 16;
    }
    ops[0].kind = LATENT_OP_LIST_ONES;
    ops[1].kind = LATENT_OP_LINEAR_FORWARD;
    ops[1].ones = ops[1].barrier = true;
    failures += latent_plan_check(ops, 2, buffers, 3, ROWS, NULL) != LATENT_OK;
    if (part == 0) ops[1].input.buffer = 2;
    if (part == 1) ops[1].input.stride = 65;
    if (part == 2) ops[1].input.offset += 1;
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

int main(void) {
  words();
  lists();
  position();
  printf("%d checks of plans, %d failed\n", checks, failures);
  return failures > 0;
}
