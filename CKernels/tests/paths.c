// Where an operation has two ways to a result they give the same bits: products with batches of zeros
// and ones as sums of gathered rows, updates for cores that look far ahead and for others, and log densities
// whose gradients go past the caches.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../internal.h"
#include "step.h"

enum { MOST_ROWS = 300, MOST_INNER = 600, MOST_COLUMNS = 112 };
// Results from Y on: those of the gradients, or of an update.
enum { X = 1, GRADIENT, Y, WEIGHTS_GRADIENT, BIAS_GRADIENT, WEIGHTS, BIAS, FIRST, SECOND, BIAS_FIRST, BIAS_SECOND,
       TRANSPOSED, BUFFERS };

static int failures;
static uint64_t state = 11;
static size_t below(size_t count) { return (size_t)(test_random(&state) % count); }

static float *floats(size_t count) {
  float *made = calloc(count ? count : 1, sizeof(float));
  if (!made) abort();
  return made;
}

// What a batch holds besides zeros.
typedef enum content { FEW_ONES, MANY_ONES, NO_ONES, LIMIT, JUST_OVER, A_HALF, A_NAN, CONTENTS } content;

static void fill(float *x, size_t rows, size_t inner, size_t stride, content content) {
  size_t count = rows * inner, wanted = 0;
  if (content == LIMIT || content == JUST_OVER) wanted = (size_t)(0.4 * (double)count) + (content == JUST_OVER);
  for (size_t i = 0; i < count; ++i) {
    float value = 0;
    if (content == FEW_ONES || content == A_HALF || content == A_NAN) value = below(8) == 0;
    if (content == MANY_ONES) value = below(2) == 0;
    if (wanted && i < wanted) value = 1;
    x[i / inner * stride + i % inner] = value;
  }
  if (content == A_HALF) x[below(rows) * stride + below(inner)] = 0.5f;
  if (content == A_NAN) x[below(rows) * stride + below(inner)] = NAN;
}

static void ones(latent_pool *pool, int round, size_t rows, size_t inner) {
  static const size_t column_counts[] = {1, 16, 17, 33, 48, 49, 70, 112};
  const size_t columns = rows > MOST_ROWS ? 16 : column_counts[below(8)];
  size_t stride = below(2) ? inner : (inner + 15) / 16 * 16, wide = (columns + 15) / 16 * 16;
  const bool update = below(2);
  content content = (enum content)(round % CONTENTS);
  const size_t sizes[BUFFERS] = {0, rows * stride + 16, rows * wide, rows * wide, inner * wide, wide, inner * wide,
                                 wide, inner * wide, inner * wide, wide, wide, (inner + 15) / 16 * 16 * columns};
  latent_buffer buffers[BUFFERS] = {};
  for (int i = X; i < BUFFERS; ++i) buffers[i] = (latent_buffer){floats(sizes[i]), sizes[i]};
  float *x = buffers[X].data, *start[BUFFERS] = {}, *found[BUFFERS] = {};
  // What stands past the last column is nobody's.
  for (size_t i = 0; i < sizes[X]; ++i) x[i] = round % 2 ? 1 : NAN;
  fill(x, rows, inner, stride, content);
  for (size_t i = 0; i < sizes[GRADIENT]; ++i) ((float *)buffers[GRADIENT].data)[i] = test_uniform(&state, -1, 1);
  for (int buffer = Y; buffer < BUFFERS; ++buffer) {
    start[buffer] = floats(sizes[buffer]);
    found[buffer] = floats(sizes[buffer]);
    const float least = buffer == SECOND || buffer == BIAS_SECOND ? 0 : -1;  // which has a root
    for (size_t i = 0; i < sizes[buffer]; ++i) start[buffer][i] = test_uniform(&state, least, 1);
  }
  // A sum of no terms keeps a minus zero only in the dense product.
  if (round % 3 == 1) start[BIAS][below(columns)] = -0.0f;
  for (size_t row = 0; round % 3 == 1 && row < rows / 2; ++row) memset(x + row * stride, 0, inner * sizeof(float));
  uint32_t inner_word = (uint32_t)inner, column_word = (uint32_t)columns, stride_word = (uint32_t)stride;
  latent_op ops[4] = {
      {.kind = LATENT_OP_LIST_ONES, .columns = inner_word, .input = {X, stride_word, 0}},
      {.kind = LATENT_OP_LINEAR_FORWARD, .barrier = true, .ones = true, .split_columns = below(2),
       .activation = (latent_activation)below(LATENT_ACTIVATION_COUNT), .inner = inner_word, .columns = column_word,
       .input = {X, stride_word, 0}, .weights = {WEIGHTS, 0, 0}, .output = {Y, (uint32_t)wide, 0}},
      {.kind = LATENT_OP_LIST_ONES, .split_columns = true, .columns = inner_word, .input = {X, stride_word, 0}},
      {.kind = LATENT_OP_LINEAR_BACKWARD_WEIGHTS, .barrier = true, .ones = true, .split_columns = below(2),
       .update = update, .inner = inner_word, .columns = column_word, .input = {X, stride_word, 0},
       .gradient = {GRADIENT, (uint32_t)wide, 0}, .weights_gradient = {WEIGHTS_GRADIENT, 0, 0},
       .bias_gradient = {BIAS_GRADIENT, 0, 0}, .weights = {WEIGHTS, 0, 0}, .bias = {BIAS, 0, 0},
       .weights_first_moment = {FIRST, 0, 0}, .weights_second_moment = {SECOND, 0, 0},
       .bias_first_moment = {BIAS_FIRST, 0, 0}, .bias_second_moment = {BIAS_SECOND, 0, 0}}};
  if (round % 4) ops[1].bias = (latent_operand){BIAS, 0, 0};
  if (update && below(2)) ops[3].weights_transposed = (latent_operand){TRANSPOSED, 0, 0};
  const latent_run run = {.rows = (uint32_t)rows, .decay1 = 0.9f, .decay2 = 0.999f, .rate = 1e-2f,
                          .epsilon = 1e-3f, .step = (uint32_t)below(2)};
  const bool far = latent_looks_far;
  bool equal[BUFFERS], changed[BUFFERS] = {};
  for (int i = Y; i < BUFFERS; ++i) equal[i] = true;
  for (int way = 0; way < 4; ++way) {
    ops[1].ones = ops[3].ones = way % 2 == 0;
    latent_looks_far = way / 2;
    size_t bad = 0;
    if (latent_plan_check(ops, 4, buffers, BUFFERS, run.rows, &bad)) {
      fprintf(stderr, "FAILED: operation %zu is refused\n", bad);
      ++failures;
      break;
    }
    for (int i = Y; i < BUFFERS; ++i) memcpy(buffers[i].data, start[i], sizes[i] * sizeof(float));
    latent_plan_run(pool, ops, 4, buffers, &run, NULL);
    for (int i = Y; i < BUFFERS; ++i) {
      const float *result = buffers[i].data;
      if (way == 0) memcpy(found[i], result, sizes[i] * sizeof(float));
      for (size_t j = 0; j < sizes[i]; ++j) {
        equal[i] &= (isnan(found[i][j]) && isnan(result[j])) || !memcmp(&found[i][j], &result[j], sizeof(float));
        changed[i] |= result[j] != start[i][j];
      }
    }
  }
  latent_looks_far = far;
  static const char *const names[BUFFERS] = {
      [Y] = "forward", [WEIGHTS_GRADIENT] = "weights' gradient", [BIAS_GRADIENT] = "bias's gradient",
      [WEIGHTS] = "weights", [BIAS] = "bias", [FIRST] = "first moments", [SECOND] = "second moments",
      [BIAS_FIRST] = "bias's first moments", [BIAS_SECOND] = "bias's second moments",
      [TRANSPOSED] = "transposed copy"};
  for (int i = Y; i < BUFFERS; ++i) {
    const bool gradient = i == WEIGHTS_GRADIENT || i == BIAS_GRADIENT;
    const bool due = i == Y || (i == TRANSPOSED ? ops[3].weights_transposed.buffer : gradient != update);
    if (!equal[i] || changed[i] != due) {
      fprintf(stderr, "FAILED: %s, %d threads, round %d: %s, %zu x %zu by %zu, content %d: %s\n",
              latent_isa_name(latent_pool_isa(pool)), latent_pool_threads(pool), round, names[i], rows, inner,
              columns, (int)content, !equal[i] ? "other bits" : due ? "nothing done" : "written over");
      ++failures;
    }
    free(start[i]), free(found[i]);
  }
  free(x), free(buffers[GRADIENT].data);
  for (int i = Y; i < BUFFERS; ++i) free(buffers[i].data);
}

static void some_ones(latent_pool *pool, int round) {
  static const size_t inners[] = {1, 15, 16, 33, 207, 208, 209, 600};
  ones(pool, round, 1 + below(MOST_ROWS - 1), inners[below(8)]);
}

// A part of a plan on some rows only of the batch whose ones were listed.
static void part_of_rows(latent_pool *pool) {
  enum { ROWS = 40, PART = 20, INNER = 64, COLUMNS = 48 };
  const size_t sizes[7] = {0, ROWS * INNER, ROWS * COLUMNS, INNER * COLUMNS, ROWS * COLUMNS, INNER * COLUMNS, COLUMNS};
  latent_buffer buffers[7] = {};
  for (int i = 1; i < 7; ++i) buffers[i] = (latent_buffer){floats(sizes[i]), sizes[i]};
  fill(buffers[1].data, ROWS, INNER, INNER, FEW_ONES);
  for (size_t i = 0; i < sizes[2]; ++i) ((float *)buffers[2].data)[i] = test_uniform(&state, -1, 1);
  latent_op ops[4] = {
      {.kind = LATENT_OP_LIST_ONES, .columns = INNER, .input = {1, INNER, 0}},
      {.kind = LATENT_OP_LINEAR_FORWARD, .barrier = true, .ones = true, .inner = INNER, .columns = COLUMNS,
       .input = {1, INNER, 0}, .weights = {3, 0, 0}, .output = {4, COLUMNS, 0}},
      {.kind = LATENT_OP_LIST_ONES, .split_columns = true, .columns = INNER, .input = {1, INNER, 0}},
      {.kind = LATENT_OP_LINEAR_BACKWARD_WEIGHTS, .barrier = true, .ones = true, .inner = INNER, .columns = COLUMNS,
       .input = {1, INNER, 0}, .gradient = {2, COLUMNS, 0}, .weights_gradient = {5, 0, 0}, .bias_gradient = {6, 0, 0}}};
  latent_run run = {.rows = ROWS};
  latent_plan_run(pool, ops, 4, buffers, &run, NULL);
  run.rows = PART;
  float *found = floats(sizes[5]), *gradient = buffers[5].data;
  for (size_t first = 0; first < ROWS; first += PART) {
    ops[3].input.offset = first * INNER;
    ops[3].gradient.offset = first * COLUMNS;
    for (int way = 0; way < 2; ++way) {
      ops[3].ones = way == 0;
      latent_plan_run(pool, ops + 3, 1, buffers, &run, NULL);
      if (way == 0) memcpy(found, gradient, sizes[5] * sizeof(float));
    }
    if (memcmp(found, gradient, sizes[5] * sizeof(float))) {
      fprintf(stderr, "FAILED: %s: rows from %zu on took the lists of others\n",
              latent_isa_name(latent_pool_isa(pool)), first);
      ++failures;
    }
  }
  free(found);
  for (int i = 1; i < 7; ++i) free(buffers[i].data);
}

// A Bernoulli's densities beside tiles, for cores that look far ahead and for others.
static void beside(latent_pool *pool, size_t dimensions) {
  enum { ROWS = 43, INNER = 61, INPUT = 1, WEIGHTS_IN, TARGET_IN, PARTIAL, SLOPES, COUNT };
  const size_t wide = (dimensions + 15) / 16 * 16;
  latent_op op = {.kind = LATENT_OP_LIKELIHOOD_FORWARD, .inner = INNER, .columns = (uint32_t)dimensions,
                  .dimensions = (uint32_t)dimensions, .split_columns = true, .input = {INPUT, INNER, 0},
                  .weights = {WEIGHTS_IN, 0, 0}, .target = {TARGET_IN, (uint32_t)wide, 0},
                  .gradient = {SLOPES, (uint32_t)wide, 0}};
  const size_t partial = latent_partial_width(&op);
  op.partial = (latent_operand){PARTIAL, (uint32_t)partial, 0};
  const size_t sizes[COUNT] = {0, ROWS * INNER, INNER * wide, ROWS * wide, ROWS * partial, ROWS * wide};
  latent_buffer buffers[COUNT] = {};
  for (int i = INPUT; i < COUNT; ++i) {
    buffers[i] = (latent_buffer){floats(sizes[i]), sizes[i]};
    for (size_t j = 0; j < sizes[i]; ++j) ((float *)buffers[i].data)[j] = i < PARTIAL ? test_uniform(&state, -1, 1) : 0;
  }
  const latent_run run = {.rows = ROWS, .objective_scale = 0.25f};
  const bool far = latent_looks_far;
  float *found[COUNT] = {};
  for (int way = 0; way < 2; ++way) {
    latent_looks_far = way == 0;
    latent_plan_run(pool, &op, 1, buffers, &run, NULL);
    for (int i = PARTIAL; i < COUNT; ++i) {
      if (way == 0) {
        found[i] = floats(sizes[i]);
        memcpy(found[i], buffers[i].data, sizes[i] * sizeof(float));
        memset(buffers[i].data, 0, sizes[i] * sizeof(float));
      } else if (memcmp(found[i], buffers[i].data, sizes[i] * sizeof(float))) {
        fprintf(stderr, "FAILED: %s: other densities of %zu dimensions beside tiles\n",
                latent_isa_name(latent_pool_isa(pool)), dimensions);
        ++failures;
      }
    }
  }
  latent_looks_far = far;
  for (int i = INPUT; i < COUNT; ++i) free(buffers[i].data), free(found[i]);
}

// 16 MiB of gradients and more, against the same rows a few at a time.
static void densities(latent_pool *pool, latent_likelihood likelihood, size_t dimensions) {
  size_t rows = ((size_t)16 << 20) / sizeof(float) / dimensions + 1;
  enum { INPUT = 1, TARGET, SPREAD, DENSITY, SLOPE, SPREAD_SLOPE, COUNT };
  latent_buffer buffers[COUNT] = {};
  for (int i = INPUT; i < COUNT; ++i) {
    size_t count = i == DENSITY ? rows : rows * dimensions;
    buffers[i] = (latent_buffer){floats(count), count};
  }
  float *values[COUNT], *far[COUNT];
  for (int i = INPUT; i < COUNT; ++i) values[i] = buffers[i].data;
  for (size_t i = 0; i < rows * dimensions; ++i) {
    values[INPUT][i] = (float)(i % 113) * 0.05f - 3;
    values[TARGET][i] = (float)(i % 7) / 7;
    values[SPREAD][i] = (float)(i % 17) * 0.1f - 1;
  }
  uint32_t stride = (uint32_t)dimensions;
  latent_op op = {.kind = LATENT_OP_LOG_DENSITY, .likelihood = likelihood, .dimensions = stride,
                  .input = {INPUT, stride, 0}, .target = {TARGET, stride, 0}, .log_density = {DENSITY, 0, 0},
                  .gradient = {SLOPE, stride, 0}};
  if (likelihood == LATENT_LIKELIHOOD_GAUSSIAN) {
    op.log_variance = (latent_operand){SPREAD, stride, 0};
    op.output = (latent_operand){SPREAD_SLOPE, stride, 0};
  }
  latent_run run = {.rows = (uint32_t)rows, .objective_scale = 0.5f};
  latent_plan_run(pool, &op, 1, buffers, &run, NULL);
  for (int i = DENSITY; i < COUNT; ++i) {
    far[i] = floats(buffers[i].count);
    memcpy(far[i], values[i], buffers[i].count * sizeof(float));
    memset(values[i], 0, buffers[i].count * sizeof(float));
  }
  for (size_t row = 0; row < rows; row += run.rows) {
    run.rows = (uint32_t)(rows - row < 1000 ? rows - row : 1000);
    op.input.offset = op.target.offset = op.gradient.offset = row * dimensions;
    if (op.output.buffer) op.output.offset = op.log_variance.offset = row * dimensions;
    op.log_density.offset = row;
    latent_plan_run(pool, &op, 1, buffers, &run, NULL);
  }
  for (int i = DENSITY; i < COUNT; ++i) {
    if (memcmp(far[i], values[i], buffers[i].count * sizeof(float))) {
      fprintf(stderr, "FAILED: %s: other bits for many rows: %d\n", latent_isa_name(latent_pool_isa(pool)), i);
      ++failures;
    }
    free(far[i]);
  }
  for (int i = INPUT; i < COUNT; ++i) free(buffers[i].data);
}

int main(int count, char **arguments) {
  const char *name = count == 3 && !strcmp(arguments[1], "--isa") ? arguments[2] : NULL;
  int rounds = 0;
  for (int isa = 0; isa < LATENT_ISA_COUNT; ++isa) {
    if (!latent_isa_available((latent_isa)isa)) continue;
    if (name && strcmp(name, latent_isa_name((latent_isa)isa))) continue;
    for (int threads = 1; threads <= 3; ++threads) {
      latent_pool *pool;
      if (latent_pool_create(threads, (latent_isa)isa, &pool)) return 1;
      for (int round = 0; round < (isa == LATENT_ISA_SCALAR ? 14 : 84); ++round, ++rounds) some_ones(pool, round);
      part_of_rows(pool);
      beside(pool, 96);
      beside(pool, 100);
      // More rows than the lists of columns can name.
      if (isa != LATENT_ISA_SCALAR && threads == 2) ones(pool, 0, 1 << 16, 24);
      if (isa != LATENT_ISA_SCALAR && threads == 2) {
        densities(pool, LATENT_LIKELIHOOD_BERNOULLI, 100);
        densities(pool, LATENT_LIKELIHOOD_GAUSSIAN, 112);
      }
      latent_pool_destroy(pool);
    }
  }
  printf("%d products with zeros and ones four ways, %d failed\n", rounds, failures);
  return failures > 0 || rounds == 0;
}
