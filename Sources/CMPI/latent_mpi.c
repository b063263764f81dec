#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE  // setenv, nanosleep
#endif

#include "latent_mpi.h"

#ifdef LATENT_MPI

#include <limits.h>
#include <mpi.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Static_assert(sizeof(MPI_Request) <= sizeof(uint64_t), "a request fits its handle");

static MPI_Comm world = MPI_COMM_NULL;
static bool ours;  // MPI was begun here, and not by a program that we are a part of
static uint64_t handed_bytes, handed_messages;
static double patience, flag_patience;
static bool (*flag)(void);

static MPI_Request load(const latent_mpi_request *request) {
  MPI_Request handle;
  memcpy(&handle, &request->handle, sizeof handle);
  return handle;
}

static int store(int status, MPI_Request handle, latent_mpi_request *request) {
  request->handle = 0;
  memcpy(&request->handle, &handle, sizeof handle);
  return status;
}

// MARK: Progress

// A thread that gives MPI the chance to move data while the caller computes: one call at a time.
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static pthread_t mover;
static atomic_bool moves, moving;
static atomic_int under_way;

static void *move(void *unused) {
  (void)unused;
  while (atomic_load(&moves)) {
    if (atomic_load(&under_way) > 0) {
      int found = 0;
      pthread_mutex_lock(&turn);
      // Looks for a message that nobody sends: what matters is the call.
      MPI_Iprobe(MPI_ANY_SOURCE, 32767, world, &found, MPI_STATUS_IGNORE);
      pthread_mutex_unlock(&turn);
    }
    const struct timespec pause = {0, 20000};
    nanosleep(&pause, NULL);
  }
  return NULL;
}

static void lock(void) {
  if (atomic_load(&moving)) pthread_mutex_lock(&turn);
}
static void unlock(void) {
  if (atomic_load(&moving)) pthread_mutex_unlock(&turn);
}

int latent_mpi_start_thread(void) {
  // A program's own calls do not wait for their turn.
  int provided = 0;
  MPI_Query_thread(&provided);
  if (atomic_load(&moving) || provided < (ours ? MPI_THREAD_SERIALIZED : MPI_THREAD_MULTIPLE))
    return MPI_SUCCESS;
  atomic_store(&moves, true);
  atomic_store(&moving, true);
  if (!pthread_create(&mover, NULL, move, NULL)) return MPI_SUCCESS;
  atomic_store(&moving, false);
  return MPI_ERR_OTHER;
}

static void stop_thread(void) {
  if (!atomic_load(&moving)) return;
  atomic_store(&moves, false);
  pthread_join(mover, NULL);
  atomic_store(&moving, false);
}

// MARK: Begin and end

int latent_mpi_begin(void) {
  int begun = 0, provided = 0;
  // Open MPI's own choice for sums in place sends all to one rank and back: twice as long for two ranks,
  // worse for more. Halving is the faster one where ranks are a power of two. What the user has set stays.
  const char *ranks = getenv("OMPI_COMM_WORLD_SIZE");
  int count = ranks ? atoi(ranks) : 0;
  setenv("OMPI_MCA_coll_libnbc_iallreduce_algorithm",
         (count & (count - 1)) == 0 ? "rabenseifner" : "ring", 0);
  // Between processes of a host: through shared memory, in pieces that stay in a core's cache, in place of
  // a system call that copies from the other's memory; a training step of two ranks gains 1 to 4 %.
  setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
  setenv("OMPI_MCA_btl_vader_max_send_size", "131072", 0);
  int status = MPI_Initialized(&begun);
  if (status == MPI_SUCCESS && !begun) {
    status = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
    ours = status == MPI_SUCCESS;
  }
  if (status != MPI_SUCCESS || world != MPI_COMM_NULL) return status;
  // Messages of our own cannot meet those of a program that we are a part of.
  status = MPI_Comm_dup(MPI_COMM_WORLD, &world);
  if (status != MPI_SUCCESS) return status;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  return MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN);
}

int latent_mpi_end(void) {
  int ended = 0;
  MPI_Finalized(&ended);
  if (ended || world == MPI_COMM_NULL) return MPI_SUCCESS;
  stop_thread();
  MPI_Comm_free(&world);
  return ours ? MPI_Finalize() : MPI_SUCCESS;
}

void latent_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }

int latent_mpi_rank(void) {
  int rank = 0;
  MPI_Comm_rank(world, &rank);
  return rank;
}

int latent_mpi_size(void) {
  int size = 1;
  MPI_Comm_size(world, &size);
  return size;
}

// MARK: Messages

static void hand(size_t bytes) {
  handed_bytes += bytes;
  ++handed_messages;
}

static int begin_sum(void *values, size_t count, MPI_Datatype type, size_t width,
                     latent_mpi_request *request) {
  if (count > INT_MAX) return MPI_ERR_COUNT;
  hand(count * width);
  MPI_Request handle = MPI_REQUEST_NULL;
  lock();
  int status = MPI_Iallreduce(MPI_IN_PLACE, values, (int)count, type, MPI_SUM, world, &handle);
  unlock();
  if (status == MPI_SUCCESS) atomic_fetch_add(&under_way, 1);
  return store(status, handle, request);
}

int latent_mpi_begin_sum_floats(float *values, size_t count, latent_mpi_request *request) {
  return begin_sum(values, count, MPI_FLOAT, sizeof(float), request);
}

int latent_mpi_begin_sum_doubles(double *values, size_t count, latent_mpi_request *request) {
  return begin_sum(values, count, MPI_DOUBLE, sizeof(double), request);
}

int latent_mpi_begin_broadcast(void *bytes, size_t count, int root, latent_mpi_request *request) {
  if (count > INT_MAX) return MPI_ERR_COUNT;
  if (root == latent_mpi_rank()) hand(count);
  MPI_Request handle = MPI_REQUEST_NULL;
  lock();
  int status = MPI_Ibcast(bytes, (int)count, MPI_BYTE, root, world, &handle);
  unlock();
  if (status == MPI_SUCCESS) atomic_fetch_add(&under_way, 1);
  return store(status, handle, request);
}

int latent_mpi_begin_barrier(latent_mpi_request *request) {
  MPI_Request handle = MPI_REQUEST_NULL;
  lock();
  int status = MPI_Ibarrier(world, &handle);
  unlock();
  if (status == MPI_SUCCESS) atomic_fetch_add(&under_way, 1);
  return store(status, handle, request);
}

int latent_mpi_begin_send(const void *bytes, size_t count, int to, int tag,
                          latent_mpi_request *request) {
  if (count > INT_MAX) return MPI_ERR_COUNT;
  hand(count);
  MPI_Request handle = MPI_REQUEST_NULL;
  lock();
  int status = MPI_Isend(bytes, (int)count, MPI_BYTE, to, tag, world, &handle);
  unlock();
  if (status == MPI_SUCCESS) atomic_fetch_add(&under_way, 1);
  return store(status, handle, request);
}

int latent_mpi_begin_receive(void *bytes, size_t count, int from, int tag,
                             latent_mpi_request *request) {
  if (count > INT_MAX) return MPI_ERR_COUNT;
  MPI_Request handle = MPI_REQUEST_NULL;
  lock();
  int status = MPI_Irecv(bytes, (int)count, MPI_BYTE, from, tag, world, &handle);
  unlock();
  if (status == MPI_SUCCESS) atomic_fetch_add(&under_way, 1);
  return store(status, handle, request);
}

// MARK: Waiting

int latent_mpi_test(latent_mpi_request *request, bool *done) {
  MPI_Request handle = load(request);
  int finished = 0;
  lock();
  int status = MPI_Test(&handle, &finished, MPI_STATUS_IGNORE);
  unlock();
  *done = finished;
  if (finished) atomic_fetch_sub(&under_way, 1);
  return store(status, handle, request);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int latent_mpi_wait(latent_mpi_request *request, bool patiently) {
  double last = 0, waited = 0, flagged = 0;
  for (unsigned long polls = 1;; ++polls) {
    bool done = false;
    int status = latent_mpi_test(request, &done);
    if (status != MPI_SUCCESS || done) return status;
    if (polls % 256 != 0) continue;
    // Ranks that share a core let each other run.
    sched_yield();
    if (!patiently) continue;
    double now = seconds();
    if (last > 0) {
      // A longer gap is a process that was suspended.
      double gap = now - last < 0.1 ? now - last : 0.1;
      waited += gap;
      flagged = flag && flag() ? flagged + gap : 0;
    }
    last = now;
    if (flagged > flag_patience) return LATENT_MPI_INTERRUPTED;
    if (patience > 0 && waited > patience) return LATENT_MPI_LOST;
  }
}

void latent_mpi_set_patience(double seconds, bool (*raised)(void), double flag_seconds) {
  patience = seconds;
  flag = raised;
  flag_patience = flag_seconds;
}

void latent_mpi_handed(uint64_t *bytes, uint64_t *messages) {
  *bytes = handed_bytes;
  *messages = handed_messages;
}

void latent_mpi_describe(int code, char *text, size_t size) {
  char words[MPI_MAX_ERROR_STRING + 1] = "";
  int length = 0;
  if (code == LATENT_MPI_LOST || code == LATENT_MPI_INTERRUPTED ||
      MPI_Error_string(code, words, &length) != MPI_SUCCESS)
    snprintf(words, sizeof words, "error %d", code);
  snprintf(text, size, "%s", words);
}

#endif
