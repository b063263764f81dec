#include <stdlib.h>

#include "include/probes.h"
#include "team.h"

enum { ROUND_TRIPS = 500, MAXIMUM_BURSTS = 64 };

typedef struct ping_pong_context {
  int bursts;
  double times[MAXIMUM_BURSTS];
  _Alignas(128) _Atomic int ball;
} ping_pong_context;

static void play(team *team, int thread, void *pointer) {
  ping_pong_context *context = pointer;
  for (int burst = 0; burst < context->bursts; ++burst) {
    team_meet(team);
    double start = now();
    for (int i = 0; i < ROUND_TRIPS; ++i) {
      while (atomic_load_explicit(&context->ball, memory_order_acquire) != thread) {
      }
      atomic_store_explicit(&context->ball, 1 - thread, memory_order_release);
    }
    if (thread == 0) context->times[burst] = (now() - start) / (2 * ROUND_TRIPS) * 1e9;
    team_meet(team);
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double probe_ping_pong(int bursts) {
  if (team_cores() < 2) return 0;
  if (bursts < 1) bursts = 1;
  if (bursts > MAXIMUM_BURSTS) bursts = MAXIMUM_BURSTS;
  ping_pong_context context = {.bursts = bursts};
  if (!team_run(2, play, &context)) return 0;
  qsort(context.times, (size_t)bursts, sizeof(double), ascending);
  return context.times[bursts / 2];
}
