#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE  // MAP_ANONYMOUS
#endif

#include "guard.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

guarded guarded_make(size_t size, bool at_end) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t open = (size + page - 1) / page * page;
  guarded made = {.map_size = open + 2 * page, .size = size};
  made.map = mmap(NULL, made.map_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made.map == MAP_FAILED || (open && mprotect(made.map + page, open, PROT_READ | PROT_WRITE))) {
    perror("guarded memory");
    exit(1);
  }
  made.start = made.map + page + (at_end ? open - size : 0);
  memset(made.map + page, CANARY, open);
  return made;
}

void guarded_free(guarded *memory) { munmap(memory->map, memory->map_size); }

bool guarded_intact(const guarded *memory) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const uint8_t *end = memory->map + memory->map_size - page;
  for (const uint8_t *p = memory->map + page; p < end; ++p)
    if ((p < memory->start || p >= memory->start + memory->size) && *p != CANARY) return false;
  return true;
}

static const char *watched_message;
static const guarded *watched;
static const size_t *watched_count;

static void say(const char *text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(1);
}

static void caught(int number, siginfo_t *information, void *context) {
  (void)number, (void)context;
  say("FAILED: a forbidden page was touched\n  ");
  say(watched_message);
  const uint8_t *address = information->si_addr;
  for (size_t i = 0; i < *watched_count; ++i)
    if (address >= watched[i].map && address < watched[i].map + watched[i].map_size) {
      char text[96];
      snprintf(text, sizeof(text), "\n  operand %zu of %zu bytes, at byte %td", i, watched[i].size,
               address - watched[i].start);
      say(text);
    }
  say("\n");
  _exit(1);
}

void guarded_watch(const char *message, const guarded *regions, const size_t *count) {
  watched_message = message;
  watched = regions;
  watched_count = count;
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
}
