// How many threads a process is told to take: control groups of both versions, from files made up here.

#undef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L  // mkdtemp

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../internal.h"

static char root[] = "/tmp/latent-cores-XXXXXX";
static int failures;

static void put(const char *name, const char *text) {
  char path[512];
  snprintf(path, sizeof(path), "%s/%s", root, name);
  for (char *slash = path + sizeof(root); (slash = strchr(slash, '/')); ++slash) {
    *slash = 0;
    mkdir(path, 0777);
    *slash = '/';
  }
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file)) exit(2);
}

static void expect(const char *what, const char *membership, double wanted) {
  char path[512];
  put("membership", membership);
  snprintf(path, sizeof(path), "%s/membership", root);
  double found = latent_quota(path, root);
  if (found == wanted) return;
  printf("FAILED: %s: expected %g cores, found %g\n", what, wanted, found);
  ++failures;
}

int main(void) {
  if (!mkdtemp(root)) return 2;
  expect("nothing is known", "", 0);
  expect("nothing is limited", "0::/\n", 0);
  put("outer/cpu.max", "400000 100000\n");
  put("outer/free/cpu.max", "max 100000\n");
  put("outer/tight/cpu.max", "150000 100000\n");
  expect("version 2", "0::/outer/tight\n", 1.5);
  expect("a group above", "0::/outer/free\n", 4);
  expect("a group below nothing seen", "0::/outer/unseen/deeper\n", 4);
  expect("no limit", "0::/other\n", 0);
  put("cpu/job/cpu.cfs_quota_us", "50000\n");
  put("cpu/job/cpu.cfs_period_us", "100000\n");
  put("cpu/free/cpu.cfs_quota_us", "-1\n");
  put("cpu/free/cpu.cfs_period_us", "100000\n");
  expect("version 1", "4:memory:/x\n3:cpu,cpuacct:/job\n", 0.5);
  expect("version 1 by the other name", "3:cpuacct,cpu:/job\n", 0.5);
  expect("another controller", "3:cpuset:/job\n2:cpuacct:/job\n", 0);
  expect("version 1 without limit", "3:cpu:/free\n", 0);
  put("unified/mixed/cpu.max", "200000 100000");
  expect("both", "3:cpu:/free\n0::/mixed\n", 2);
  put("outer/odd/cpu.max", "what is this");
  put("outer/zero/cpu.max", "100000 0");
  expect("damaged", "0::/outer/odd\n", 4);
  expect("no period", "0::/outer/zero\n", 4);
  expect("no lines", "nonsense\n\n::\n", 0);
  put("cpu.max", "100000 100000\n");
  expect("the root within a container", "0::/of/the/host\n", 1);

  int allowed = latent_allowed_threads();
  if (allowed < 1 || allowed > LATENT_MAXIMUM_THREADS) ++failures;
  char command[64];
  snprintf(command, sizeof(command), "rm -rf %s", root);
  if (system(command)) ++failures;
  printf("%d failed\n", failures);
  return failures > 0;
}
