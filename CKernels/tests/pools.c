// Instruction sets, pools and what running a plan tells.

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "latent_kernels.h"

static int failures, checks;

static void expect(bool truth, const char *what) {
  ++checks;
  if (truth) return;
  fprintf(stderr, "FAILED: %s\n", what);
  ++failures;
}

static void sets(void) {
  static const char *const names[] = {"scalar", "baseline", "neon", "avx2", "avx512"};
  int best = -1;
  for (int isa = 0; isa < LATENT_ISA_COUNT; ++isa) {
    expect(!strcmp(latent_isa_name((latent_isa)isa), names[isa]), names[isa]);
    bool available = latent_isa_available((latent_isa)isa);
    expect(available == (latent_kernels_for((latent_isa)isa) != NULL), "a table for what is available");
    if (available) best = isa;
    latent_pool *pool;
    latent_status status = latent_pool_create(3, (latent_isa)isa, &pool);
    expect(status == (available ? LATENT_OK : LATENT_ERROR_INSTRUCTION_SET), "a pool for what is available");
    expect((pool != NULL) == available, "a pool or none");
    if (!pool) continue;
    expect(latent_pool_isa(pool) == (latent_isa)isa && latent_pool_threads(pool) == 3, "the pool asked for");
    latent_pool_destroy(pool);
  }
  expect(latent_isa_available(LATENT_ISA_SCALAR) && latent_isa_available(LATENT_ISA_BASELINE),
         "scalar and baseline everywhere");
#if defined(__x86_64__)
  expect(!latent_isa_available(LATENT_ISA_NEON), "no NEON on x86-64");
#endif
  // They are numbered from slow to fast.
  expect((int)latent_isa_best() == best, "the fastest is the best");
  expect(!strcmp(latent_isa_name((latent_isa)LATENT_ISA_COUNT), "unknown"), "no name for a sixth set");
  expect(!strcmp(latent_isa_name((latent_isa)-1), "unknown"), "no name for a negative set");
  expect(!latent_isa_available((latent_isa)LATENT_ISA_COUNT), "no sixth set");
  expect(!latent_kernels_for((latent_isa)LATENT_ISA_COUNT), "no kernels of a sixth set");
  static char somewhere;
  latent_pool *pool = (latent_pool *)(void *)&somewhere;
  expect(latent_pool_create(0, latent_isa_best(), &pool) == LATENT_ERROR_THREADS && !pool, "0 threads");
  expect(latent_pool_create(LATENT_MAXIMUM_THREADS + 1, latent_isa_best(), &pool) == LATENT_ERROR_THREADS,
         "65 threads");
  expect(latent_pool_create(LATENT_MAXIMUM_THREADS, latent_isa_best(), &pool) == LATENT_OK, "64 threads");
  latent_pool_destroy(pool);
  latent_pool_destroy(NULL);
  int allowed = latent_allowed_threads();
  expect(allowed >= 1 && allowed <= LATENT_MAXIMUM_THREADS, "allowed threads");
}

// Nothing to do is done, and every operation gets its start and end from each thread.
static void running(void) {
  latent_pool *pool;
  if (latent_pool_create(2, LATENT_ISA_SCALAR, &pool)) {
    ++failures;
    return;
  }
  float values[4] = {1, 2, 3, 4}, weight[1] = {2};
  const latent_buffer buffers[3] = {{NULL, 0}, {values, 4}, {weight, 1}};
  const latent_op op = {.kind = LATENT_OP_WEIGH_ROWS, .columns = 4, .gradient = {1, 4, 0},
                        .draw_weight = {2, 0, 0}};
  const latent_op ops[2] = {op, op};
  latent_run run = {.rows = 1};
  latent_plan_run(pool, ops, 0, buffers, &run, NULL);
  run.rows = 0;
  latent_plan_run(pool, ops, 2, buffers, &run, NULL);
  expect(values[0] == 1 && values[3] == 4, "no operations or rows change nothing");
  run.rows = 1;
  uint64_t stamps[10] = {[8] = 5, [9] = 6};
  latent_plan_run(pool, ops, 2, buffers, &run, stamps);
  expect(values[0] == 4 && values[1] == 8 && values[2] == 12 && values[3] == 16, "both operations ran");
  for (int thread = 0; thread < 2; ++thread)
    expect(stamps[2 * thread] && stamps[2 * thread] <= stamps[2 * thread + 1] &&
               stamps[2 * thread + 1] <= stamps[4 + 2 * thread] &&
               stamps[4 + 2 * thread] <= stamps[4 + 2 * thread + 1],
           "time goes on");
  expect(stamps[8] == 5 && stamps[9] == 6, "no more stamps than there are");
  expect(latent_ticks_per_second() > 1e5 && latent_ticks_per_second() == latent_ticks_per_second(),
         "a rate of ticks, measured once");
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  uint64_t ticks = latent_ticks();
  double seconds;
  do {
    clock_gettime(CLOCK_MONOTONIC, &end);
    seconds = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
  } while (seconds < 0.05);
  double rate = (double)(latent_ticks() - ticks) / seconds / latent_ticks_per_second();
  expect(rate > 0.5 && rate < 2, "the rate of ticks is the clock's");
  latent_pool_destroy(pool);
}

int main(void) {
  sets();
  running();
  printf("%d checks of pools, %d failed\n", checks, failures);
  return failures > 0;
}
