// What the machine can do at most, measured on threads of their own, each pinned to a core.
//
// Every probe takes milliseconds, so that it can take turns with the work it is compared with.

#ifndef LATENT_PROBES_H
#define LATENT_PROBES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// FLOP a second of `threads` threads that call kernel(repeats), which returns its FLOPs, at the same
// time: the best of `bursts`.
double probe_peak(double (*kernel)(size_t), size_t repeats, int threads, int bursts);

// What arrays have to take together for caches to keep nothing of them: four times the last cache, 192 MB
// at least. (192 MB in a cache of 260 gave a triad of 50 GB/s where memory gives 39.)
size_t probe_bytes_beyond_caches(void);

// Bytes a second of the STREAM triad a = b + s c on arrays of so many bytes, three elements' bytes
// counted for each one written: the best of `bursts` with ordinary and with streaming stores.
double probe_triad(int threads, int bursts);

// Nanoseconds until a line that one core wrote reaches another one, half a round trip: the median of
// `bursts`. 0 where the process has one core only.
double probe_ping_pong(int bursts);

// How often this process has asked for memory so far, on any thread; 0 where nobody counts.
uint64_t probe_allocations(void);

#ifdef __cplusplus
}
#endif
#endif
