#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE  // sched_setaffinity
#endif

#include "team.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

int team_cores(void) {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return CPU_COUNT(&allowed);
#endif
  return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

// Confines the calling thread to the `index`-th of the cores it may use.
static void pin(int index) {
#if defined(__linux__)
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) || CPU_COUNT(&allowed) == 0) return;
  index %= CPU_COUNT(&allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || index-- > 0) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
    return;
  }
#else
  (void)index;
#endif
}

void team_meet(team *team) {
  int generation = atomic_load(&team->generation);
  if (atomic_fetch_add(&team->arrived, 1) + 1 == team->threads) {
    atomic_store(&team->arrived, 0);
    atomic_fetch_add(&team->generation, 1);
  } else {
    while (atomic_load_explicit(&team->generation, memory_order_acquire) == generation) {
    }
  }
}

typedef struct member {
  team *team;
  int thread;
} member;

static void *start(void *argument) {
  member *self = argument;
  int gate;
  while ((gate = atomic_load(&self->team->gate)) == 0) sched_yield();
  if (gate < 0) return NULL;
  pin(self->thread);
  self->team->body(self->team, self->thread, self->team->context);
  return NULL;
}

bool team_run(int threads, team_body *body, void *context) {
  if (threads < 1 || threads > TEAM_MAXIMUM) return false;
  team team = {.threads = threads, .body = body, .context = context};
  member members[TEAM_MAXIMUM];
  pthread_t handles[TEAM_MAXIMUM];
  int started = 0;
  for (; started < threads; ++started) {
    members[started] = (member){&team, started};
    if (pthread_create(&handles[started], NULL, start, &members[started])) break;
  }
  atomic_store(&team.gate, started == threads ? 1 : -1);
  for (int i = 0; i < started; ++i) pthread_join(handles[i], NULL);
  return started == threads;
}
