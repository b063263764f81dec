// A program of its own on the C interface, as a stranger writes it: a network of two layers learns
// which points lie inside a circle, and its parameters have the same bits on one thread and on two.

#include <latent_kernels.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 200, INPUTS = 2, HIDDEN = 24, STEPS = 600 };
// Whole panels of 16 columns, so that rows start on cache lines.
enum { HIDDEN_PANELS = (HIDDEN + 15) / 16, WIDE = HIDDEN_PANELS * 16, PANEL = 16 };

// Where things lie in one block of memory, in floats. Everything starts at zero.
typedef struct memory {
  float x[POINTS][INPUTS], label[POINTS];
  float hidden[POINTS][WIDE], hidden_gradient[POINTS][WIDE];
  float logit_gradient[POINTS][PANEL], partial[POINTS][32], log_density[POINTS];
  // Parameters in panels; of the second layer a transposed copy too, for the way back.
  float w1[HIDDEN_PANELS * INPUTS * PANEL], b1[WIDE], w2[HIDDEN * PANEL], b2[PANEL];
  float w2_transposed[HIDDEN_PANELS * 1 * PANEL];
  // Adam's moments.
  float m[4][WIDE * PANEL], v[4][WIDE * PANEL];
} memory;

static latent_operand at(size_t bytes, uint32_t stride) {
  return (latent_operand){.buffer = 1, .stride = stride, .offset = bytes / sizeof(float)};
}
#define AT(FIELD, STRIDE) at(offsetof(memory, FIELD), STRIDE)

static void fail(const char *what) {
  fprintf(stderr, "train: %s\n", what);
  exit(1);
}

// The training step as data: a list of operations, with barriers where one reads what other threads
// wrote.
static size_t describe(latent_op ops[8]) {
  latent_op layer1 = {.inner = INPUTS, .columns = HIDDEN, .input = AT(x, INPUTS),
                      .weights = AT(w1, 0), .bias = AT(b1, 0)};
  latent_op layer2 = {.inner = HIDDEN, .columns = 1, .dimensions = 1, .input = AT(hidden, WIDE),
                      .likelihood = LATENT_LIKELIHOOD_BERNOULLI, .weights = AT(w2, 0),
                      .weights_transposed = AT(w2_transposed, 0), .bias = AT(b2, 0)};
  size_t count = 0;
  latent_op *op = &ops[count++];
  *op = layer1;
  op->kind = LATENT_OP_LINEAR_FORWARD;
  op->activation = LATENT_ACTIVATION_TANH;
  op->output = AT(hidden, WIDE);

  op = &ops[count++];
  *op = layer2;
  op->kind = LATENT_OP_LIKELIHOOD_FORWARD;
  op->target = AT(label, 1);
  op->partial = AT(partial, 32);
  op->gradient = AT(logit_gradient, PANEL);

  op = &ops[count++];
  *op = layer2;
  op->kind = LATENT_OP_LIKELIHOOD_ROWS;
  op->partial = AT(partial, 32);
  op->log_density = AT(log_density, 0);

  op = &ops[count++];
  *op = layer2;
  op->kind = LATENT_OP_LINEAR_BACKWARD_INPUT;
  op->activation = LATENT_ACTIVATION_TANH;  // the one that made the input
  op->gradient = AT(logit_gradient, PANEL);
  op->output = AT(hidden_gradient, WIDE);

  op = &ops[count++];
  *op = layer2;
  op->kind = LATENT_OP_LINEAR_BACKWARD_WEIGHTS;
  op->barrier = true;
  op->update = true;
  op->gradient = AT(logit_gradient, PANEL);
  op->weights_first_moment = AT(m[0], 0);
  op->weights_second_moment = AT(v[0], 0);
  op->bias_first_moment = AT(m[1], 0);
  op->bias_second_moment = AT(v[1], 0);

  op = &ops[count++];
  *op = layer1;
  op->kind = LATENT_OP_LINEAR_BACKWARD_WEIGHTS;
  op->update = true;
  op->gradient = AT(hidden_gradient, WIDE);
  op->weights_first_moment = AT(m[2], 0);
  op->weights_second_moment = AT(v[2], 0);
  op->bias_first_moment = AT(m[3], 0);
  op->bias_second_moment = AT(v[3], 0);
  return count;
}

static void fill(memory *of) {
  const latent_kernels *kernels = latent_kernels_for(latent_isa_best());
  float normal[2 * POINTS], size[HIDDEN * INPUTS];
  kernels->random_normal(2 * POINTS, 1, LATENT_PURPOSE_OBSERVATION, 0, 0, 0, normal);
  for (int i = 0; i < POINTS; ++i) {
    of->x[i][0] = normal[2 * i];
    of->x[i][1] = normal[2 * i + 1];
    of->label[i] = of->x[i][0] * of->x[i][0] + of->x[i][1] * of->x[i][1] < 1.4f;
  }
  // Element (k, n) of a layer with K inputs lies at (n / 16) K 16 + k 16 + n % 16.
  kernels->random_normal(HIDDEN * INPUTS, 2, LATENT_PURPOSE_INITIALIZATION, 0, 1, 0, size);
  for (int k = 0; k < INPUTS; ++k)
    for (int n = 0; n < HIDDEN; ++n)
      of->w1[n / 16 * INPUTS * 16 + k * 16 + n % 16] = size[k * HIDDEN + n];
  kernels->random_normal(HIDDEN, 3, LATENT_PURPOSE_INITIALIZATION, 0, 2, 0, size);
  for (int k = 0; k < HIDDEN; ++k) {
    of->w2[k * 16] = 0.3f * size[k];
    of->w2_transposed[k / 16 * 16 + k % 16] = of->w2[k * 16];
  }
}

// Trains on so many threads and returns the mean log-likelihood, in nats.
static double train(memory *of, int threads) {
  latent_pool *pool;
  if (latent_pool_create(threads, latent_isa_best(), &pool) != LATENT_OK) fail("no threads");
  latent_op ops[8];
  size_t count = describe(ops), bad;
  const latent_buffer buffers[2] = {{NULL, 0}, {of, sizeof(*of) / sizeof(float)}};
  if (latent_plan_check(ops, count, buffers, 2, POINTS, &bad) != LATENT_OK) fail("a bad operand");
  const double beta1 = 0.9, beta2 = 0.999, rate = 0.02, epsilon = 1e-8;
  double power1 = 1, power2 = 1;
  for (int step = 0; step < STEPS; ++step) {
    power1 *= beta1;
    power2 *= beta2;
    // Moments are held as m / (1 - beta1) and v / (1 - beta2).
    double scale1 = (1 - beta1) / (1 - power1), scale2 = sqrt((1 - beta2) / (1 - power2));
    const latent_run run = {.rows = POINTS, .objective_scale = 1.0f / POINTS,
                            .decay1 = (float)beta1, .decay2 = (float)beta2,
                            .rate = (float)(rate * scale1 / scale2),
                            .epsilon = (float)(epsilon / scale2)};
    latent_plan_run(pool, ops, count, buffers, &run, NULL);
  }
  double sum = 0;
  for (int i = 0; i < POINTS; ++i) sum += of->log_density[i];
  latent_pool_destroy(pool);
  return sum / POINTS;
}

int main(void) {
  static memory one, two;
  fill(&one);
  fill(&two);
  double mean = train(&one, 1);
  printf("mean log-likelihood: %.4f nats\n", mean);
  if (!(mean > -0.1)) fail("it did not learn");
  train(&two, 2);
  if (memcmp(&one, &two, sizeof(one))) fail("two threads gave other bits than one");
  return 0;
}
