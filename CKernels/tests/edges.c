// Where sizes, row numbers and repetition lead past what other tests do: rows that are not in the data, more
// Bernoulli dimensions than one product of factors holds, and moments that fade away.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "latent_kernels.h"

static int failures;
static char message[100];
static guarded regions[3];
static const size_t region_count = 3;

static void expect(bool truth, const char *what, double at) {
  if (truth) return;
  fprintf(stderr, "FAILED: %s: %s (%g)\n", message, what, at);
  ++failures;
}

// The data end where a page does: 5 rows of 20 values, 23 from one to the next, after 7 others.
static void rows_of_the_data(latent_pool *pool, bool bytes) {
  enum { DATA = 5, COLUMNS = 20, STRIDE = 23, OFFSET = 7, COUNT = OFFSET + (DATA - 1) * STRIDE + COLUMNS };
  size_t size = bytes ? 1 : sizeof(float);
  guarded *data = &regions[0];
  *data = guarded_make(COUNT * size, true);
  for (size_t i = 0; i < COUNT; ++i)
    if (bytes) data->start[i] = (uint8_t)(2 * i);
    else ((float *)(void *)data->start)[i] = (float)i;
  // A row number that wraps around comes back to where there is something.
  uint32_t rows[] = {4, 0, 5, 3, UINT32_MAX, 1000, 2};
  enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
  float output[ROWS * COLUMNS];
  latent_op op = {.kind = LATENT_OP_LOAD_ROWS, .columns = COLUMNS,
                  .source_kind = bytes ? LATENT_SOURCE_BYTES : LATENT_SOURCE_FLOATS,
                  .source = {1, STRIDE, OFFSET}, .row_index = {2, 0, 0}, .output = {3, COLUMNS, 0}};
  const latent_run run = {.rows = ROWS};
  // The last time the data are one element shorter than their last row.
  for (size_t less = 0; less < 2; ++less) {
    const latent_buffer buffers[4] = {{NULL, 0}, {data->start, COUNT - less}, {rows, ROWS}, {output, ROWS * COLUMNS}};
    expect(latent_plan_check(&op, 1, buffers, 4, ROWS, NULL) == LATENT_OK, "refused", 0);
    latent_plan_run(pool, &op, 1, buffers, &run, NULL);
    for (size_t row = 0; row < ROWS; ++row)
      for (size_t column = 0; column < COLUMNS; ++column) {
        float found = output[row * COLUMNS + column];
        size_t at = OFFSET + (size_t)rows[row] * STRIDE + column;
        bool there = rows[row] < DATA - less;
        if (there) expect(found == (bytes ? (float)(uint8_t)(2 * at) / 255.0f : (float)at), "another value", rows[row]);
        else expect(isnan(found), "a row that is not there", rows[row]);
      }
  }
  guarded_free(data);
}

// A layer without inputs: y = b, whether or not ones were listed, and db the sum of dY.
static void no_inputs(latent_pool *pool, bool split, bool update) {
  enum { ROWS = 3, COLUMNS = 160 };
  float x[ROWS] = {1, 1, 1}, bias[COLUMNS], output[ROWS * COLUMNS], gradient[ROWS * COLUMNS], sums[COLUMNS];
  float first[COLUMNS] = {0}, second[COLUMNS] = {0}, none[16];
  for (int i = 0; i < COLUMNS; ++i) bias[i] = (float)i, sums[i] = -7;
  for (int i = 0; i < ROWS * COLUMNS; ++i) gradient[i] = (float)(i % COLUMNS + i / COLUMNS), output[i] = -7;
  const latent_buffer buffers[] = {{NULL, 0}, {x, ROWS}, {none, 16}, {bias, COLUMNS}, {output, ROWS * COLUMNS},
                                   {gradient, ROWS * COLUMNS}, {sums, COLUMNS}, {first, COLUMNS}, {second, COLUMNS},
                                   {none, 0}, {none, 0}, {none, 0}, {none, 0}};
  const latent_op ops[4] = {
      {.kind = LATENT_OP_LIST_ONES, .input = {1, 1, 0}},
      {.kind = LATENT_OP_LINEAR_FORWARD, .barrier = true, .split_columns = split, .ones = true, .columns = COLUMNS,
       .input = {1, 1, 0}, .weights = {9, 0, 0}, .bias = {3, 0, 0}, .output = {4, COLUMNS, 0}},
      {.kind = LATENT_OP_LIST_ONES, .split_columns = true, .input = {1, 1, 0}},
      {.kind = LATENT_OP_LINEAR_BACKWARD_WEIGHTS, .barrier = true, .split_columns = split, .ones = true,
       .update = update, .columns = COLUMNS, .input = {1, 1, 0}, .gradient = {5, COLUMNS, 0},
       .weights_gradient = {9, 0, 0}, .bias_gradient = {6, 0, 0}, .weights = {10, 0, 0},
       .weights_first_moment = {11, 0, 0}, .weights_second_moment = {12, 0, 0}, .bias = {6, 0, 0},
       .bias_first_moment = {7, 0, 0}, .bias_second_moment = {8, 0, 0}}};
  size_t bad = 0;
  expect(latent_plan_check(ops, 4, buffers, 13, ROWS, &bad) == LATENT_OK, "refused", (double)bad);
  const latent_run run = {.rows = ROWS, .rate = 1, .decay1 = 1, .decay2 = 1, .epsilon = 1};
  latent_plan_run(pool, ops, 4, buffers, &run, NULL);
  for (int i = 0; i < ROWS * COLUMNS; ++i) expect(output[i] == bias[i % COLUMNS], "no bias in the product", i);
  for (int i = 0; i < COLUMNS; ++i) {
    const float sum = (float)(ROWS * i + 3);
    if (update) expect(first[i] == sum && second[i] == sum * sum && sums[i] < -7, "a bias that is not updated", i);
    else expect(sums[i] == sum, "a bias's gradient", i);
  }
}

// NaN stays NaN whatever its other bits say, on its way through exponentials, too.
static void not_a_number(latent_pool *pool, uint32_t word) {
  float nan;
  memcpy(&nan, &word, sizeof(nan));
  float x[1] = {1}, weights[32] = {[0] = nan, [16] = nan}, target[1] = {0.5f}, variance[1] = {nan};
  float partial[32], gradient[32], density[1];
  const latent_buffer buffers[8] = {{NULL, 0}, {x, 1}, {weights, 32}, {target, 1}, {partial, 32}, {gradient, 32},
                                    {density, 1}, {variance, 1}};
  const latent_run run = {.rows = 1, .objective_scale = 1};
  for (int likelihood = 0; likelihood < LATENT_LIKELIHOOD_COUNT; ++likelihood) {
    const bool paired = likelihood == LATENT_LIKELIHOOD_GAUSSIAN;
    const latent_op ops[2] = {
        {.kind = LATENT_OP_LIKELIHOOD_FORWARD, .likelihood = (latent_likelihood)likelihood, .inner = 1,
         .columns = paired ? 32 : 1, .dimensions = 1, .input = {1, 1, 0}, .weights = {2, 0, 0}, .target = {3, 1, 0},
         .partial = {4, 32, 0}, .gradient = {5, 32, 0}, .variance = {7, 0, 0}},
        {.kind = LATENT_OP_LIKELIHOOD_ROWS, .barrier = true, .likelihood = (latent_likelihood)likelihood,
         .columns = paired ? 32 : 1, .dimensions = 1, .partial = {4, 32, 0}, .log_density = {6, 0, 0}}};
    expect(latent_plan_check(ops, 2, buffers, 8, 1, NULL) == LATENT_OK, "refused", likelihood);
    latent_plan_run(pool, ops, 2, buffers, &run, NULL);
    expect(isnan(gradient[0]) && (!paired || isnan(gradient[16])), "a gradient that is a number", likelihood);
    expect(isnan(density[0]), "a density that is a number", likelihood);
  }
  // A Gaussian's log-variance, and softplus on its way back.
  float heads[2] = {0, nan}, z[1], epsilon[1], log_variance[1], kl[1], stored[1] = {nan}, one[16] = {1}, dx[1];
  uint32_t row[1] = {0};
  const latent_buffer others[10] = {{NULL, 0}, {heads, 2}, {z, 1}, {epsilon, 1}, {log_variance, 1}, {kl, 1}, {row, 1},
                                    {stored, 1}, {one, 16}, {dx, 1}};
  const latent_op ops[2] = {
      {.kind = LATENT_OP_REPARAMETERIZE, .dimensions = 1, .input = {1, 2, 0}, .output = {2, 1, 0},
       .epsilon = {3, 1, 0}, .log_variance = {4, 1, 0}, .kl = {5, 0, 0}, .row_index = {6, 0, 0}},
      {.kind = LATENT_OP_LINEAR_BACKWARD_INPUT, .activation = LATENT_ACTIVATION_SOFTPLUS, .inner = 1, .columns = 1,
       .input = {7, 1, 0}, .gradient = {8, 1, 0}, .weights_transposed = {8, 0, 0}, .output = {9, 1, 0}}};
  expect(latent_plan_check(ops, 2, others, 10, 1, NULL) == LATENT_OK, "refused", 0);
  latent_plan_run(pool, ops, 2, others, &run, NULL);
  expect(isnan(z[0]) && isnan(kl[0]) && isnan(log_variance[0]), "a draw that is a number", z[0]);
  expect(isnan(dx[0]), "a derivative that is a number", dx[0]);
}

// The KL of the first dimension is 0, of the second 1/2: gates open above the free bits, not at them.
static void gates(latent_pool *pool, float free_bits, float first, float second) {
  enum { ROWS = 2 };
  float heads[ROWS * 4] = {0, 1, 0, 0, 0, 1, 0, 0}, log_variance[ROWS * 2] = {0}, gate[2] = {7, 7};
  const latent_op op = {.kind = LATENT_OP_KL_GATE, .dimensions = 2, .input = {1, 4, 0},
                        .log_variance = {2, 2, 0}, .gate = {3, 0, 0}};
  const latent_buffer buffers[4] = {{NULL, 0}, {heads, ROWS * 4}, {log_variance, ROWS * 2}, {gate, 2}};
  const latent_run run = {.rows = ROWS, .free_bits = free_bits};
  expect(latent_plan_check(&op, 1, buffers, 4, ROWS, NULL) == LATENT_OK, "refused", free_bits);
  latent_plan_run(pool, &op, 1, buffers, &run, NULL);
  expect(gate[0] == first && gate[1] == second, "other gates are open", free_bits);
}

// Logits of zero have a log-likelihood of log 1/2 each, of 40 nearly nothing or 40.
static void many_dimensions(latent_pool *pool, uint32_t dimensions) {
  size_t wide = (dimensions + 15) / 16 * 16;
  float *weights = calloc(wide, sizeof(float)), *target = calloc(2 * wide, sizeof(float));
  float *logits = calloc(2 * wide, sizeof(float)), input[2] = {0, 40}, densities[4] = {0};
  const latent_op width = {.columns = dimensions, .likelihood = LATENT_LIKELIHOOD_BERNOULLI};
  size_t partial_width = latent_partial_width(&width);
  float *partial = calloc(2 * partial_width, sizeof(float));
  if (!weights || !target || !logits || !partial) abort();
  for (size_t i = 0; i < dimensions; ++i) {
    weights[i] = 1;
    target[wide + i] = i % 2;
    logits[wide + i] = 40;
  }
  const latent_buffer buffers[7] = {{NULL, 0}, {weights, wide}, {target, 2 * wide}, {logits, 2 * wide}, {input, 2},
                                    {densities, 4}, {partial, 2 * partial_width}};
  const latent_op forward = {.kind = LATENT_OP_LIKELIHOOD_FORWARD, .inner = 1, .columns = dimensions,
                             .dimensions = dimensions, .input = {4, 1, 0}, .weights = {1, 0, 0},
                             .target = {2, (uint32_t)wide, 0}, .partial = {6, (uint32_t)partial_width, 0}};
  latent_op rows = forward;
  rows.kind = LATENT_OP_LIKELIHOOD_ROWS;
  rows.barrier = true;
  rows.log_density = (latent_operand){5, 0, 0};
  const latent_op density = {.kind = LATENT_OP_LOG_DENSITY, .dimensions = dimensions, .input = {3, (uint32_t)wide, 0},
                             .target = {2, (uint32_t)wide, 0}, .log_density = {5, 0, 2}};
  const latent_op ops[3] = {forward, rows, density};
  const latent_run run = {.rows = 2, .objective_scale = 1};
  size_t bad = 0;
  expect(latent_plan_check(ops, 3, buffers, 7, 2, &bad) == LATENT_OK, "refused", (double)bad);
  latent_plan_run(pool, ops, 3, buffers, &run, NULL);
  double even = -(double)dimensions * log(2), far = -40.0 * (double)((dimensions + 1) / 2);
  for (int way = 0; way < 2; ++way) {
    expect(fabs(densities[2 * way] - even) <= 1e-6 * -even, "logits of zero", densities[2 * way]);
    expect(fabs(densities[2 * way + 1] - far) <= 1e-6 * -far, "logits of 40", densities[2 * way + 1]);
  }
  free(weights), free(target), free(logits), free(partial);
}

// Weights that get no gradient any more: their moments fall by their decay at every step, and where a step looks
// for those below 2^-95 they are zero first; never subnormal. Lanes begin at different values of both signs.
static void fading_moments(latent_pool *pool, latent_op_kind kind, bool counted) {
  enum { ROWS = 32, INNER = 40, COLUMNS = 48, COUNT = INNER * COLUMNS };
  static float zeros[COUNT], rows[ROWS * COLUMNS];
  static float weights[COUNT], first[COUNT], second[COUNT], expected_first[COUNT], expected_second[COUNT];
  float bias[COLUMNS] = {0}, bias_first[COLUMNS] = {0}, bias_second[COLUMNS] = {0};
  for (int i = 0; i < COUNT; ++i) {
    weights[i] = 0;
    first[i] = expected_first[i] = (i % 2 ? -1.0f : 1.0f) * ldexpf(1 + (float)(i % 64) / 64, 2 - i % 7);
    second[i] = expected_second[i] = ldexpf(1 + (float)(i % 64) / 64, 3 - i % 5);
  }
  float *arrays[] = {NULL, weights, zeros, first, second, bias, zeros, bias_first, bias_second, rows};
  latent_buffer buffers[10] = {{NULL, 0}};
  for (int i = 1; i < 9; ++i) buffers[i] = (latent_buffer){arrays[i], i < 5 ? COUNT : COLUMNS};
  buffers[9] = (latent_buffer){rows, ROWS * COLUMNS};
  const latent_op op = {.kind = kind, .update = true, .inner = INNER, .columns = COLUMNS, .weights = {1, 0, 0},
                        .weights_gradient = {2, 0, 0}, .weights_first_moment = {3, 0, 0},
                        .weights_second_moment = {4, 0, 0}, .bias = {5, 0, 0}, .bias_gradient = {6, 0, 0},
                        .bias_first_moment = {7, 0, 0}, .bias_second_moment = {8, 0, 0},
                        .input = {9, COLUMNS, 0}, .gradient = {9, COLUMNS, 0}};
  latent_run run = {.rows = ROWS, .decay1 = 0.875f, .decay2 = 0.8125f, .rate = 0.001f, .epsilon = 1e-8f};
  expect(latent_plan_check(&op, 1, buffers, 10, ROWS, NULL) == LATENT_OK, "refused", 0);
  for (int step = 0; step < 704; ++step) {
    const bool looks = !counted || step % 64 == 0;
    run.step = counted ? (uint32_t)step : 0;
    latent_plan_run(pool, &op, 1, buffers, &run, NULL);
    for (int i = 0; i < COUNT; ++i) {
      const bool fades[2] = {looks && fabsf(expected_first[i]) < 0x1p-95f, looks && expected_second[i] < 0x1p-95f};
      expected_first[i] = fades[0] ? 0 : expected_first[i] * run.decay1;
      expected_second[i] = fades[1] ? 0 : expected_second[i] * run.decay2;
      expect(first[i] == expected_first[i], "a first moment", first[i]);
      expect(second[i] == expected_second[i], "a second moment", second[i]);
      expect(first[i] == 0 || isnormal(first[i]), "a subnormal first moment", first[i]);
      expect(second[i] == 0 || isnormal(second[i]), "a subnormal second moment", second[i]);
      if (step == 703) expect(first[i] == 0 && second[i] == 0, "moments that stay", first[i]);
    }
  }
}

int main(void) {
  guarded_watch(message, regions, &region_count);
  for (int isa = 0; isa < LATENT_ISA_COUNT; ++isa) {
    if (!latent_isa_available((latent_isa)isa)) continue;
    for (int threads = 1; threads <= 3; threads += 2) {
      latent_pool *pool;
      if (latent_pool_create(threads, (latent_isa)isa, &pool)) return 1;
      snprintf(message, sizeof(message), "%s, %d threads", latent_isa_name((latent_isa)isa), threads);
      for (int bytes = 0; bytes < 2; ++bytes) rows_of_the_data(pool, bytes);
      for (int way = 0; way < 4; ++way) no_inputs(pool, way & 1, way & 2);
      // x86's own, ARM's own, and some that files may hold.
      static const uint32_t words[] = {0xffc00000, 0x7fc00000, 0x7fffffff, 0xffc00080, 0x7fc00042, 0xffffff7f};
      for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); ++i) {
        snprintf(message, sizeof(message), "%s, %d threads, NaN %08x", latent_isa_name((latent_isa)isa), threads, words[i]);
        not_a_number(pool, words[i]);
      }
      snprintf(message, sizeof(message), "%s, %d threads", latent_isa_name((latent_isa)isa), threads);
      gates(pool, 0, 0, 1);
      gates(pool, 0.4f, 0, 1);
      gates(pool, 0.5f, 0, 0);
      static const uint32_t dimensions[] = {1, 48, 49, 1439, 1440, 1441, 1488, 2880, 2881, 6000, 20000};
      for (size_t i = 0; i < sizeof(dimensions) / sizeof(dimensions[0]); ++i) many_dimensions(pool, dimensions[i]);
      for (int counted = 0; counted < 2; ++counted) {
        fading_moments(pool, LATENT_OP_ADAM, counted);
        fading_moments(pool, LATENT_OP_LINEAR_BACKWARD_WEIGHTS, counted);
      }
      latent_pool_destroy(pool);
    }
  }
  printf("edges: %d failed\n", failures);
  return failures > 0;
}
