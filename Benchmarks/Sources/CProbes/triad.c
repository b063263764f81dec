// McCalpin's STREAM triad: each thread on its own part of three arrays, together four times the last cache.

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/probes.h"
#include "team.h"

typedef float v4 __attribute__((vector_size(16)));

typedef struct triad_context {
  v4 *a, *b, *c;
  size_t vectors;  // of each
  int bursts;
  double starts[TEAM_MAXIMUM], ends[TEAM_MAXIMUM];
  double best;
} triad_context;

static void ordinary(size_t count, v4 *a, const v4 *b, const v4 *c) {
  for (size_t i = 0; i < count; ++i) a[i] = b[i] + 3.0f * c[i];
}

static void streaming(size_t count, v4 *a, const v4 *b, const v4 *c) {
  for (size_t i = 0; i < count; ++i) __builtin_nontemporal_store(b[i] + 3.0f * c[i], a + i);
}

static void measure_triad(team *team, int thread, void *pointer) {
  triad_context *context = pointer;
  size_t first = context->vectors * (size_t)thread / (size_t)team->threads;
  size_t count = context->vectors * (size_t)(thread + 1) / (size_t)team->threads - first;
  v4 *a = context->a + first, *b = context->b + first, *c = context->c + first;
  for (int burst = 0; burst < 2 * context->bursts; ++burst) {
    team_meet(team);
    context->starts[thread] = now();
    (burst % 2 ? streaming : ordinary)(count, a, b, c);
    context->ends[thread] = now();
    team_meet(team);
    if (thread > 0) continue;
    double start = context->starts[0], end = context->ends[0];
    for (int i = 1; i < team->threads; ++i) {
      if (context->starts[i] < start) start = context->starts[i];
      if (context->ends[i] > end) end = context->ends[i];
    }
    double rate = 3.0 * (double)(context->vectors * sizeof(v4)) / (end - start);
    if (rate > context->best) context->best = rate;
  }
}

size_t probe_bytes_beyond_caches(void) {
  long last = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
  last = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
  const size_t least = (size_t)192 << 20;
  return last > 0 && 4 * (size_t)last > least ? 4 * (size_t)last : least;
}

double probe_triad(int threads, int bursts) {
  // Kept from one call to the next: fresh pages would be measured instead of memory.
  static v4 *arrays;
  const size_t page = 2 << 20, each = (probe_bytes_beyond_caches() / 3 + page - 1) / page * page;
  if (!arrays) {
    void *memory = aligned_alloc(page, 3 * each);
    if (!memory) return 0;
    arrays = memset(memory, 1, 3 * each);
  }
  const size_t vectors = each / sizeof(v4);
  triad_context context = {
      .a = arrays, .b = arrays + vectors, .c = arrays + 2 * vectors, .vectors = vectors, .bursts = bursts};
  return team_run(threads, measure_triad, &context) ? context.best : 0;
}
