// Memory between pages that nobody may touch, for the tests.

#ifndef LATENT_TESTS_GUARD_H
#define LATENT_TESTS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct guarded {
  uint8_t *map;
  size_t map_size;
  uint8_t *start;  // of `size` bytes that end (or begin) where a forbidden page begins (or ends)
  size_t size;
} guarded;

// All bytes hold CANARY. Exits with a message where the system refuses.
enum { CANARY = 0xa5 };
guarded guarded_make(size_t size, bool at_end);
void guarded_free(guarded *memory);
// False if a byte of the open pages around `start` was written.
bool guarded_intact(const guarded *memory);
// What to say before the process ends at a forbidden page: kept by reference, and how to find the
// operand that lies next to the address.
void guarded_watch(const char *message, const guarded *regions, const size_t *count);

#endif
