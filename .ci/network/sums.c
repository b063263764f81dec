// How long a sum over the ranks takes, by its bytes: the shim that training calls, and nothing else.
//
//     sums REPEATS BYTES...
//
// Rank 0 prints, for each size, the median microseconds of a sum that is begun and waited for.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "latent_mpi.h"

static double microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e6 * (double)now.tv_sec + 1e-3 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int count, char **arguments) {
  if (count < 3 || latent_mpi_begin()) return 64;
  int repeats = atoi(arguments[1]);
  double *times = malloc((size_t)repeats * sizeof *times);
  for (int i = 2; i < count; i++) {
    size_t bytes = (size_t)atol(arguments[i]), floats = bytes / sizeof(float);
    float *values = calloc(floats + 1, sizeof *values);
    for (int repeat = -2; repeat < repeats; repeat++) {
      latent_mpi_request request;
      if (latent_mpi_begin_barrier(&request) || latent_mpi_wait(&request, false)) return 1;
      double begin = microseconds();
      if (latent_mpi_begin_sum_floats(values, floats, &request) || latent_mpi_wait(&request, false)) return 1;
      if (repeat >= 0) times[repeat] = microseconds() - begin;
    }
    qsort(times, (size_t)repeats, sizeof *times, ascending);
    if (latent_mpi_rank() == 0) printf("%d %zu %.1f\n", latent_mpi_size(), bytes, times[repeats / 2]);
    free(values);
  }
  return latent_mpi_end();
}
