// One register tile, ROWS x PANELS (of 16 columns), on the shapes that layers have: the share of this core's
// peak that Y = X W reaches, W packed. Built once for each tile by Benchmarks/compare-tiles.
#define LATENT_SUM_ROWS ROWS
#define LATENT_SUM_PANELS PANELS
#define LATENT_FUSED 1
#define LATENT_TILE_ROWS 6
#define LATENT_TILE_PANELS 1
#include "internal.h"

#if LATENT_AVX512
#include <immintrin.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#pragma clang diagnostic ignored "-Wpsabi"
#include "kernels/vector.h"

#include "kernels/tile.h"

typedef struct shape {
  size_t rows, inner, columns;
} shape;
static const shape shapes[] = {{128, 784, 400}, {100, 784, 400}, {128, 400, 784}, {100, 784, 200}, {100, 200, 200},
                               {100, 200, 100}, {100, 400, 40},  {100, 20, 400},  {100, 50, 200}};

// The height of a tile is a constant in its loop, whichever is called for.
#define HEIGHT(R)                                                                                        \
  case R:                                                                                                \
    tile_product(R <= ROWS ? R : 1, panels, false, inner, x, w, by, NULL, to);                                  \
    break;
static inline __attribute__((always_inline)) void heights(int rows, const int panels, size_t inner, const float *x,
                                                          const float *w, const latent_strides *by,
                                                          const latent_ending *to) {
  switch (rows) {
    HEIGHT(1) HEIGHT(2) HEIGHT(3) HEIGHT(4) HEIGHT(5) HEIGHT(6) HEIGHT(7) HEIGHT(8) HEIGHT(9) HEIGHT(10)
    HEIGHT(11) HEIGHT(12) HEIGHT(13) HEIGHT(14)
  }
}
#define WIDTH(P)                                                                                         \
  case P:                                                                                                \
    heights(rows, P <= PANELS ? P : 1, inner, x, w, by, to);                                             \
    break;
static __attribute__((noinline)) void tile(int rows, int panels, size_t inner, const float *x, const float *w,
                                           const latent_strides *by, const latent_ending *to) {
  switch (panels) { WIDTH(1) WIDTH(2) WIDTH(3) WIDTH(4) WIDTH(5) }
}

static void product(shape s, const float *x, const float *w, float *y) {
  latent_strides by = {s.inner, 1, s.inner * 16, 16, w, 16, false};
  float out[ROWS * PANELS * 16] __attribute__((aligned(64)));
  const latent_ending to = latent_to(out, PANELS * 16);
  size_t all = latent_panels(s.columns);
  for (size_t panel = 0, wide; panel < all; panel += wide) {
    wide = all - panel < PANELS ? all - panel : PANELS;
    for (size_t row = 0, high; row < s.rows; row += high) {
      high = s.rows - row < ROWS ? s.rows - row : ROWS;
      by.soon = row / ROWS < wide && panel + wide < all ? w + (panel + wide + row / ROWS) * by.w_panel
                                                        : x + (row + high < s.rows ? row + high : 0) * s.inner;
      tile((int)high, (int)wide, s.inner, x + row * s.inner, w + panel * by.w_panel, &by, &to);
      for (size_t m = 0; m < high; ++m)
        memcpy(y + ((row + m) * all + panel) * 16, out + m * PANELS * 16, wide * 16 * sizeof(float));
    }
  }
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(void) {
  enum { ROUNDS = 15, FLOATS = 1 << 20 };
  float *x = aligned_alloc(64, FLOATS * sizeof(float)), *w = aligned_alloc(64, FLOATS * sizeof(float)),
        *y = aligned_alloc(64, FLOATS * sizeof(float));
  for (int i = 0; i < FLOATS; ++i) x[i] = w[i] = (float)(i % 97) * 0.01f, y[i] = 0;
  const latent_kernels *kernels = latent_kernels_for(LATENT_AVX512 ? LATENT_ISA_AVX512 : LATENT_ISA_AVX2);
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i) {
    const shape s = shapes[i];
    double share[ROUNDS], flops = 2.0 * (double)(s.rows * s.inner * s.columns);
    size_t times = (size_t)(2e8 / flops) + 1;
    for (int round = 0; round < ROUNDS; ++round) {
      double begin = seconds(), peak = kernels->peak(40000) / (seconds() - begin);
      begin = seconds();
      for (size_t t = 0; t < times; ++t) product(s, x, w, y);
      share[round] = flops * (double)times / (seconds() - begin) / peak;
    }
    qsort(share, ROUNDS, sizeof *share, ascending);
    printf("%zux%zux%zu %.4f\n", s.rows, s.inner, s.columns, share[ROUNDS / 2]);
  }
}
