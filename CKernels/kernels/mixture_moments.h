// Weighted sums of rows and of their products: part of mixture.h.

// out[height x width * LANES] += a' x over `rows` rows, one chain an element.
LATENT_INLINE void MIXTURE(moment_tile)(const int height, const int width, size_t rows,
                                        const REAL *a, size_t a_row, size_t a_column, const REAL *x,
                                        size_t x_row, double *out, size_t out_row) {
  vr sum[8][3];
  for (int h = 0; h < height; ++h)
    for (int p = 0; p < width; ++p) sum[h][p] = (vr){};
  for (size_t row = 0; row < rows; ++row) {
    vr column[3];
    for (int p = 0; p < width; ++p) column[p] = VR(load)(x + p * LANES);
    for (int h = 0; h < height; ++h) {
      vr value = VR(all)(a[(size_t)h * a_column]);
      for (int p = 0; p < width; ++p) sum[h][p] = VR(fma)(value, column[p], sum[h][p]);
    }
    a += a_row;
    x += x_row;
  }
  for (int h = 0; h < height; ++h)
    for (int p = 0; p < width; ++p)
      VR(add_to)(out + (size_t)h * out_row + (size_t)p * LANES, sum[h][p]);
}
// Second moments read a[row][h], first moments r[h][row] of eight components or of four.
#define MIXTURE_MOMENT(WIDTH)                                                                    \
  static __attribute__((noinline)) void MIXTURE(second_##WIDTH)(                                 \
      size_t rows, const REAL *a, const REAL *x, size_t x_row, double *out, size_t out_row) {    \
    MIXTURE(moment_tile)(MIXTURE_ROWS, WIDTH, rows, a, LANES, 1, x, x_row, out, out_row);        \
  }                                                                                              \
  static __attribute__((noinline)) void MIXTURE(first_##WIDTH)(                                  \
      size_t rows, const REAL *a, const REAL *x, size_t x_row, double *out, size_t out_row) {    \
    MIXTURE(moment_tile)(4, WIDTH, rows, a, 1, MIXTURE_BLOCK, x, x_row, out, out_row);           \
  }                                                                                              \
  static __attribute__((noinline)) void MIXTURE(tall_##WIDTH)(                                   \
      size_t rows, const REAL *a, const REAL *x, size_t x_row, double *out, size_t out_row) {    \
    MIXTURE(moment_tile)(MIXTURE_ROWS, WIDTH, rows, a, 1, MIXTURE_BLOCK, x, x_row, out, out_row); \
  }
typedef void MIXTURE(moment)(size_t rows, const REAL *a, const REAL *x, size_t x_row, double *out,
                             size_t out_row);
MIXTURE_MOMENT(1)
#if LATENT_TILE_PANELS >= 3
MIXTURE_MOMENT(2)
MIXTURE_MOMENT(3)
#define MIXTURE_WIDTHS(NAME) {MIXTURE(NAME##_1), MIXTURE(NAME##_2), MIXTURE(NAME##_3)}
#else
#define MIXTURE_WIDTHS(NAME) {MIXTURE(NAME##_1)}
#endif
static MIXTURE(moment) *const MIXTURE(second)[MIXTURE_PANELS] = MIXTURE_WIDTHS(second);
static MIXTURE(moment) *const MIXTURE(first)[MIXTURE_PANELS] = MIXTURE_WIDTHS(first);
static MIXTURE(moment) *const MIXTURE(tall)[MIXTURE_PANELS] = MIXTURE_WIDTHS(tall);

// How many of the panels that are left the next tile takes: four are better as two and two.
LATENT_INLINE size_t MIXTURE(width)(size_t left) {
  return left == 4 && MIXTURE_PANELS == 3 ? 2 : left < MIXTURE_PANELS ? left : MIXTURE_PANELS;
}

// Sum r x of all components, x[block x padded].
static void MIXTURE(first_moments)(const latent_mixture *pass, MIXTURE(scratch) *s, size_t rows,
                                   const REAL *x, double *out) {
  size_t padded = (pass->columns + 15u) / 16 * 16, panels = padded / LANES;
  size_t components = (pass->components + 3u) / 4 * 4;
  for (size_t k = 0; k < components;) {
    bool eight = MIXTURE_ROWS == 8 && k + 8 <= components;
    for (size_t p = 0; p < panels;) {
      size_t width = MIXTURE(width)(panels - p);
      (eight ? MIXTURE(tall) : MIXTURE(first))[width - 1](
          rows, s->density + k * MIXTURE_BLOCK, x + p * LANES, padded,
          out + k * padded + p * LANES, padded);
      p += width;
    }
    k += eight ? 8 : 4;
  }
}

// Sum r x and the upper triangle of sum r x xt of one component, x about its center.
static void MIXTURE(full_moments)(const latent_mixture *pass, MIXTURE(scratch) *s, size_t rows,
                                  size_t k, double *sums, double *squares) {
  size_t columns = pass->columns, padded = (columns + 15) / 16 * 16, panels = padded / LANES;
  const double *center = pass->centers + k * columns;
  const REAL *share = s->density + k * MIXTURE_BLOCK;
  for (size_t p = 0; p < panels; ++p) {
    REAL centers[LANES];
    for (size_t lane = 0; lane < LANES; ++lane)
      centers[lane] = p * LANES + lane < columns ? (REAL)center[p * LANES + lane] : 0;
    vr about = VR(load)(centers);
    REAL *scaled = s->whitened + p * LANES * MIXTURE_BLOCK;
    vr sum[4] = {};  // four chains hide the latency of an addition
    // Rows past the last, up to whole panels, have no share.
    for (size_t row = 0; row < rows; row += 4)
      for (size_t i = 0; i < 4; ++i) {
        size_t at = (row + i) * padded + p * LANES;
        vr x = VR(load)(s->rows + at) - about;
        VR(store)(s->centered + at, x);
        x = x * share[row + i];
        VR(store)(scaled + (row + i) * LANES, x);
        sum[i] += x;
      }
    VR(add_to)(sums + p * LANES, (sum[0] + sum[2]) + (sum[1] + sum[3]));
  }
  for (size_t p = 0; p < panels; ++p)
    for (size_t h = 0; h < LANES && p * LANES + h < columns; h += MIXTURE_ROWS)
      for (size_t q = p; q < panels;) {
        size_t width = MIXTURE(width)(panels - q);
        MIXTURE(second)[width - 1](rows, s->whitened + p * LANES * MIXTURE_BLOCK + h,
                                   s->centered + q * LANES, padded,
                                   squares + (p * LANES + h) * padded + q * LANES, padded);
        q += width;
      }
}

static void MIXTURE(moments)(const latent_mixture *pass, MIXTURE(scratch) *s, size_t rows,
                             double *statistics, latent_mixture_layout layout) {
  if (pass->squares == LATENT_SQUARES_FULL) {
    for (size_t k = 0; k < pass->components; ++k)
      MIXTURE(full_moments)(pass, s, rows, k, statistics + layout.sums + k * layout.padded,
                            statistics + layout.squares + k * layout.padded * layout.padded);
    return;
  }
  MIXTURE(first_moments)(pass, s, rows, s->rows, statistics + layout.sums);
  if (pass->squares == LATENT_SQUARES_NONE) return;
  for (size_t at = 0; at < rows * layout.padded; at += LANES) {
    vr x = VR(load)(s->rows + at);
    VR(store)(s->centered + at, x * x);
  }
  MIXTURE(first_moments)(pass, s, rows, s->centered, statistics + layout.squares);
}
