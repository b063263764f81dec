// One training step of a VAE as a plan, for the tests: layers on packed parameters, a workspace that
// holds every matrix, and barriers where an operation reads what other threads wrote.

#ifndef LATENT_TESTS_STEP_H
#define LATENT_TESTS_STEP_H

#include "latent_kernels.h"

typedef struct step_options {
  int widths[5];  // data, hidden ..., latent; a zero ends them
  latent_activation activation;
  latent_likelihood likelihood;
  latent_transform transform;
  latent_source source;
  bool learns;  // else forward only, as far as the log densities
  bool update;  // Adam beside the gradient, else from the written gradient
  bool gate;    // free bits
  bool ones;    // the first layer by lists of ones
  bool tight;   // strides without room for whole panels
  uint32_t samples;  // draws of z a row; 0 means 1
  latent_objective objective;
} step_options;

enum { STEP_DATA_ROWS = 64, STEP_CAPACITY = 33, STEP_OPS = 48, STEP_TENSORS = 32 };
enum {
  STEP_WORKSPACE = 1, STEP_PARAMETERS, STEP_TRANSPOSED, STEP_GRADIENTS, STEP_FIRST, STEP_SECOND,
  STEP_SOURCE, STEP_ROW_INDEX, STEP_BUFFERS,
};

// What a digest reads of the workspace.
typedef struct step_tensor {
  latent_operand operand;
  size_t columns;
  size_t draws;  // [rows * draws x columns]; 0: [columns]
} step_tensor;

typedef struct step {
  latent_op ops[STEP_OPS];
  size_t count;
  latent_buffer buffers[STEP_BUFFERS];
  step_tensor tensors[STEP_TENSORS];
  size_t tensor_count;
  latent_operand kl, log_density;  // [rows], [rows * samples]
} step;

// Exits with a message where it cannot.
step *step_make(step_options options);
void step_free(step *step);
// Batch number `number`, of `rows` rows.
void step_run(step *step, latent_pool *pool, uint32_t rows, uint32_t number);

// Random numbers that are the same everywhere (splitmix64).
uint64_t test_random(uint64_t *state);
float test_uniform(uint64_t *state, float low, float high);

// FNV-1a. Floats count by their bits, not-a-numbers all alike.
typedef uint64_t digest;
static const digest DIGEST_START = 0xcbf29ce484222325u;
digest digest_words(digest digest, size_t count, const uint32_t words[count]);
digest digest_floats(digest digest, size_t count, const float values[count]);
digest digest_step(digest digest, const step *step, uint32_t rows);

#endif
