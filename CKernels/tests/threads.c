// The pool under other conditions than a steady step: made and ended over and over, shared by
// callers that take turns, left long enough to fall asleep, and on both sides of a fork. For the thread
// sanitizer above all.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "step.h"

enum { CALLERS = 3, RUNS = 12 };

static const step_options options = {.widths = {37, 24, 13, 5},
                                     .activation = LATENT_ACTIVATION_TANH,
                                     .likelihood = LATENT_LIKELIHOOD_BERNOULLI,
                                     .transform = LATENT_TRANSFORM_BINARIZE,
                                     .learns = true,
                                     .update = true,
                                     .gate = true};

typedef struct caller {
  latent_pool *pool;
  bool naps;
  digest value;
} caller;

// A model of its own, on a pool that others use too.
static void *train(void *argument) {
  caller *self = argument;
  step *step = step_make(options);
  self->value = DIGEST_START;
  for (uint32_t i = 0; i < RUNS; ++i) {
    step_run(step, self->pool, 1 + i * 3 % STEP_CAPACITY, i);
    self->value = digest_step(self->value, step, 1 + i * 3 % STEP_CAPACITY);
    const struct timespec nap = {0, 2000000};
    if (self->naps) nanosleep(&nap, NULL);
  }
  step_free(step);
  return NULL;
}

static latent_pool *make_pool(int threads) {
  latent_pool *pool;
  latent_status status = latent_pool_create(threads, latent_isa_best(), &pool);
  if (status != LATENT_OK) {
    fprintf(stderr, "no pool of %d threads: status %d\n", threads, (int)status);
    exit(1);
  }
  return pool;
}

// A child of fork trains on the pool it was born with, and ends it.
static int fork_and_train(latent_pool *pool, digest expected) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);  // Not for ever: without threads a barrier waits for them.
    for (int i = 0; i < 2; ++i) {
      caller self = {pool, false, 0};
      train(&self);
      if (self.value != expected) _exit(2);
    }
    latent_pool_destroy(pool);
    _exit(0);
  }
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child) return 1;
  if (status)
    printf("FAILED: a child of fork on %d threads ended with %d\n", latent_pool_threads(pool), status);
  return status != 0;
}

static int forks(digest expected) {
  int failures = 0;
  for (int threads = 1; threads <= 4; threads += 3) {
    latent_pool *pool = make_pool(threads);
    failures += fork_and_train(pool, expected);
    // Once it has worked, and while another thread has it.
    caller here = {pool, false, 0};
    train(&here);
    failures += fork_and_train(pool, expected);
    pthread_t id;
    for (int i = 0; i < 5; ++i) {
      if (pthread_create(&id, NULL, train, &here)) return 1;
      failures += fork_and_train(pool, expected);
      pthread_join(id, NULL);
      failures += here.value != expected;
    }
    // A child that never uses it can end it as well.
    pid_t child = fork();
    if (child == 0) {
      alarm(60);
      latent_pool_destroy(pool);
      _exit(0);
    }
    int status = -1;
    failures += child < 0 || waitpid(child, &status, 0) != child || status != 0;
    train(&here);
    failures += here.value != expected;
    latent_pool_destroy(pool);
  }
  return failures;
}

int main(void) {
  caller alone = {make_pool(1), false, 0};
  train(&alone);
  latent_pool_destroy(alone.pool);

  int failures = 0;
  for (int threads = 1; threads <= 4; ++threads) {
    latent_pool *pool = make_pool(threads);
    caller callers[CALLERS];
    pthread_t ids[CALLERS];
    for (int i = 0; i < CALLERS; ++i) {
      callers[i] = (caller){pool, i == 0, 0};
      if (pthread_create(&ids[i], NULL, train, &callers[i])) return 1;
    }
    for (int i = 0; i < CALLERS; ++i) {
      pthread_join(ids[i], NULL);
      if (callers[i].value != alone.value) {
        printf("FAILED: caller %d of a pool of %d threads has other bits\n", i, threads);
        ++failures;
      }
    }
    latent_pool_destroy(pool);
  }

  failures += forks(alone.value);

  // Ended before their threads have begun, or before they fell asleep.
  for (int i = 0; i < 100; ++i) latent_pool_destroy(make_pool(1 + i % 5));
  latent_pool *none = NULL;
  failures += latent_pool_create(0, latent_isa_best(), &none) != LATENT_ERROR_THREADS;
  failures += latent_pool_create(65, latent_isa_best(), &none) != LATENT_ERROR_THREADS;
  failures += latent_pool_create(2, (latent_isa)77, &none) != LATENT_ERROR_INSTRUCTION_SET;
  printf("%d failed\n", failures);
  return failures > 0;
}
