// A mixture's pass on the pool: fixed ranges of rows, taken by whichever thread is free, joined by a
// fixed tree one wave at a time, so that memory for statistics does not grow with the rows.

#include <stdatomic.h>

#include "internal.h"

enum { RANGE_ROWS = 8 * LATENT_MIXTURE_BLOCK, WAVE_RANGES = 32 };

size_t latent_mixture_wave_rows(void) { return (size_t)RANGE_ROWS * WAVE_RANGES; }
size_t latent_mixture_range_rows(void) { return RANGE_ROWS; }

latent_mixture_layout latent_mixture_statistics(const latent_mixture *pass) {
  size_t components = pass->components, padded = ((size_t)pass->columns + 15) / 16 * 16;
  latent_mixture_layout layout = {.padded = padded, .counts = 16};
  layout.sums = layout.counts + (components + 15) / 16 * 16;
  // Kernels write the rows of four components at a time.
  size_t rows = (components + 3) / 4 * 4 * padded;
  layout.squares = layout.sums + rows;
  layout.total = layout.squares;
  if (pass->squares == LATENT_SQUARES_DIAGONAL) layout.total += rows;
  if (pass->squares == LATENT_SQUARES_FULL) layout.total += components * padded * padded;
  return layout;
}

static latent_status check(const latent_mixture *pass) {
  if ((unsigned)pass->density > LATENT_DENSITY_DIAGONAL || (unsigned)pass->squares > LATENT_SQUARES_FULL)
    return LATENT_ERROR_OPERATION;
  const size_t columns = pass->columns, components = pass->components, values = components * columns;
  if (columns > INT32_MAX || components > INT32_MAX || pass->stride < columns) return LATENT_ERROR_OPERAND;
  // Bytes of statistics, whose slots are many, and whiteners; and of the rows and what is made of them.
  const size_t padded = (columns + 15) / 16 * 16;
  const bool full = pass->squares == LATENT_SQUARES_FULL || pass->density != LATENT_DENSITY_DIAGONAL;
  size_t made, rows, row;
  if (__builtin_mul_overflow((components + 4) * (padded + 16), ((full ? padded : 0) + 4) * WAVE_RANGES * 2 * 8, &made) ||
      __builtin_add_overflow(pass->stride, components, &row) ||
      __builtin_mul_overflow(row, (size_t)8, &row) || __builtin_mul_overflow(pass->rows, row, &rows) ||
      made > PTRDIFF_MAX || rows > PTRDIFF_MAX)
    return LATENT_ERROR_OPERAND;
  if ((columns && !pass->shift) || (values && (!pass->centers || !pass->whiteners)) ||
      (components && !pass->constants) || (columns && pass->rows && !pass->x))
    return LATENT_ERROR_OPERAND;
  // A range that ends with a piece would be taken for a whole one.
  if (pass->statistics && pass->more && pass->rows % RANGE_ROWS) return LATENT_ERROR_OPERAND;
  return pass->waiting < WAVE_RANGES ? LATENT_OK : LATENT_ERROR_OPERAND;
}

typedef struct mixture_job {
  const latent_mixture *pass;
  const latent_mixture_kernels *kernels;
  latent_mixture_layout layout;
  char *parameters, *scratch;
  size_t scratch_bytes;
  double *slots;  // [WAVE_RANGES x layout.total]
  // Ranges taken, in this wave and in the next.
  _Atomic size_t *taken;
} mixture_job;

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

// Parameters, a scratch for each thread, and slots, one after the other: the bytes of all.
static size_t lay_out(const latent_pool *pool, const latent_mixture *pass, mixture_job *job,
                      size_t *scratch, size_t *slots) {
  *job = (mixture_job){.pass = pass, .layout = latent_mixture_statistics(pass)};
  job->kernels = &latent_pool_backend(pool)->mixture[pass->single];
  job->scratch_bytes = aligned(job->kernels->scratch_bytes(pass));
  *scratch = aligned(job->kernels->parameter_bytes(pass));
  *slots = *scratch + job->scratch_bytes * (size_t)latent_pool_threads(pool);
  return *slots + (pass->statistics ? aligned(job->layout.total * WAVE_RANGES * sizeof(double)) : 0);
}

size_t latent_mixture_workspace(const latent_pool *pool, const latent_mixture *pass) {
  mixture_job job;
  size_t scratch, slots;
  return check(pass) == LATENT_OK ? lay_out(pool, pass, &job, &scratch, &slots) : 0;
}

// statistics += the tree over `ranges` slots, this thread's part of it: neighbours first, then pairs of them,
// and so on.
static void join(const mixture_job *job, size_t ranges, int thread, int threads) {
  enum { CHUNK = 512 };
  size_t total = job->layout.total;
  const latent_range share = latent_share(total, thread, threads);
  for (size_t chunk = share.start; chunk < share.end; chunk += CHUNK) {
    size_t end = chunk + CHUNK < share.end ? chunk + CHUNK : share.end;
    for (size_t step = 1; step < ranges; step *= 2)
      for (size_t range = 0; range + step < ranges; range += 2 * step) {
        double *to = job->slots + range * total;
        const double *from = job->slots + (range + step) * total;
        for (size_t i = chunk; i < end; ++i) to[i] += from[i];
      }
    for (size_t i = chunk; i < end; ++i) job->pass->statistics[i] += job->slots[i];
  }
}

static void work(latent_pool *pool, const void *context, int thread) {
  const mixture_job *job = context;
  const latent_mixture *pass = job->pass;
  char *scratch = job->scratch + job->scratch_bytes * (size_t)thread;
  if (thread == 0) job->kernels->pack(pass, job->parameters);
  latent_pool_barrier(pool);
  const int threads = latent_pool_threads(pool);
  size_t all = (pass->rows + RANGE_ROWS - 1) / RANGE_ROWS;
  // Without statistics nothing is joined, and one wave takes everything.
  size_t wave_ranges = pass->statistics ? WAVE_RANGES : all;
  size_t waiting = pass->statistics ? pass->waiting : 0;
  for (size_t first = 0, wave = 0; first < all; ++wave) {
    size_t room = wave_ranges - waiting, ranges = all - first < room ? all - first : room;
    for (;;) {
      size_t range = atomic_fetch_add(&job->taken[wave % 2], 1);
      if (range >= ranges) break;
      size_t row = (first + range) * RANGE_ROWS;
      size_t end = row + RANGE_ROWS < pass->rows ? row + RANGE_ROWS : pass->rows;
      double *slot = job->slots + (waiting + range) * job->layout.total;
      job->kernels->range(pass, job->parameters, scratch, row, end,
                          pass->statistics ? slot : NULL);
    }
    latent_pool_barrier(pool);
    if (thread == 0) atomic_store(&job->taken[wave % 2], 0);
    first += ranges;
    waiting += ranges;
    if (!pass->statistics || (waiting < WAVE_RANGES && pass->more)) continue;
    join(job, waiting, thread, threads);
    latent_pool_barrier(pool);
    waiting = 0;
  }
  // A last piece without rows: those before it wait still.
  if (pass->statistics && waiting && !pass->more) join(job, waiting, thread, threads);
}

latent_status latent_mixture_run(latent_pool *pool, const latent_mixture *pass, void *workspace) {
  const latent_status status = check(pass);
  if (status != LATENT_OK) return status;
  if (!workspace || (uintptr_t)workspace % 64) return LATENT_ERROR_OPERAND;
  _Atomic size_t taken[2] = {0, 0};
  mixture_job job;
  size_t scratch, slots;
  lay_out(pool, pass, &job, &scratch, &slots);
  job.parameters = workspace;
  job.scratch = (char *)workspace + scratch;
  job.slots = (double *)(void *)((char *)workspace + slots);
  job.taken = taken;
  latent_pool_run(pool, work, &job);
  return LATENT_OK;
}
