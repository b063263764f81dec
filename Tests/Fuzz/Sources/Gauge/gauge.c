#include "gauge.h"

__attribute__((weak)) int __sanitizer_install_malloc_and_free_hooks(
    void (*)(const volatile void *, size_t), void (*)(const volatile void *));
__attribute__((weak)) size_t __sanitizer_get_allocated_size(const volatile void *);

// The readers have one thread.
static ptrdiff_t held, peak;

static void allocated(const volatile void *p, size_t size) {
  (void)p;
  held += (ptrdiff_t)size;
  if (held > peak) peak = held;
}

static void freed(const volatile void *p) {
  if (p) held -= (ptrdiff_t)__sanitizer_get_allocated_size(p);
}

void gauge_install(void) {
  if (__sanitizer_install_malloc_and_free_hooks)
    __sanitizer_install_malloc_and_free_hooks(allocated, freed);
}

void gauge_start(void) { held = peak = 0; }

size_t gauge_peak(void) { return (size_t)peak; }
