// The threads that run plans and other jobs, in one parallel region each.

#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE  // syscall
#endif

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

// The mode of floating point that the bits are promised in: to nearest, subnormals kept, no traps. A caller may
// have another (a library linked with -ffast-math sets one for its process), and threads begin with their
// maker's.
typedef uint64_t float_mode;
#if defined(__x86_64__)
enum { STANDARD_MODE = 0x1f80, MODE_BITS = 0xffc0 };  // of MXCSR; the others are exceptions seen so far
static inline float_mode get_mode(void) { return __builtin_ia32_stmxcsr() & MODE_BITS; }
static inline void set_mode(float_mode mode) { __builtin_ia32_ldmxcsr((unsigned)mode); }
#elif defined(__aarch64__)
enum { STANDARD_MODE = 0 };
static inline float_mode get_mode(void) {
  float_mode mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}
static inline void set_mode(float_mode mode) { __asm__ volatile("msr fpcr, %0" ::"r"(mode)); }
#else
enum { STANDARD_MODE = 0 };
static inline float_mode get_mode(void) { return STANDARD_MODE; }
static inline void set_mode(float_mode mode) { (void)mode; }
#endif
// The mode before.
static inline float_mode standard_mode(void) {
  const float_mode before = get_mode();
  if (before != STANDARD_MODE) set_mode(STANDARD_MODE);
  return before;
}
static inline void restore_mode(float_mode before) {
  if (before != STANDARD_MODE) set_mode(before);
}

// How often a waiting thread looks before it sleeps: some 50 microseconds, longer than the gap
// between two steps and shorter than anyone's patience with a busy core.
enum { SPINS = 4000 };

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Waits while *word == seen.
static void wait_while(_Atomic uint32_t *word, uint32_t seen, _Atomic uint32_t *sleepers) {
  for (int i = 0; i < SPINS; ++i) {
    if (atomic_load_explicit(word, memory_order_acquire) != seen) return;
    relax();
  }
  atomic_fetch_add(sleepers, 1);
  while (atomic_load(word) == seen) {
#if defined(__linux__)
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
#else
    struct timespec pause = {0, 50000};
    nanosleep(&pause, NULL);
#endif
  }
  atomic_fetch_sub(sleepers, 1);
}

static void advance(_Atomic uint32_t *word, _Atomic uint32_t *sleepers) {
  atomic_fetch_add(word, 1);
#if defined(__linux__)
  if (atomic_load(sleepers)) syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
#else
  (void)sleepers;
#endif
}

// Forks that led to this process. A child has none of the threads that its parent's pools had.
static _Atomic uint32_t generation;
static pthread_once_t watching = PTHREAD_ONCE_INIT;
static pthread_mutex_t reviving = PTHREAD_MUTEX_INITIALIZER;
static void before_fork(void) { pthread_mutex_lock(&reviving); }
static void after_fork(void) { pthread_mutex_unlock(&reviving); }
static void in_child(void) {
  atomic_fetch_add(&generation, 1);
  after_fork();
}
static void watch_forks(void) { pthread_atfork(before_fork, after_fork, in_child); }

struct latent_pool {
  _Atomic uint32_t born;  // the generation of the process whose threads they are
  int threads;
  latent_isa isa;
  const latent_backend *backend;
  pthread_mutex_t turn;  // one plan at a time
  pthread_t workers[LATENT_MAXIMUM_THREADS];
  // The job at hand, written by the caller before `jobs` advances.
  latent_job *job;
  const void *context;
  bool stopping;
  struct {
    float *memory;
    size_t count;
  } scratch[LATENT_MAXIMUM_THREADS];
  uint32_t *shared;
  size_t shared_count;
  // What threads wait on, each on a cache line of its own.
  _Alignas(128) _Atomic uint32_t jobs;
  _Alignas(128) _Atomic uint32_t phase;
  _Alignas(128) _Atomic uint32_t arrived;
  _Alignas(128) _Atomic uint32_t sleepers;
};

void latent_pool_barrier(latent_pool *pool) {
  if (pool->threads == 1) return;
  uint32_t phase = atomic_load_explicit(&pool->phase, memory_order_relaxed);
  if (atomic_fetch_add(&pool->arrived, 1) + 1 == (uint32_t)pool->threads) {
    atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
    advance(&pool->phase, &pool->sleepers);
  } else {
    wait_while(&pool->phase, phase, &pool->sleepers);
  }
}

typedef struct worker_start {
  latent_pool *pool;
  int thread;
} worker_start;

static void *worker(void *argument) {
  worker_start start = *(worker_start *)argument;
  free(argument);
  standard_mode();
  uint32_t seen = 0;
  for (;;) {
    wait_while(&start.pool->jobs, seen, &start.pool->sleepers);
    ++seen;
    if (start.pool->stopping) return NULL;
    start.pool->job(start.pool, start.pool->context, start.thread);
    latent_pool_barrier(start.pool);
  }
}

static void stop_workers(latent_pool *pool, int started) {
  pool->stopping = true;
  advance(&pool->jobs, &pool->sleepers);
  for (int i = 1; i < started; ++i) pthread_join(pool->workers[i], NULL);
}

// The workers, in a pool that has none; false, and none again, where the system does not give them.
static bool start_workers(latent_pool *pool) {
  for (int i = 1; i < pool->threads; ++i) {
    worker_start *start = malloc(sizeof(worker_start));
    if (start) *start = (worker_start){pool, i};
    if (!start || pthread_create(&pool->workers[i], NULL, worker, start)) {
      free(start);
      stop_workers(pool, i);
      return false;
    }
  }
  return true;
}

latent_status latent_pool_create(int threads, latent_isa isa, latent_pool **result) {
  *result = NULL;
  if (threads < 1 || threads > LATENT_MAXIMUM_THREADS) return LATENT_ERROR_THREADS;
  const latent_backend *backend = latent_backend_for(isa);
  if (!backend) return LATENT_ERROR_INSTRUCTION_SET;
  void *memory = NULL;
  if (posix_memalign(&memory, 128, sizeof(latent_pool))) return LATENT_ERROR_MEMORY;
  latent_pool *pool = memset(memory, 0, sizeof(latent_pool));
  pool->threads = threads;
  pool->isa = isa;
  pool->backend = backend;
  pthread_once(&watching, watch_forks);
  pool->born = atomic_load(&generation);
  pthread_mutex_init(&pool->turn, NULL);
  if (!start_workers(pool)) {
    pthread_mutex_destroy(&pool->turn);
    free(pool);
    return LATENT_ERROR_THREADS;
  }
  *result = pool;
  return LATENT_OK;
}

// In a child of fork: workers anew, whatever the parent's were at. Where the system gives none the
// caller computes alone, with the same bits.
static void revive(latent_pool *pool) {
  pthread_mutex_lock(&reviving);
  uint32_t now = atomic_load(&generation);
  if (atomic_load(&pool->born) != now) {
    // A thread of the parent may have held it.
    pthread_mutex_init(&pool->turn, NULL);
    pool->jobs = pool->phase = pool->arrived = pool->sleepers = 0;
    pool->stopping = false;
    if (!start_workers(pool)) {
      pool->jobs = pool->phase = pool->arrived = pool->sleepers = 0;
      pool->stopping = false;
      pool->threads = 1;
    }
    atomic_store(&pool->born, now);
  }
  pthread_mutex_unlock(&reviving);
}

void latent_pool_destroy(latent_pool *pool) {
  if (!pool) return;
  // A child has no threads to stop that it has not made.
  if (atomic_load(&pool->born) == atomic_load(&generation)) stop_workers(pool, pool->threads);
  for (int i = 0; i < LATENT_MAXIMUM_THREADS; ++i) free(pool->scratch[i].memory);
  free(pool->shared);
  pthread_mutex_destroy(&pool->turn);
  free(pool);
}

// Stores before it are made before what follows: to a compiler they are dead where others come next (GCC 12
// left them out), but a child of fork may begin in between.
static inline void forgotten(void) { atomic_signal_fence(memory_order_seq_cst); }

float *latent_pool_scratch(latent_pool *pool, int thread, size_t floats) {
  if (pool->scratch[thread].count < floats) {
    // Never named once it is freed: a child of fork may begin anywhere here.
    void *memory = pool->scratch[thread].memory;
    pool->scratch[thread].count = 0;
    pool->scratch[thread].memory = NULL;
    forgotten();
    free(memory);
    if (posix_memalign(&memory, 64, floats * sizeof(float))) memory = NULL;
    pool->scratch[thread].memory = memory;
    if (memory) pool->scratch[thread].count = floats;
  }
  return pool->scratch[thread].memory;
}

int latent_pool_threads(const latent_pool *pool) { return pool->threads; }
latent_isa latent_pool_isa(const latent_pool *pool) { return pool->isa; }

uint32_t *latent_pool_shared(latent_pool *pool) { return pool->shared; }

void latent_pool_run(latent_pool *pool, latent_job *job, const void *context) {
  latent_pool_run_sharing(pool, 0, job, context);
}

void latent_pool_run_sharing(latent_pool *pool, size_t words, latent_job *job,
                             const void *context) {
  if (atomic_load(&pool->born) != atomic_load_explicit(&generation, memory_order_relaxed)) revive(pool);
  pthread_mutex_lock(&pool->turn);
  if (pool->shared_count < words) {
    uint32_t *memory = pool->shared;
    pool->shared_count = 0;
    pool->shared = NULL;
    forgotten();
    free(memory);
    pool->shared = malloc(words * sizeof(uint32_t));
    pool->shared_count = pool->shared ? words : 0;
  }
  pool->job = job;
  pool->context = context;
  if (pool->threads > 1) advance(&pool->jobs, &pool->sleepers);
  const float_mode before = standard_mode();
  job(pool, context, 0);
  restore_mode(before);
  latent_pool_barrier(pool);
  pthread_mutex_unlock(&pool->turn);
}

const latent_backend *latent_pool_backend(const latent_pool *pool) { return pool->backend; }

uint64_t latent_ticks(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

static double nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double ticks_per_second;
static pthread_once_t calibrated = PTHREAD_ONCE_INIT;
static void calibrate(void) {
  double start = nanoseconds(), end = start;
  uint64_t first = latent_ticks();
  while (end - start < 2e7) end = nanoseconds();
  ticks_per_second = (double)(latent_ticks() - first) / ((end - start) * 1e-9);
}
double latent_ticks_per_second(void) {
  pthread_once(&calibrated, calibrate);
  return ticks_per_second;
}
