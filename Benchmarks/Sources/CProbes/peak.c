#include "include/probes.h"
#include "team.h"

typedef struct peak_context {
  double (*kernel)(size_t);
  size_t repeats;
  int bursts;
  double rates[TEAM_MAXIMUM];
  double best;
} peak_context;

static void measure_peak(team *team, int thread, void *pointer) {
  peak_context *context = pointer;
  for (int burst = 0; burst < context->bursts; ++burst) {
    team_meet(team);
    double start = now();
    double flops = context->kernel(context->repeats);
    context->rates[thread] = flops / (now() - start);
    team_meet(team);
    if (thread > 0) continue;
    double sum = 0;
    for (int i = 0; i < team->threads; ++i) sum += context->rates[i];
    if (sum > context->best) context->best = sum;
  }
}

double probe_peak(double (*kernel)(size_t), size_t repeats, int threads, int bursts) {
  peak_context context = {.kernel = kernel, .repeats = repeats, .bursts = bursts};
  return team_run(threads, measure_peak, &context) ? context.best : 0;
}
