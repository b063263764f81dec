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

// Other modes of floating point than the usual one, for callers to be in.
#if defined(__x86_64__)
static uint64_t get_mode(void) { return __builtin_ia32_stmxcsr() & 0xffc0; }
static void set_mode(uint64_t mode) { __builtin_ia32_ldmxcsr((unsigned)mode); }
static const uint64_t modes[] = {0x1f80, 0x9fc0 /* subnormals are zero */, 0x5f80 /* round up */};
#elif defined(__aarch64__)
static uint64_t get_mode(void) {
  uint64_t mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}
static void set_mode(uint64_t mode) { __asm__ volatile("msr fpcr, %0" ::"r"(mode)); }
static const uint64_t modes[] = {0, 1 << 24, 1 << 22};
#else
static uint64_t get_mode(void) { return 0; }
static void set_mode(uint64_t mode) { (void)mode; }
static const uint64_t modes[] = {0};
#endif

// Plans compute in the usual mode, whichever that of their caller or of their pool's maker, which stays.
static void float_modes(void) {
  enum { ROWS = 24 };
  // A product that is subnormal, and a sum that is rounded, in turns.
  float x[ROWS * 2], w[32] = {[0] = 0x1.8p-74f, [16] = 1}, y[ROWS];
  for (int i = 0; i < ROWS; ++i) {
    x[2 * i] = i % 2 ? 1 : 0x1p-70f;
    x[2 * i + 1] = i % 2 ? 0x1p-100f : 0;
  }
  const latent_buffer buffers[4] = {{NULL, 0}, {x, ROWS * 2}, {w, 32}, {y, ROWS}};
  const latent_op op = {.kind = LATENT_OP_LINEAR_FORWARD, .inner = 2, .columns = 1, .input = {1, 2, 0},
                        .weights = {2, 0, 0}, .output = {3, 1, 0}};
  const latent_run run = {.rows = ROWS};
  const uint64_t usual = get_mode();
  for (size_t made = 0; made < sizeof(modes) / sizeof(modes[0]); ++made)
    for (size_t called = 0; called < sizeof(modes) / sizeof(modes[0]); ++called)
      for (int threads = 1; threads <= 3; ++threads) {
        latent_pool *pool;
        memset(y, 0, sizeof(y));
        set_mode(modes[made]);
        const latent_status status = latent_pool_create(threads, latent_isa_best(), &pool);
        set_mode(modes[called]);
        if (status == LATENT_OK) latent_plan_run(pool, &op, 1, buffers, &run, NULL);
        const uint64_t after = get_mode();
        set_mode(usual);
        expect(status == LATENT_OK && after == modes[called], "the caller's mode of floating point stays");
        bool same = true;
        for (int i = 0; i < ROWS; ++i) same &= y[i] == (i % 2 ? 0x1.8p-74f : 0x1.8p-144f);
        expect(same, "plans compute in the usual mode of floating point");
        if (status == LATENT_OK) latent_pool_destroy(pool);
      }
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
  float_modes();
  running();
  printf("%d checks of pools, %d failed\n", checks, failures);
  return failures > 0;
}
