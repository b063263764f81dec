// What Latent uses of MPI, without mpi.h. Calls return LATENT_MPI_OK or an MPI error code, which
// latent_mpi_describe puts into words; none of them aborts but latent_mpi_abort. Compiled to nothing
// without LATENT_MPI (the package trait MPI).
//
// Waits poll, so that a rank that is gone ends them: see latent_mpi_set_patience. One thread at a time
// may be in any of these calls.

#ifndef LATENT_MPI_H
#define LATENT_MPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  LATENT_MPI_OK = 0,
  LATENT_MPI_LOST = -1,         // patience ran out: a rank is gone, or stands still
  LATENT_MPI_INTERRUPTED = -2,  // the signal flag was raised, and the others did not come
};

// A message under way. What it reads and writes must stay where it is until it is done.
typedef struct latent_mpi_request {
  uint64_t handle;
} latent_mpi_request;

// Begins and ends; end waits for all ranks, but where the program itself had begun MPI, which goes on.
int latent_mpi_begin(void);
int latent_mpi_end(void);
// Ends all ranks of the job with this exit code, and does not return.
void latent_mpi_abort(int code);

// From now on a thread looks after messages under way while the caller computes, every 20 microseconds;
// none where the program has begun MPI for less than calls of several threads at once.
int latent_mpi_start_thread(void);

int latent_mpi_rank(void);
int latent_mpi_size(void);

// Sums over the ranks in place, the same bits on each; nothing may touch the values before the request
// is done. `count`, here and below: of values[count] or bytes[count], at most INT_MAX.
int latent_mpi_begin_sum_floats(float *values, size_t count, latent_mpi_request *request);
int latent_mpi_begin_sum_doubles(double *values, size_t count, latent_mpi_request *request);
int latent_mpi_begin_broadcast(void *bytes, size_t count, int root, latent_mpi_request *request);
int latent_mpi_begin_barrier(latent_mpi_request *request);
// Point to point; messages of one pair with one tag arrive in their order.
int latent_mpi_begin_send(const void *bytes, size_t count, int to, int tag,
                          latent_mpi_request *request);
int latent_mpi_begin_receive(void *bytes, size_t count, int from, int tag,
                             latent_mpi_request *request);

// Moves data on, and tells whether the message is done.
int latent_mpi_test(latent_mpi_request *request, bool *done);
// Polls until it is done; without patience for ever.
int latent_mpi_wait(latent_mpi_request *request, bool patiently);

// How long a wait may find nothing: in seconds of polling, so that a process that was suspended does
// not count the time; 0 is for ever. Where `flag` is given and not 0, a wait gives up after
// `flag_seconds`.
void latent_mpi_set_patience(double seconds, bool (*flag)(void), double flag_seconds);

// Bytes that MPI has been handed so far, to be summed, sent or broadcast from here, and how often.
void latent_mpi_handed(uint64_t *bytes, uint64_t *messages);

// What an error code means, in text[size], ended by a zero.
void latent_mpi_describe(int code, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
