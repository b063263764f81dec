// The length of a vector of floats, for clipping gradients.

#include "internal.h"

double latent_sum_of_squares(size_t count, const float *values) {
  // 16 lanes and one tree. A float's square is exact in double: whether a compiler fuses decides no bit.
  double lanes[16] = {0};
  for (size_t i = 0; i < count / 16 * 16; i += 16)
    for (size_t lane = 0; lane < 16; ++lane)
      lanes[lane] += (double)values[i + lane] * (double)values[i + lane];
  for (size_t i = count / 16 * 16; i < count; ++i)
    lanes[i % 16] += (double)values[i] * (double)values[i];
  for (size_t half = 8; half > 0; half /= 2)
    for (size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  return lanes[0];
}
