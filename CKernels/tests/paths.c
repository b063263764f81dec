// Where an operation has two ways to a result they give the same bits: products with batches of zeros
// and ones as sums of gathered rows, and log densities whose gradients go past the caches.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "step.h"

enum { MOST_ROWS = 150, MOST_INNER = 600, MOST_COLUMNS = 112 };
enum { X = 1, WEIGHTS, BIAS, Y, GRADIENT, WEIGHTS_GRADIENT, BIAS_GRADIENT, BUFFERS };

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
  if (content == LIMIT || content == JUST_OVER) wanted = (size_t)(0.3 * (double)count) + (content == JUST_OVER);
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

static void ones(latent_pool *pool, int round) {
  static const size_t inners[] = {1, 15, 16, 33, 255, 256, 257, 600};
  static const size_t column_counts[] = {1, 16, 17, 33, 48, 49, 70, 112};
  size_t rows = 1 + below(MOST_ROWS - 1), inner = inners[below(8)], columns = column_counts[below(8)];
  size_t stride = below(2) ? inner : (inner + 15) / 16 * 16, wide = (columns + 15) / 16 * 16;
  content content = (enum content)(round % CONTENTS);
  float *x = floats(MOST_ROWS * (MOST_INNER + 16));
  fill(x, rows, inner, stride, content);
  const size_t sizes[BUFFERS] = {0, rows * stride + 16, inner * wide, wide, rows * wide, rows * wide, inner * wide, wide};
  latent_buffer buffers[BUFFERS] = {{NULL, 0}, {x, sizes[X]}};
  for (int i = X + 1; i < BUFFERS; ++i) buffers[i] = (latent_buffer){floats(sizes[i]), sizes[i]};
  float *weights = buffers[WEIGHTS].data, *bias = buffers[BIAS].data, *gradient = buffers[GRADIENT].data;
  for (size_t i = 0; i < sizes[WEIGHTS]; ++i) weights[i] = test_uniform(&state, -1, 1);
  for (size_t i = 0; i < wide; ++i) bias[i] = test_uniform(&state, -1, 1);
  for (size_t i = 0; i < rows * wide; ++i) gradient[i] = test_uniform(&state, -1, 1);
  // A sum of no terms keeps a minus zero only in the dense product.
  if (round % 3 == 1) bias[below(columns)] = -0.0f;
  if (round % 3 == 1) memset(x, 0, sizes[X] / 2 * sizeof(float));
  uint32_t inner_word = (uint32_t)inner, column_word = (uint32_t)columns, stride_word = (uint32_t)stride;
  latent_op ops[4] = {
      {.kind = LATENT_OP_LIST_ONES, .columns = inner_word, .input = {X, stride_word, 0}},
      {.kind = LATENT_OP_LINEAR_FORWARD, .barrier = true, .ones = true, .split_columns = below(2),
       .activation = (latent_activation)below(LATENT_ACTIVATION_COUNT), .inner = inner_word, .columns = column_word,
       .input = {X, stride_word, 0}, .weights = {WEIGHTS, 0, 0}, .output = {Y, (uint32_t)wide, 0}},
      {.kind = LATENT_OP_LIST_ONES, .split_columns = true, .columns = inner_word, .input = {X, stride_word, 0}},
      {.kind = LATENT_OP_LINEAR_BACKWARD_WEIGHTS, .barrier = true, .ones = true, .split_columns = below(2),
       .inner = inner_word, .columns = column_word, .input = {X, stride_word, 0},
       .gradient = {GRADIENT, (uint32_t)wide, 0}, .weights_gradient = {WEIGHTS_GRADIENT, 0, 0},
       .bias_gradient = {BIAS_GRADIENT, 0, 0}}};
  if (round % 4) ops[1].bias = (latent_operand){BIAS, 0, 0};
  const latent_run run = {.rows = (uint32_t)rows};
  float *found[3], *const results[3] = {buffers[Y].data, buffers[WEIGHTS_GRADIENT].data, buffers[BIAS_GRADIENT].data};
  const size_t counts[3] = {rows * wide, inner * wide, wide};
  for (int way = 0; way < 2; ++way) {
    ops[1].ones = ops[3].ones = way == 0;
    size_t bad = 0;
    if (latent_plan_check(ops, 4, buffers, BUFFERS, run.rows, &bad)) {
      fprintf(stderr, "FAILED: operation %zu is refused\n", bad);
      ++failures;
      break;
    }
    for (int i = 0; i < 3; ++i) memset(results[i], 0xff, counts[i] * sizeof(float));
    latent_plan_run(pool, ops, 4, buffers, &run, NULL);
    if (way == 0)
      for (int i = 0; i < 3; ++i) {
        found[i] = floats(counts[i]);
        memcpy(found[i], results[i], counts[i] * sizeof(float));
      }
  }
  static const char *const names[3] = {"forward", "weights' gradient", "bias's gradient"};
  for (int i = 0; i < 3; ++i) {
    bool equal = true, plain = false;
    for (size_t j = 0; j < counts[i]; ++j) {
      bool both = isnan(found[i][j]) && isnan(results[i][j]);
      equal &= both || !memcmp(&found[i][j], &results[i][j], sizeof(float));
      plain |= !isnan(found[i][j]) && found[i][j] != 0;
    }
    if (!equal || (!plain && content == FEW_ONES && rows * inner > 200 && round % 3 != 1)) {
      fprintf(stderr, "FAILED: %s, %d threads, round %d: %s, %zu x %zu by %zu, content %d: %s\n",
              latent_isa_name(latent_pool_isa(pool)), latent_pool_threads(pool), round, names[i], rows, inner,
              columns, (int)content, equal ? "nothing" : "other bits");
      ++failures;
    }
    free(found[i]);
  }
  for (int i = X; i < BUFFERS; ++i) free(buffers[i].data);
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
      for (int round = 0; round < (isa == LATENT_ISA_SCALAR ? 14 : 84); ++round, ++rounds) ones(pool, round);
      if (isa != LATENT_ISA_SCALAR && threads == 2) {
        densities(pool, LATENT_LIKELIHOOD_BERNOULLI, 100);
        densities(pool, LATENT_LIKELIHOOD_GAUSSIAN, 112);
      }
      latent_pool_destroy(pool);
    }
  }
  printf("%d products with zeros and ones two ways, %d failed\n", rounds, failures);
  return failures > 0 || rounds == 0;
}
