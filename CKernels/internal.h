// What the instruction sets, the pool and the executor share.

#ifndef LATENT_INTERNAL_H
#define LATENT_INTERNAL_H

#include <math.h>
#include <string.h>

#include "latent_kernels.h"

// Columns are dealt to threads, and likelihoods summed, in groups of whole panels. The group is the
// same on every instruction set, since it decides the order of sums.
enum { LATENT_GROUP_PANELS = 3, LATENT_PAIRED_GROUP_PANELS = 2 };

static inline uint32_t latent_samples(const latent_op *op) { return op->samples ? op->samples : 1; }
// Columns whose weights, one group of panels wide, stay in L1 while all rows of a batch of ones pass: whole
// vectors, their numbers and one more in a byte.
enum { LATENT_ONES_BLOCK = 208 };
static inline size_t latent_ones_blocks(size_t columns) {
  return (columns + LATENT_ONES_BLOCK - 1) / LATENT_ONES_BLOCK;
}

// What one thread does of one operation.
typedef struct latent_task {
  const latent_op *op;
  const latent_buffer *buffers;
  const latent_run *run;  // its rows are those that the operation works on, draws included
  int thread, threads;
  float *scratch;  // of this thread's own, see plan.c
  uint32_t *ones;  // the lists of LIST_ONES, all threads'; NULL where the plan makes none
} latent_task;

typedef void latent_execute(const latent_task *task);

// One range of rows of a mixture's pass, see kernels/mixture.h.
enum { LATENT_MIXTURE_BLOCK = 192 };
typedef struct latent_mixture_kernels {
  size_t (*parameter_bytes)(const latent_mixture *pass);
  size_t (*scratch_bytes)(const latent_mixture *pass);
  void (*pack)(const latent_mixture *pass, void *parameters);
  void (*range)(const latent_mixture *pass, const void *parameters, void *scratch, size_t row,
                size_t row_end, double *statistics);
} latent_mixture_kernels;

// Everything compiled once per instruction set.
typedef struct latent_backend {
  latent_kernels kernels;
  latent_mixture_kernels mixture[2];  // double, float
  latent_execute *operations[LATENT_OP_KIND_COUNT];
  // scatter.c: pack rows [first, first + count) of the source; multiply a packed range.
  void (*scatter_pack)(const latent_scatter *scatter, size_t first, size_t count, void *packed,
                       int thread, int threads);
  void (*scatter_products)(const latent_scatter *scatter, size_t count, const void *packed,
                           int thread, int threads);
} latent_backend;

extern const latent_backend latent_backend_scalar, latent_backend_baseline, latent_backend_neon,
    latent_backend_avx2, latent_backend_avx512;
const latent_backend *latent_backend_for(latent_isa isa);
// Whether cores look so far ahead that an update's chain of latencies needs no stages (see latent_work): AMD's.
// The same bits; tests set it.
extern bool latent_looks_far;

// Work for all threads of a pool at once; each is told its number. Within it they may meet at
// latent_pool_barrier. The call returns when all are done.
typedef void latent_job(latent_pool *pool, const void *context, int thread);
void latent_pool_run(latent_pool *pool, latent_job *job, const void *context);
// The same, with `words` of memory that all threads share, kept from one job to the next: its address
// is latent_pool_shared(), NULL if memory is short.
void latent_pool_run_sharing(latent_pool *pool, size_t words, latent_job *job, const void *context);
uint32_t *latent_pool_shared(latent_pool *pool);
void latent_pool_barrier(latent_pool *pool);
// Room for `floats` for each thread, kept from one job to the next; NULL if memory is short. To be
// asked for by the job's own thread, within the job.
float *latent_pool_scratch(latent_pool *pool, int thread, size_t floats);
const latent_backend *latent_pool_backend(const latent_pool *pool);

// The cores' worth of time that control groups grant to the members of `membership` (as
// /proc/self/cgroup has them), with their files below `mount`; 0 for no limit.
double latent_quota(const char *membership, const char *mount);

static inline size_t latent_panels(size_t columns) { return (columns + 15) / 16; }

static inline float *latent_floats(const latent_task *task, latent_operand operand) {
  float *data = operand.buffer ? task->buffers[operand.buffer].data : NULL;
  return data ? data + operand.offset : NULL;
}

// The `part`-th of `parts` nearly equal ranges of [0, count).
typedef struct latent_range { size_t start, end; } latent_range;
static inline latent_range latent_share(size_t count, int part, int parts) {
  return (latent_range){count * (size_t)part / (size_t)parts,
                        count * (size_t)(part + 1) / (size_t)parts};
}

#endif
