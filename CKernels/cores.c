// How many threads this process may keep busy.

#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE  // sched_getaffinity
#endif

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "internal.h"

enum { PATH_SIZE = 4096 };

// Reads up to two numbers; how many there were.
static int numbers(const char *directory, const char *name, double values[2]) {
  char path[2 * PATH_SIZE];
  if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path)) return 0;
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  int count = fscanf(file, "%lf %lf", &values[0], &values[1]);
  fclose(file);
  return count < 0 ? 0 : count;
}

// The cores' worth of time that one control group grants, 0 for no limit.
static double quota(const char *directory, bool unified) {
  double value[2], period[2];
  if (unified)  // "150000 100000", or "max 100000"
    return numbers(directory, "cpu.max", value) == 2 && value[1] > 0 ? value[0] / value[1] : 0;
  return numbers(directory, "cpu.cfs_quota_us", value) > 0 && value[0] > 0 &&
                 numbers(directory, "cpu.cfs_period_us", period) > 0 && period[0] > 0
             ? value[0] / period[0]
             : 0;
}

static bool names_cpu(const char *controllers) {
  for (const char *at = controllers; *at;) {
    size_t length = strcspn(at, ",");
    if (length == 3 && !memcmp(at, "cpu", 3)) return true;
    at += length + (at[length] == ',');
  }
  return false;
}

double latent_quota(const char *membership, const char *mount) {
  double least = 0;
  char line[PATH_SIZE], directory[2 * PATH_SIZE];
  FILE *file = fopen(membership, "re");
  if (!file) return 0;
  // "0::/path" is version 2, "3:cpu,cpuacct:/path" version 1.
  while (fgets(line, sizeof(line), file)) {
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path) continue;
    *controllers++ = *path++ = 0;
    path[strcspn(path, "\n")] = 0;
    bool unified = *controllers == 0;
    if (!unified && !names_cpu(controllers)) continue;
    // Every group above limits as well. Within a container the path may be the host's, of which
    // nothing but the root is seen.
    for (;;) {
      static const char *const below[2][2] = {{"/cpu", NULL}, {"", "/unified"}};
      for (int i = 0; i < 2; ++i) {
        if (!below[unified][i]) continue;
        snprintf(directory, sizeof(directory), "%s%s%s", mount, below[unified][i], path);
        double found = quota(directory, unified);
        if (found > 0 && (least == 0 || found < least)) least = found;
      }
      char *last = strrchr(path, '/');
      if (!last) break;
      *last = 0;
    }
  }
  fclose(file);
  return least;
}

int latent_allowed_threads(void) {
  long count = sysconf(_SC_NPROCESSORS_ONLN);
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) count = CPU_COUNT(&allowed);
  double cores = latent_quota("/proc/self/cgroup", "/sys/fs/cgroup");
  // A part of a core is worth a thread: better than to leave it idle.
  if (cores > 0 && cores < (double)count) {
    long whole = (long)cores;
    count = whole + (cores > (double)whole);
  }
#endif
  return count < 1 ? 1 : count > LATENT_MAXIMUM_THREADS ? LATENT_MAXIMUM_THREADS : (int)count;
}
