// Every operation, on random shapes and strides, with each operand in pages of its own: nothing
// outside an operand may be read or written, nor written between its rows, and latent_plan_check
// must accept just this much memory and not one element less.
//
//   memory [--isa NAME] [--shapes N]

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "step.h"

enum { MOST_OPERANDS = 24, DATA_ROWS = 11 };

typedef enum role { INPUT, OUTPUT, UPDATED } role;

// An operand of the operation at hand.
typedef struct operand {
  const char *name;
  latent_operand *place;
  size_t rows, columns, stride;  // in elements
  size_t open;                   // columns of a row that may be written
  size_t element;                // bytes
  role role;
  uint8_t *before;               // what an input or a gap between rows held
} operand;

typedef struct bench {
  latent_op op;
  latent_run run;
  latent_buffer buffers[MOST_OPERANDS + 1];
  operand operands[MOST_OPERANDS];
  guarded memory[MOST_OPERANDS];
  size_t count;
  uint64_t random;
  bool at_end, may_be_tight;
  char message[160];
} bench;

static size_t padded(size_t columns) { return (columns + 15) / 16 * 16; }
static size_t below(bench *to, size_t count) { return (size_t)(test_random(&to->random) % count); }

// [rows x columns] with values from `low` to `high`; NaN where nothing may be read, or counts for anything.
static void add(bench *to, const char *name, latent_operand *place, role role, operand shape,
                float low, float high) {
  size_t extent = shape.rows && shape.columns ? (shape.rows - 1) * shape.stride + shape.open : 0;
  shape.name = name;
  shape.place = place;
  shape.role = role;
  if (!shape.element) shape.element = sizeof(float);
  if (to->count == MOST_OPERANDS) abort();
  guarded memory = guarded_make(extent * shape.element, to->at_end);
  for (size_t i = 0; i < extent; ++i) {
    size_t column = shape.stride ? i % shape.stride : i;
    if (shape.element == 1) {
      memory.start[i] = (uint8_t)test_random(&to->random);
    } else if (shape.element == sizeof(uint32_t) && high > 1e6f) {
      uint32_t row = (uint32_t)below(to, DATA_ROWS);
      memcpy(memory.start + 4 * i, &row, 4);
    } else {
      float value = column < shape.columns ? test_uniform(&to->random, low, high)
                                                 : __builtin_nanf("");
      if (role == OUTPUT && column < shape.columns) value = 0;
      memcpy(memory.start + 4 * i, &value, 4);
    }
  }
  if (extent && !(shape.before = malloc(extent * shape.element))) abort();
  if (extent) memcpy(shape.before, memory.start, extent * shape.element);
  to->operands[to->count] = shape;
  to->memory[to->count++] = memory;
  *place = (latent_operand){(uint32_t)to->count, (uint32_t)shape.stride, 0};
  to->buffers[to->count] = (latent_buffer){memory.start, extent};
}

static void matrix(bench *to, const char *name, latent_operand *place, role role, size_t rows,
                   size_t columns, float low, float high) {
  size_t stride = columns;
  switch (below(to, 3)) {
    case 0: stride += 1 + below(to, 9); break;
    case 1: stride = padded(columns) + 16 * below(to, 2); break;
    default: break;
  }
  size_t open = stride % 16 ? columns : padded(columns);
  add(to, name, place, role,
      (operand){.rows = rows, .columns = columns, .stride = stride, .open = open}, low, high);
}

static void vector(bench *to, const char *name, latent_operand *place, role role, size_t count,
                   float low, float high) {
  add(to, name, place, role,
      (operand){.rows = 1, .columns = count, .stride = count, .open = count}, low, high);
}

// Panels [inner x columns]; the values of lanes past the last column are of no interest here.
static void panels(bench *to, const char *name, latent_operand *place, role role, size_t inner,
                   size_t columns, float low, float high) {
  vector(to, name, place, role, inner * padded(columns), low, high);
}

static void row_index(bench *to) {
  vector(to, "row index", &to->op.row_index, INPUT, to->run.rows, 0, 1e9f);
}

static void parameters(bench *to) {
  latent_op *op = &to->op;
  size_t inner = op->inner, columns = op->columns;
  panels(to, "weights", &op->weights, UPDATED, inner, columns, -1, 1);
  panels(to, "first moment", &op->weights_first_moment, UPDATED, inner, columns, -1, 1);
  panels(to, "second moment", &op->weights_second_moment, UPDATED, inner, columns, 0, 1);
  panels(to, "bias", &op->bias, UPDATED, 1, columns, -1, 1);
  panels(to, "bias's first moment", &op->bias_first_moment, UPDATED, 1, columns, -1, 1);
  panels(to, "bias's second moment", &op->bias_second_moment, UPDATED, 1, columns, 0, 1);
  if (below(to, 2))
    panels(to, "transposed", &op->weights_transposed, UPDATED, columns, inner, -1, 1);
}

static void gradients(bench *to, role role) {
  latent_op *op = &to->op;
  panels(to, "weights' gradient", &op->weights_gradient, role, op->inner, op->columns, -1, 1);
  panels(to, "bias's gradient", &op->bias_gradient, role, 1, op->columns, -1, 1);
}

static void variance(bench *to, role role) {
  latent_op *op = &to->op;
  if (op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED)
    vector(to, "variance", &op->variance, role, 1, -1, 1);
  if (op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL)
    vector(to, "variance", &op->variance, role, op->dimensions, -1, 1);
}

static void describe(bench *to) {
  latent_op *op = &to->op;
  // Rows of the batch, and with their draws of z.
  size_t batch = to->run.rows, rows = batch * (op->samples ? op->samples : 1);
  size_t inner = op->inner, columns = op->columns, size = op->dimensions;
  switch (op->kind) {
    case LATENT_OP_LOAD_ROWS: {
      bool bytes = op->source_kind == LATENT_SOURCE_BYTES;
      size_t stride = columns + below(to, 4);
      add(to, "source", &op->source, INPUT,
          (operand){.rows = DATA_ROWS, .columns = columns, .stride = stride, .open = columns,
                    .element = bytes ? 1 : sizeof(float)},
          0, 1);
      row_index(to);
      matrix(to, "output", &op->output, OUTPUT, rows, columns, 0, 0);
      if (below(to, 2)) matrix(to, "epsilon", &op->epsilon, OUTPUT, rows, size, 0, 0);
      break;
    }
    case LATENT_OP_LINEAR_FORWARD:
      matrix(to, "input", &op->input, INPUT, rows, inner, -1, 1);
      op->layout = (latent_layout)below(to, LATENT_LAYOUT_COUNT);
      if (op->layout == LATENT_LAYOUT_PANELS)
        panels(to, "weights", &op->weights, INPUT, inner, columns, -1, 1);
      else if (op->layout == LATENT_LAYOUT_INNER_BY_COLUMNS)
        matrix(to, "weights", &op->weights, INPUT, inner, columns, -1, 1);
      else matrix(to, "weights", &op->weights, INPUT, columns, inner, -1, 1);
      if (below(to, 4))
        vector(to, "bias", &op->bias, INPUT,
               op->layout == LATENT_LAYOUT_PANELS ? padded(columns) : columns, -1, 1);
      matrix(to, "output", &op->output, OUTPUT, rows, columns, 0, 0);
      break;
    case LATENT_OP_LIKELIHOOD_FORWARD:
      if (op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN) op->columns = (uint32_t)(2 * padded(size));
      else op->columns = op->dimensions;
      columns = op->columns;
      matrix(to, "input", &op->input, INPUT, rows, inner, -1, 1);
      panels(to, "weights", &op->weights, INPUT, inner, columns, -1, 1);
      if (below(to, 4)) panels(to, "bias", &op->bias, INPUT, 1, columns, -1, 1);
      matrix(to, "target", &op->target, INPUT, batch, size, 0, 1);
      variance(to, INPUT);
      matrix(to, "partial", &op->partial, OUTPUT, rows, latent_partial_width(op), 0, 0);
      if (below(to, 4)) matrix(to, "gradient", &op->gradient, OUTPUT, rows, columns, 0, 0);
      break;
    case LATENT_OP_LIKELIHOOD_ROWS:
      matrix(to, "partial", &op->partial, INPUT, rows, latent_partial_width(op), 1, 2);
      vector(to, "log density", &op->log_density, OUTPUT, rows, 0, 0);
      break;
    case LATENT_OP_REPARAMETERIZE:
      matrix(to, "input", &op->input, INPUT, batch, 2 * size, -1, 1);
      row_index(to);
      matrix(to, "output", &op->output, OUTPUT, rows, size, 0, 0);
      op->drawn = rows == batch && below(to, 2);
      matrix(to, "epsilon", &op->epsilon, op->drawn ? INPUT : OUTPUT, rows, size, -1, 1);
      matrix(to, "log-variance", &op->log_variance, OUTPUT, batch, size, 0, 0);
      vector(to, "kl", &op->kl, OUTPUT, batch, 0, 0);
      if (below(to, 2)) vector(to, "log ratio", &op->log_density, OUTPUT, rows, 0, 0);
      break;
    case LATENT_OP_KL_GATE:
      matrix(to, "input", &op->input, INPUT, rows, 2 * size, -1, 1);
      matrix(to, "log-variance", &op->log_variance, INPUT, rows, size, -1, 1);
      vector(to, "gate", &op->gate, OUTPUT, size, 0, 0);
      break;
    case LATENT_OP_REPARAMETERIZE_BACKWARD:
      matrix(to, "input", &op->input, INPUT, batch, 2 * size, -1, 1);
      matrix(to, "gradient", &op->gradient, INPUT, rows, size, -1, 1);
      matrix(to, "epsilon", &op->epsilon, INPUT, rows, size, -1, 1);
      matrix(to, "log-variance", &op->log_variance, INPUT, batch, size, -1, 1);
      if (below(to, 2)) vector(to, "gate", &op->gate, INPUT, size, 0, 1);
      if (below(to, 2)) vector(to, "draw weight", &op->draw_weight, INPUT, rows, 0, 2);
      matrix(to, "output", &op->output, OUTPUT, batch, 2 * size, 0, 0);
      break;
    case LATENT_OP_LINEAR_BACKWARD_INPUT:
      matrix(to, "gradient", &op->gradient, INPUT, rows, columns, -1, 1);
      panels(to, "transposed", &op->weights_transposed, INPUT, columns, inner, -1, 1);
      if (op->activation != LATENT_ACTIVATION_IDENTITY)
        matrix(to, "input", &op->input, INPUT, rows, inner, 0, 1);
      matrix(to, "output", &op->output, OUTPUT, rows, inner, 0, 0);
      break;
    case LATENT_OP_LINEAR_BACKWARD_WEIGHTS:
      matrix(to, "input", &op->input, INPUT, rows, inner, -1, 1);
      matrix(to, "gradient", &op->gradient, INPUT, rows, columns, -1, 1);
      if (op->update) parameters(to);
      else gradients(to, OUTPUT);
      break;
    case LATENT_OP_ADAM:
      parameters(to);
      gradients(to, INPUT);
      break;
    case LATENT_OP_LIST_ONES:
      op->split_columns = false;  // by column only after another by row
      op->samples = 0;
      matrix(to, "input", &op->input, INPUT, batch, columns, 0, 1);
      break;
    case LATENT_OP_VARIANCE_BACKWARD: {
      if (op->likelihood != LATENT_LIKELIHOOD_GAUSSIAN_SHARED)
        op->likelihood = LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL;
      size_t count = op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED ? 1 : size;
      matrix(to, "gradient", &op->gradient, INPUT, rows, size, -1, 1);
      variance(to, op->update ? UPDATED : INPUT);
      if (op->missing) matrix(to, "target", &op->target, INPUT, batch, size, 0, 1);
      if (below(to, 2)) vector(to, "draw weight", &op->draw_weight, INPUT, rows, 0, 2);
      if (op->update) {
        vector(to, "first moment", &op->bias_first_moment, UPDATED, count, -1, 1);
        vector(to, "second moment", &op->bias_second_moment, UPDATED, count, 0, 1);
      } else {
        vector(to, "bias's gradient", &op->bias_gradient, OUTPUT, count, 0, 0);
      }
      break;
    }
    case LATENT_OP_DRAW_WEIGHTS:
      vector(to, "log density", &op->log_density, INPUT, rows, -9, -1);
      vector(to, "log ratio", &op->input, INPUT, rows, -1, 1);
      vector(to, "bound", &op->output, OUTPUT, batch, 0, 0);
      if (below(to, 2)) vector(to, "draw weight", &op->draw_weight, OUTPUT, rows, 0, 0);
      break;
    case LATENT_OP_WEIGH_ROWS:
      matrix(to, "gradient", &op->gradient, UPDATED, rows, columns, -1, 1);
      vector(to, "draw weight", &op->draw_weight, INPUT, rows, 0, 2);
      break;
    case LATENT_OP_LOG_DENSITY: {
      bool paired = op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN;
      matrix(to, "input", &op->input, INPUT, rows, size, -1, 1);
      matrix(to, "target", &op->target, INPUT, batch, size, 0, 1);
      variance(to, INPUT);
      if (paired) matrix(to, "log-variance", &op->log_variance, INPUT, rows, size, -1, 1);
      vector(to, "log density", &op->log_density, OUTPUT, rows, 0, 0);
      if (below(to, 2)) matrix(to, "gradient", &op->gradient, OUTPUT, rows, size, 0, 0);
      if (paired && below(to, 2)) matrix(to, "output", &op->output, OUTPUT, rows, size, 0, 0);
      break;
    }
  }
}

static void choose(bench *to, latent_op_kind kind) {
  static const size_t sizes[] = {1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 95, 97, 0};
  static const size_t rows[] = {1, 2, 7, 8, 9, 13, 16, 27};
  enum { SIZES = sizeof(sizes) / sizeof(sizes[0]), ROWS = sizeof(rows) / sizeof(rows[0]) };
  to->op = (latent_op){
      .kind = kind,
      .split_columns = below(to, 2),
      .update = below(to, 2),
      .missing = below(to, 2),
      .activation = (latent_activation)below(to, LATENT_ACTIVATION_COUNT),
      .likelihood = (latent_likelihood)below(to, LATENT_LIKELIHOOD_COUNT),
      .transform = (latent_transform)below(to, LATENT_TRANSFORM_DEQUANTIZE + 1),
      .source_kind = (latent_source)below(to, 2),
      .objective = (latent_objective)below(to, LATENT_OBJECTIVE_COUNT),
      .inner = (uint32_t)(below(to, 2) ? sizes[below(to, SIZES)] : below(to, 80)),
      .columns = (uint32_t)(below(to, 2) ? sizes[below(to, SIZES)] : below(to, 130)),
  };
  if (kind != LATENT_OP_LOAD_ROWS && kind != LATENT_OP_KL_GATE && kind != LATENT_OP_ADAM)
    to->op.samples = (uint32_t)below(to, 4);
  to->op.dimensions = (uint32_t)(below(to, 2) ? sizes[below(to, SIZES)] : below(to, 80));
  to->run = (latent_run){.rows = (uint32_t)rows[below(to, ROWS)], .seed = 7, .beta = 1,
                         .decay1 = 0.5f, .decay2 = 0.5f, .rate = 0.125f, .epsilon = 0.5f};
  to->run.objective_scale = 1.0f / (float)to->run.rows;
}

static bool fail(const bench *at, const operand *operand, const char *what) {
  fprintf(stderr, "FAILED: %s: %s\n  %s, [%zu x %zu], stride %zu\n", what, operand->name,
          at->message, operand->rows, operand->columns, operand->stride);
  return false;
}

// What was written where, and that no NaN from between the rows came through.
static bool check_contents(const bench *at, size_t number) {
  const operand *operand = &at->operands[number];
  const guarded *memory = &at->memory[number];
  if (!guarded_intact(memory)) return fail(at, operand, "memory beside it was written");
  for (size_t i = 0; i < memory->size / operand->element; ++i) {
    size_t column = operand->stride ? i % operand->stride : i;
    size_t byte = i * operand->element;
    bool changed = memcmp(memory->start + byte, operand->before + byte, operand->element) != 0;
    if (changed && (operand->role == INPUT || column >= operand->open))
      return fail(at, operand, "written where it must not be");
    float value = 0;
    if (operand->element == sizeof(float)) memcpy(&value, memory->start + byte, sizeof(float));
    if (operand->role != INPUT && column < operand->columns && value != value)
      return fail(at, operand, "depends on what lies between rows");
    if (changed && column >= operand->columns && value != 0)
      return fail(at, operand, "lanes past the last column are not zero");
  }
  return true;
}

// With one element less the plan must be refused. (How many rows a source has, the row numbers say.)
static bool check_bounds(bench *at) {
  for (size_t i = 0; i < at->count; ++i) {
    latent_buffer *buffer = &at->buffers[i + 1];
    if (buffer->count == 0 || at->operands[i].place == &at->op.source) continue;
    --buffer->count;
    latent_status status =
        latent_plan_check(&at->op, 1, at->buffers, at->count + 1, at->run.rows, NULL);
    ++buffer->count;
    if (status != LATENT_ERROR_OPERAND) return fail(at, &at->operands[i], "one element less passes");
  }
  return true;
}

static bool test(bench *at, latent_pool *pool, uint64_t seed, latent_op_kind kind, bool at_end) {
  at->random = seed;
  at->count = 0;
  at->at_end = at_end;
  choose(at, kind);
  describe(at);
  snprintf(at->message, sizeof(at->message),
           "%s, %d threads, seed %llu: kind %d, %u rows, inner %u, columns %u, dimensions %u",
           latent_isa_name(latent_pool_isa(pool)), latent_pool_threads(pool),
           (unsigned long long)seed, (int)kind, at->run.rows, at->op.inner, at->op.columns,
           at->op.dimensions);
  latent_status status =
      latent_plan_check(&at->op, 1, at->buffers, at->count + 1, at->run.rows, NULL);
  bool passed = true;
  if (status != LATENT_OK) {
    fprintf(stderr, "FAILED: refused with status %d\n  %s\n", (int)status, at->message);
    passed = false;
  } else {
    passed = check_bounds(at);
    latent_plan_run(pool, &at->op, 1, at->buffers, &at->run, NULL);
    for (size_t i = 0; i < at->count && passed; ++i) passed = check_contents(at, i);
  }
  for (size_t i = 0; i < at->count; ++i) {
    guarded_free(&at->memory[i]);
    free(at->operands[i].before);
  }
  return passed;
}

int main(int count, char **arguments) {
  const char *name = NULL;
  uint64_t shapes = 60;
  for (int i = 1; i + 1 < count; i += 2) {
    if (!strcmp(arguments[i], "--isa")) name = arguments[i + 1];
    if (!strcmp(arguments[i], "--shapes")) shapes = strtoull(arguments[i + 1], NULL, 10);
  }
  static bench bench;
  static const int thread_counts[] = {1, 2, 5};
  guarded_watch(bench.message, bench.memory, &bench.count);
  int failures = 0, tests = 0;
  for (int isa = 0; isa < LATENT_ISA_COUNT; ++isa) {
    if (!latent_isa_available((latent_isa)isa)) continue;
    if (name && strcmp(name, latent_isa_name((latent_isa)isa)) != 0) continue;
    for (size_t t = 0; t < 3; ++t) {
      latent_pool *pool;
      if (latent_pool_create(thread_counts[t], (latent_isa)isa, &pool)) return 1;
      for (uint64_t seed = 1; seed <= shapes && failures < 20; ++seed)
        for (int kind = 0; kind < LATENT_OP_KIND_COUNT; ++kind)
          for (int at_end = 0; at_end < 2; ++at_end, ++tests)
            failures += !test(&bench, pool, seed * 131 + t * 17 + (uint64_t)kind,
                              (latent_op_kind)kind, at_end);
      latent_pool_destroy(pool);
    }
  }
  printf("%d operations between guard pages, %d failed\n", tests, failures);
  return failures > 0 || tests == 0;
}
