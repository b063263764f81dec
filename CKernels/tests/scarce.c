// Where the system refuses memory or threads: pools are refused, products find another way, and what
// cannot go on ends at once. Not under sanitizers, which reserve more than these limits leave.

#include <signal.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "latent_kernels.h"

static int failures;
static void expect(bool truth, const char *what) {
  if (truth) return;
  fprintf(stderr, "FAILED: %s\n", what);
  ++failures;
}

static size_t used(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  unsigned long pages = 0;
  if (file && fscanf(file, "%lu", &pages) != 1) pages = 0;
  if (file) fclose(file);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}
static bool leave(size_t bytes) {
  size_t now = used();
  const struct rlimit limit = {now + bytes, RLIM_INFINITY};
  return now && !setrlimit(RLIMIT_AS, &limit);
}
static void free_again(void) {
  const struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_AS, &limit);
}

// A batch of few ones through lists, whose memory the pool may not get.
static void lists(latent_pool *pool, float *y) {
  enum { ROWS = 4000, INNER = 400 };
  static float x[ROWS * INNER], weights[INNER * 16];
  for (size_t i = 0; i < ROWS * INNER; i += 9) x[i] = 1;
  for (size_t i = 0; i < INNER * 16; ++i) weights[i] = (float)(i % 31) * 0.01f;
  const latent_buffer buffers[4] = {{NULL, 0}, {x, ROWS * INNER}, {weights, INNER * 16}, {y, ROWS * 16}};
  const latent_op ops[3] = {
      {.kind = LATENT_OP_LIST_ONES, .columns = INNER, .input = {1, INNER, 0}},
      {.kind = LATENT_OP_LIST_ONES, .barrier = true, .split_columns = true, .columns = INNER, .input = {1, INNER, 0}},
      {.kind = LATENT_OP_LINEAR_FORWARD, .barrier = true, .ones = true, .inner = INNER, .columns = 16,
       .input = {1, INNER, 0}, .weights = {2, 0, 0}, .output = {3, 16, 0}}};
  const latent_run run = {.rows = ROWS};
  expect(latent_plan_check(ops, 3, buffers, 4, ROWS, NULL) == LATENT_OK, "the plan is good");
  latent_plan_run(pool, ops, 3, buffers, &run, NULL);
}

// Packed weights of a size that the pool may not get.
static void packed(latent_pool *pool) {
  enum { INNER = 500000 };  // more than the heap that a thread may have left behind
  static float x[INNER], weights[INNER], y[16];
  const latent_buffer buffers[4] = {{NULL, 0}, {x, INNER}, {weights, INNER}, {y, 16}};
  const latent_op op = {.kind = LATENT_OP_LINEAR_FORWARD, .layout = LATENT_LAYOUT_COLUMNS_BY_INNER, .inner = INNER,
                        .columns = 1, .input = {1, INNER, 0}, .weights = {2, INNER, 0}, .output = {3, 1, 0}};
  const latent_run run = {.rows = 1};
  expect(latent_plan_check(&op, 1, buffers, 4, 1, NULL) == LATENT_OK, "the plan is good");
  latent_plan_run(pool, &op, 1, buffers, &run, NULL);
}

int main(void) {
  static float scarce[4000 * 16], plenty[4000 * 16];
  latent_pool *pool, *one;
  if (latent_pool_create(1, latent_isa_best(), &one)) return 1;
  if (!leave((size_t)1 << 20)) {
    printf("skipped: this system sets no limits\n");
    return 0;
  }
  // A thread's stack is some MiB.
  expect(latent_pool_create(LATENT_MAXIMUM_THREADS, latent_isa_best(), &pool) == LATENT_ERROR_THREADS && !pool,
         "no memory for threads");
#if defined(__GLIBC__)
  // Refusals give back what they took, once the allocator's own stores are full.
  size_t before = 0;
  for (int i = 0; i < 400; ++i) {
    if (i == 200) before = mallinfo2().uordblks;
    expect(latent_pool_create(2, latent_isa_best(), &pool) == LATENT_ERROR_THREADS, "no memory for a thread");
  }
  expect(mallinfo2().uordblks <= before, "refused pools leave no memory behind");
#endif
  lists(one, scarce);
  free_again();
  leave((size_t)24 << 20);
  expect(latent_pool_create(LATENT_MAXIMUM_THREADS, latent_isa_best(), &pool) == LATENT_ERROR_THREADS && !pool,
         "no memory for all threads");
  free_again();
  lists(one, plenty);
  expect(!memcmp(scarce, plenty, sizeof(plenty)) && plenty[16] != 0, "the same bits without lists");
  // What has been refused may be had later.
  expect(latent_pool_create(4, latent_isa_best(), &pool) == LATENT_OK, "threads when there is memory");
  latent_pool_destroy(pool);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    leave((size_t)1 << 20);
    packed(one);
    _exit(0);
  }
  int status = 0;
  expect(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
         "no memory for packed weights aborts");
  packed(one);
  latent_pool_destroy(one);
  printf("scarce memory: %d failed\n", failures);
  return failures > 0;
}
