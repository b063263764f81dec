// Plans, run: every thread walks the list, with barriers where it asks for them. check.c has looked at it before.

#include <stdlib.h>

#include "internal.h"

// Words of the lists of ones: see latent_ones in kernels/ones.h.
static size_t ones_size(size_t rows, size_t columns) {
  size_t blocks = latent_ones_blocks(columns), fours = (columns + 3) / 4;
  return LATENT_MAXIMUM_THREADS * 16 + rows * (blocks + 1) + rows * ((columns + blocks + 16 + 3) / 4) +
         5 * fours + (rows + 1) * fours * 2;
}

// Floats that a thread needs beside an operation: a weights' gradient packs a group of dY's columns, and a row
// of zeros; a product a group of weights in plain rows, or orders the rows of a batch of ones (kernels/gather.h).
static size_t scratch_size(const latent_op *op, size_t rows) {
  const size_t group = LATENT_GROUP_PANELS * 16;
  if (op->kind == LATENT_OP_LINEAR_BACKWARD_WEIGHTS) return (rows * latent_samples(op) + 1) * group;
  if (op->layout != LATENT_LAYOUT_PANELS) return op->inner * group;
  return op->ones ? op->inner * group + rows * latent_ones_blocks(op->inner) : 0;
}

typedef struct plan_context {
  const latent_op *ops;
  size_t count;
  const latent_buffer *buffers;
  const latent_run *run;
  uint64_t *timestamps;
} plan_context;

static void walk(latent_pool *pool, const void *context, int thread) {
  const plan_context *plan = context;
  const latent_backend *backend = latent_pool_backend(pool);
  int threads = latent_pool_threads(pool);
  latent_run run = *plan->run;
  latent_task task = {NULL, plan->buffers, &run, thread, threads, NULL, NULL};
  size_t scratch = 0;
  for (size_t i = 0; i < plan->count; ++i) {
    const latent_op *op = &plan->ops[i];
    size_t floats = scratch_size(op, run.rows);
    if (scratch < floats) scratch = floats;
    // A part of a plan may go on with the lists that the part before it made.
    if (op->kind == LATENT_OP_LIST_ONES || op->ones) task.ones = latent_pool_shared(pool);
  }
  task.scratch = latent_pool_scratch(pool, thread, scratch);
  if (scratch && !task.scratch) abort();
  for (size_t i = 0; i < plan->count; ++i) {
    task.op = &plan->ops[i];
    run.rows = plan->run->rows * latent_samples(task.op);
    if (task.op->barrier) latent_pool_barrier(pool);
    uint64_t *stamp = plan->timestamps
                          ? plan->timestamps + 2 * (i * (size_t)threads + (size_t)thread)
                          : NULL;
    if (stamp) stamp[0] = latent_ticks();
    backend->operations[task.op->kind](&task);
    if (stamp) stamp[1] = latent_ticks();
  }
}

void latent_plan_run(latent_pool *pool, const latent_op *ops, size_t count,
                     const latent_buffer *buffers, const latent_run *run, uint64_t *timestamps) {
  if (count == 0 || run->rows == 0) return;
  const plan_context context = {ops, count, buffers, run, timestamps};
  size_t words = 0;
  for (size_t i = 0; i < count; ++i)
    if (ops[i].kind == LATENT_OP_LIST_ONES) words = ones_size(run->rows, ops[i].columns);
  latent_pool_run_sharing(pool, words, walk, &context);
}
