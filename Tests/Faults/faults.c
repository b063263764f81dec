// Makes the system fail on purpose: preloaded into a command, it counts the calls that touch files below
// one directory, and lets the chosen one go wrong.
//
//   LATENT_FAULT_BELOW  the directory, absolute
//   LATENT_FAULT_AT     which call, from 1; 0 only counts
//   LATENT_FAULT_KIND   kill       the process ends before the call
//                       torn       the same, after half of the bytes where the call is a write
//                       full       no space left, at this call and all later ones that take space
//                       error      an input/output error, once
//                       short      a write takes a single byte, once
//                       interrupt  a signal interrupts the call, once
//                       shrink     the file loses its second half before it is read
//   LATENT_FAULT_LOG    a file that gets a line a call: its number, name and path
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES = 4096 };
typedef enum kind { NONE, KILL, TORN, FULL, ERROR, SHORT, INTERRUPT, SHRINK } kind;
// What a call can be told: whether it takes space, whether it reads.
enum { TAKES_SPACE = 1, WRITES = 2, READS = 4, INTERRUPTIBLE = 8 };

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static bool ready;
static kind fault;
static long wanted, seen;
static char below[PATH_MAX];
static int record = -1;
static char *paths[FILES];  // of the open files below the directory

static void set_up(void) {
  static const char *const names[] = {"", "kill", "torn", "full", "error", "short", "interrupt", "shrink"};
  ready = true;
  const char *directory = getenv("LATENT_FAULT_BELOW"), *name = getenv("LATENT_FAULT_KIND");
  const char *at = getenv("LATENT_FAULT_AT"), *log = getenv("LATENT_FAULT_LOG");
  if (!directory) return;
  snprintf(below, sizeof below, "%s", directory);
  wanted = at ? atol(at) : 0;
  for (int i = 1; name && i < 8; ++i)
    if (!strcmp(name, names[i])) fault = (kind)i;
  if (log) record = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

// The path as it is seen from the root, no link followed; false where it is not below the directory.
static bool is_below(int directory, const char *path, char *full) {
  if (!ready) set_up();
  if (!below[0] || !path) return false;
  if (path[0] == '/') {
    snprintf(full, PATH_MAX, "%s", path);
  } else {
    char base[PATH_MAX];
    if (directory == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) return false;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
      ssize_t length = readlink(link, base, sizeof base - 1);
      if (length < 0) return false;
      base[length] = 0;
    }
    if (snprintf(full, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return false;
  }
  size_t length = strlen(below);
  return !strncmp(full, below, length) && (full[length] == '/' || !full[length]);
}

// Counts a call. Whether it shall go wrong, and by which error; it may not return.
static bool fails(const char *call, const char *path, int traits) {
  bool result = false;
  pthread_mutex_lock(&turn);
  long number = ++seen;
  if (record >= 0) {
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, call, path);
    syscall(SYS_write, record, line, (size_t)length);
  }
  if (number == wanted && (fault == KILL || (fault == TORN && !(traits & WRITES)))) raise(SIGKILL);
  if (wanted > 0) {
    if (fault == FULL && number >= wanted && traits & TAKES_SPACE) {
      errno = ENOSPC;
      result = true;
    } else if (fault == ERROR && number == wanted) {
      errno = EIO;
      result = true;
    } else if (fault == INTERRUPT && number == wanted && traits & INTERRUPTIBLE) {
      errno = EINTR;
      result = true;
    } else if (fault == SHRINK && number == wanted && traits & READS) {
      struct stat status;
      if (!stat(path, &status)) truncate(path, status.st_size / 2);
    }
  }
  pthread_mutex_unlock(&turn);
  return result;
}

static void remember(int file, const char *path) {
  if (file < 0 || file >= FILES) return;
  free(paths[file]);
  paths[file] = path ? strdup(path) : NULL;
}

static int open_counted(int directory, const char *path, int flags, unsigned mode) {
  char full[PATH_MAX];
  bool counts = is_below(directory, path, full);
  // To look at a directory's names takes nothing and changes nothing, but may fail.
  if (counts && fails(flags & O_DIRECTORY ? "open-directory" : flags & O_ACCMODE ? "open-to-write" : "open",
                      full, flags & O_CREAT ? TAKES_SPACE : 0))
    return -1;
  int file = (int)syscall(SYS_openat, directory, path, flags, mode);
  remember(file, counts ? full : NULL);
  return file;
}

#define MODE(flags, mode)                  \
  unsigned mode = 0;                      \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { \
    va_list rest;                         \
    va_start(rest, flags);                \
    mode = va_arg(rest, unsigned);        \
    va_end(rest);                         \
  }

int open(const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_counted(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_counted(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_counted(directory, path, flags, mode);
}
int openat64(int directory, const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_counted(directory, path, flags, mode);
}

DIR *opendir(const char *path) {
  static DIR *(*next)(const char *);
  char full[PATH_MAX];
  if (is_below(AT_FDCWD, path, full) && fails("list", full, 0)) return NULL;
  if (!next) next = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
  return next(path);
}

int close(int file) {
  remember(file, NULL);
  return (int)syscall(SYS_close, file);
}

static const char *path_of(int file) { return file >= 0 && file < FILES ? paths[file] : NULL; }

ssize_t write(int file, const void *bytes, size_t count) {
  const char *path = path_of(file);
  if (path) {
    if (fails("write", path, TAKES_SPACE | WRITES | INTERRUPTIBLE)) return -1;
    if (seen == wanted && fault == TORN) {
      syscall(SYS_write, file, bytes, count / 2);
      raise(SIGKILL);
    }
    if (seen == wanted && fault == SHORT && count > 1) count = 1;
  }
  return syscall(SYS_write, file, bytes, count);
}

ssize_t read(int file, void *bytes, size_t count) {
  const char *path = path_of(file);
  if (path && fails("read", path, READS | INTERRUPTIBLE)) return -1;
  return syscall(SYS_read, file, bytes, count);
}

int fsync(int file) {
  const char *path = path_of(file);
  if (path && fails("fsync", path, TAKES_SPACE | INTERRUPTIBLE)) return -1;
  return (int)syscall(SYS_fsync, file);
}

int posix_fallocate(int file, off_t offset, off_t length) {
  const char *path = path_of(file);
  if (path && fails("fallocate", path, TAKES_SPACE | INTERRUPTIBLE)) return errno;
  return syscall(SYS_fallocate, file, 0, offset, length) ? errno : 0;
}

int rename(const char *from, const char *to) {
  char full[PATH_MAX];
  if (is_below(AT_FDCWD, to, full) && fails("rename", full, TAKES_SPACE)) return -1;
  return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int unlink(const char *path) {
  char full[PATH_MAX];
  if (is_below(AT_FDCWD, path, full) && fails("unlink", full, 0)) return -1;
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
int unlinkat(int directory, const char *path, int flags) {
  char full[PATH_MAX];
  if (is_below(directory, path, full) && fails("unlink", full, 0)) return -1;
  return (int)syscall(SYS_unlinkat, directory, path, flags);
}
int rmdir(const char *path) {
  char full[PATH_MAX];
  if (is_below(AT_FDCWD, path, full) && fails("rmdir", full, 0)) return -1;
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}
int mkdir(const char *path, mode_t mode) {
  char full[PATH_MAX];
  if (is_below(AT_FDCWD, path, full) && fails("mkdir", full, TAKES_SPACE)) return -1;
  return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
