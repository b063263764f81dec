// Whether numbers are numbers: what training looks at now and then.

#include "internal.h"

// All of a float's exponent: set in infinities and NaN, whatever their sign.
static const uint32_t EXPONENT = 0x7f800000u;

static inline bool is_finite(const float *value) {
  uint32_t bits;
  memcpy(&bits, value, sizeof(bits));
  return (bits & EXPONENT) != EXPONENT;
}

size_t latent_first_not_finite(size_t count, const float *values) {
  enum { BLOCK = 256 };
  for (size_t start = 0; start < count; start += BLOCK) {
    size_t end = count - start < BLOCK ? count : start + BLOCK;
    uint32_t found = 0;
    for (size_t i = start; i < end; ++i) found |= !is_finite(&values[i]);
    if (!found) continue;
    while (is_finite(&values[start])) ++start;
    return start;
  }
  return count;
}
