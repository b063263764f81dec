#pragma once
#include <stddef.h>

// How much memory is held, as address sanitizer counts it; nothing without it.

/// Starts to count.
void gauge_install(void);
/// From here on.
void gauge_start(void);
/// The most bytes held at a time since then, less those held at the start.
size_t gauge_peak(void);
