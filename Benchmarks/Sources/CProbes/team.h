// Threads that start together, each on a core of its own as far as there are enough.

#ifndef LATENT_PROBES_TEAM_H
#define LATENT_PROBES_TEAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { TEAM_MAXIMUM = 64 };

typedef struct team team;
typedef void team_body(team *team, int thread, void *context);
struct team {
  int threads;
  team_body *body;
  void *context;
  _Atomic int gate;  // 0 closed, 1 open, -1 nobody plays
  _Alignas(128) _Atomic int arrived;
  _Alignas(128) _Atomic int generation;
};

// Runs `body` on so many threads; false where the system refuses them.
bool team_run(int threads, team_body *body, void *context);
// All threads of the team arrive before one goes on.
void team_meet(team *team);
// How many cores the process may use.
int team_cores(void);
double now(void);  // seconds

#endif
