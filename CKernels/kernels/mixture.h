// One range of rows of a mixture's pass: densities, responsibilities, sufficient statistics, a block
// of rows at a time. Included twice by mixtures.h, with REAL double or float.
//
// For densities a vector's lanes are rows, so that squared norms need no sums along lanes and every
// row has its own chain of operations; for statistics they are columns, and the chain runs down the
// rows of a block, whose sum is then added in double.

#define MIXTURE_ROWS (LATENT_TILE_ROWS >= 8 ? 8 : 4)
#define MIXTURE_PANELS (LATENT_TILE_PANELS >= 3 ? 3 : 1)
#define MIXTURE_BLOCK LATENT_MIXTURE_BLOCK

// A thread's memory.
typedef struct MIXTURE(scratch) {
  REAL *rows;      // [block x padded], columns past the last are zero
  REAL *centered;  // [block x padded]: rows about a component's center, or their squares
  REAL *panels;    // [block / LANES x D x LANES]: rows transposed
  REAL *whitened;  // the same, whitened or about a center; then r x, [panels][block][LANES]
  REAL *density;   // [K4 x block]: log densities, then responsibilities
  REAL *weights;   // [block], zero past the last row
  double *shift;   // [padded], zero past the last column
  double *lanes;   // [1 + K4][16]: sums of log p(x) and of responsibilities by lane
} MIXTURE(scratch);

static size_t MIXTURE(lay_out)(const latent_mixture *pass, void *memory, MIXTURE(scratch) *s) {
  size_t padded = (pass->columns + 15u) / 16 * 16, components = (pass->components + 3u) / 4 * 4;
  size_t at = 0;
  char *base = memory;
#define TAKE(FIELD, TYPE, COUNT)                  \
  if (s) s->FIELD = (TYPE *)(void *)(base + at);  \
  at += ((COUNT) * sizeof(TYPE) + 63) / 64 * 64;
  TAKE(rows, REAL, MIXTURE_BLOCK * padded)
  TAKE(centered, REAL, MIXTURE_BLOCK * padded)
  TAKE(panels, REAL, MIXTURE_BLOCK * (size_t)pass->columns)
  TAKE(whitened, REAL, MIXTURE_BLOCK * padded)
  TAKE(density, REAL, MIXTURE_BLOCK * components)
  TAKE(weights, REAL, MIXTURE_BLOCK)
  TAKE(shift, double, padded)
  TAKE(lanes, double, 16 * (1 + components))
#undef TAKE
  return at;
}

static size_t MIXTURE(scratch_bytes)(const latent_mixture *pass) {
  return MIXTURE(lay_out)(pass, NULL, NULL);
}

// MARK: Parameters in the order in which the tiles read them

// A triangle: [ceil(D / 8)][D][8], rows of W eight at a time.
static size_t MIXTURE(triangle)(size_t columns) { return (columns + 7) / 8 * columns * 8; }
// Diagonals: [ceil(K / 4)][D][8], four reciprocal deviations and four whitened negative centers.
static size_t MIXTURE(diagonals)(const latent_mixture *pass) {
  return ((size_t)pass->components + 3) / 4 * pass->columns * 8;
}

static size_t MIXTURE(parameter_bytes)(const latent_mixture *pass) {
  size_t count = 0;
  if (pass->density == LATENT_DENSITY_FULL)
    count = pass->components * MIXTURE(triangle)(pass->columns);
  else count = MIXTURE(diagonals)(pass);
  if (pass->density == LATENT_DENSITY_TIED) count += MIXTURE(triangle)(pass->columns);
  return count * sizeof(REAL);
}

static void MIXTURE(pack_triangle)(size_t columns, const double *w, REAL *out) {
  for (size_t j = 0; j < (columns + 7) / 8 * 8; ++j)
    for (size_t i = 0; i < columns; ++i)
      out[j / 8 * columns * 8 + i * 8 + j % 8] =
          j < columns && i <= j ? (REAL)w[j * columns + i] : 0;
}

static void MIXTURE(pack)(const latent_mixture *pass, void *parameters) {
  size_t columns = pass->columns;
  REAL *out = parameters;
  if (pass->density == LATENT_DENSITY_FULL) {
    for (size_t k = 0; k < pass->components; ++k)
      MIXTURE(pack_triangle)(columns, pass->whiteners + k * columns * columns,
                             out + k * MIXTURE(triangle)(columns));
    return;
  }
  bool tied = pass->density == LATENT_DENSITY_TIED;
  for (size_t k = 0; k < (pass->components + 3u) / 4 * 4; ++k)
    for (size_t d = 0; d < columns; ++d) {
      REAL *at = out + k / 4 * columns * 8 + d * 8 + k % 4;
      at[0] = at[4] = 0;
      if (k >= pass->components) continue;
      const double *center = pass->centers + k * columns;
      double scale = 1, whitened = 0;
      if (tied)
        for (size_t i = 0; i <= d; ++i) whitened += pass->whiteners[d * columns + i] * center[i];
      else scale = pass->whiteners[k * columns + d], whitened = scale * center[d];
      at[0] = (REAL)scale;
      at[4] = (REAL)-whitened;
    }
  if (tied) MIXTURE(pack_triangle)(columns, pass->whiteners, out + MIXTURE(diagonals)(pass));
}

// MARK: A block's rows

// `count` <= LANES rows and the first `width` <= LANES columns of a square.
static __attribute__((noinline)) void MIXTURE(load_corner)(const REAL *x, size_t stride,
                                                           size_t count, int width, vr *square) {
  for (size_t i = 0; i < LANES; ++i)
    square[i] = i < count ? VR(load_first)(x + i * stride, width) : (vr){};
}

// Rows less the shift, row-major and transposed, with zeros where there are no rows or columns.
static void MIXTURE(load)(const latent_mixture *pass, MIXTURE(scratch) *s, size_t first,
                          size_t count) {
  size_t columns = pass->columns, padded = (columns + 15) / 16 * 16;
  const REAL *x = (const REAL *)pass->x + first * pass->stride;
  for (size_t row = 0; row < count; row += LANES) {
    size_t valid = count - row < LANES ? count - row : LANES;
    for (size_t d = 0; d < padded; d += LANES) {
      int width = d >= columns ? 0 : columns - d < LANES ? (int)(columns - d) : LANES;
      const REAL *from = x + row * pass->stride + d;
      vr square[LANES];
      if (valid == LANES && width == LANES)
        for (size_t i = 0; i < LANES; ++i) {
          square[i] = VR(load)(from + i * pass->stride);
          // The next block's rows, into the second cache, while this one computes.
          __builtin_prefetch(from + (i + MIXTURE_BLOCK) * pass->stride, 0, 2);
        }
      else MIXTURE(load_corner)(from, pass->stride, valid, width, square);
      for (size_t i = 0; i < LANES; ++i) {
        // Lanes that are not there are zero after the subtraction too.
        square[i] = i < valid ? VR(less)(square[i], s->shift + d) : (vr){};
        VR(store)(s->rows + (row + i) * padded + d, square[i]);
      }
      VR(transpose)(square);
      for (int i = 0; i < width; ++i)
        VR(store)(s->panels + row * columns + (d + (size_t)i) * LANES, square[i]);
    }
    for (size_t i = 0; i < LANES; ++i)
      s->weights[row + i] =
          i >= valid ? (REAL)0 : pass->weights ? (REAL)pass->weights[first + row + i] : (REAL)1;
  }
}

// MARK: Densities

// y = W x for `height` rows of a triangle (of eight) and `width` panels: their squares are added to
// `norms` [width][LANES], or, without, y is stored at `out` [width][D][LANES].
LATENT_INLINE void MIXTURE(whiten_tile)(const int height, const int width, size_t inner,
                                        const REAL *w, const REAL *x, size_t panel, REAL *norms,
                                        REAL *out, size_t wanted) {
  vr y[8][3];
  for (int h = 0; h < height; ++h)
    for (int p = 0; p < width; ++p) y[h][p] = (vr){};
  for (size_t i = 0; i < inner; ++i) {
    vr column[3];
    for (int p = 0; p < width; ++p) column[p] = VR(load)(x + (size_t)p * panel + i * LANES);
    for (int h = 0; h < height; ++h) {
      vr value = VR(all)(w[i * 8 + (size_t)h]);
      for (int p = 0; p < width; ++p) y[h][p] = VR(fma)(value, column[p], y[h][p]);
    }
  }
  for (int p = 0; p < width; ++p) {
    if (norms) {
      vr norm = VR(load)(norms + p * LANES);
      for (int h = 0; h < height; ++h) norm = VR(fma)(y[h][p], y[h][p], norm);
      VR(store)(norms + p * LANES, norm);
    } else {
      for (int h = 0; h < height; ++h)
        if ((size_t)h < wanted) VR(store)(out + (size_t)p * panel + (size_t)h * LANES, y[h][p]);
    }
  }
}
#define MIXTURE_WHITEN(WIDTH)                                                                    \
  static __attribute__((noinline)) void MIXTURE(whiten_##WIDTH)(                                 \
      size_t columns, const REAL *w, const REAL *x, REAL *norms, REAL *out) {                    \
    for (size_t j = 0; j < columns; j += 8)                                                      \
      for (size_t h = 0; h < 8; h += MIXTURE_ROWS) {                                             \
        size_t inner = j + 8 < columns ? j + 8 : columns;                                        \
        size_t wanted = columns > j + h ? columns - j - h : 0;                                   \
        if (wanted)                                                                              \
          MIXTURE(whiten_tile)(MIXTURE_ROWS, WIDTH, inner, w + j * columns + h, x,               \
                               columns * LANES, norms, out ? out + (j + h) * LANES : out, wanted); \
      }                                                                                          \
  }
MIXTURE_WHITEN(1)
#if LATENT_TILE_PANELS >= 3
MIXTURE_WHITEN(2)
MIXTURE_WHITEN(3)
#endif

static void MIXTURE(whiten)(int width, size_t columns, const REAL *w, const REAL *x, REAL *norms,
                            REAL *out) {
#if LATENT_TILE_PANELS >= 3
  if (width == 3) MIXTURE(whiten_3)(columns, w, x, norms, out);
  else if (width == 2) MIXTURE(whiten_2)(columns, w, x, norms, out);
  else
#endif
    MIXTURE(whiten_1)(columns, w, x, norms, out);
  (void)width;
}

// Squared norms of (x - center) / deviation for four components and `width` panels.
LATENT_INLINE void MIXTURE(distance_tile)(const int width, size_t columns, const REAL *parameters,
                                          const REAL *x, REAL *density) {
  vr norm[4][3];
  for (int k = 0; k < 4; ++k)
    for (int p = 0; p < width; ++p) norm[k][p] = (vr){};
  for (size_t d = 0; d < columns; ++d) {
    vr column[3];
    for (int p = 0; p < width; ++p)
      column[p] = VR(load)(x + (size_t)p * columns * LANES + d * LANES);
    for (int k = 0; k < 4; ++k) {
      vr scale = VR(all)(parameters[d * 8 + (size_t)k]);
      vr start = VR(all)(parameters[d * 8 + 4 + (size_t)k]);
      for (int p = 0; p < width; ++p) {
        vr y = VR(fma)(column[p], scale, start);
        norm[k][p] = VR(fma)(y, y, norm[k][p]);
      }
    }
  }
  for (int k = 0; k < 4; ++k)
    for (int p = 0; p < width; ++p)
      VR(store)(density + k * MIXTURE_BLOCK + p * LANES, norm[k][p]);
}
#define MIXTURE_DISTANCE(WIDTH)                                                            \
  static __attribute__((noinline)) void MIXTURE(distance_##WIDTH)(                         \
      size_t columns, const REAL *parameters, const REAL *x, REAL *density) {              \
    MIXTURE(distance_tile)(WIDTH, columns, parameters, x, density);                        \
  }
MIXTURE_DISTANCE(1)
#if LATENT_TILE_PANELS >= 3
MIXTURE_DISTANCE(2)
MIXTURE_DISTANCE(3)
#endif

static void MIXTURE(distance)(int width, size_t columns, const REAL *parameters, const REAL *x,
                              REAL *density) {
#if LATENT_TILE_PANELS >= 3
  if (width == 3) MIXTURE(distance_3)(columns, parameters, x, density);
  else if (width == 2) MIXTURE(distance_2)(columns, parameters, x, density);
  else
#endif
    MIXTURE(distance_1)(columns, parameters, x, density);
  (void)width;
}

// density[k][row] = squared Mahalanobis distances of one component, for every row of the block.
static void MIXTURE(full_distances)(const latent_mixture *pass, const REAL *parameters,
                                    MIXTURE(scratch) *s, size_t k, size_t panels) {
  size_t columns = pass->columns, panel = columns * LANES;
  const REAL *w = parameters + k * MIXTURE(triangle)(columns);
  const double *center = pass->centers + k * columns;
  REAL *norms = s->density + k * MIXTURE_BLOCK;
  memset(norms, 0, MIXTURE_BLOCK * sizeof(REAL));
  for (size_t p = 0; p < panels; p += MIXTURE_PANELS) {
    size_t width = panels - p < MIXTURE_PANELS ? panels - p : MIXTURE_PANELS;
    for (size_t q = 0; q < width; ++q)
      for (size_t d = 0; d < columns; ++d)
        VR(store)(s->whitened + q * panel + d * LANES,
                  VR(load)(s->panels + (p + q) * panel + d * LANES) - (REAL)center[d]);
    MIXTURE(whiten)((int)width, columns, w, s->whitened, norms + p * LANES, NULL);
  }
}

// The same of all components that share a whitener or have diagonal ones, for `width` panels.
static void MIXTURE(shared_distances)(const latent_mixture *pass, const REAL *parameters,
                                      MIXTURE(scratch) *s, size_t panel, int width) {
  size_t columns = pass->columns;
  const REAL *x = s->panels + panel * columns * LANES;
  if (pass->density == LATENT_DENSITY_TIED) {
    MIXTURE(whiten)(width, columns, parameters + MIXTURE(diagonals)(pass), x, NULL, s->whitened);
    x = s->whitened;
  }
  for (size_t k = 0; k < pass->components; k += 4)
    MIXTURE(distance)(width, columns, parameters + k / 4 * columns * 8, x,
                      s->density + k * MIXTURE_BLOCK + panel * LANES);
}

// MARK: Responsibilities

// Distances of the rows [row, end) of a block to responsibilities times weights, in place, and what is
// wanted of each row. The block begins at row `first` of the pass.
static void MIXTURE(respond)(const latent_mixture *pass, MIXTURE(scratch) *s, size_t first,
                             size_t row, size_t end) {
  size_t components = pass->components;
  bool labelled = pass->labels || pass->hard;
  for (; row < end; row += LANES) {
    REAL *density = s->density + row;
    size_t valid = end - row < LANES ? end - row : LANES;
    vr best = VR(all)(-__builtin_inff()), label = {};
    for (size_t k = 0; k < components; ++k) {
      vr value = VR(fma)(VR(load)(density + k * MIXTURE_BLOCK), VR(all)((REAL)-0.5),
                         VR(all)((REAL)pass->constants[k]));
      if (labelled) label = VR(select)(value > best, VR(all)((REAL)k), label);
      best = VR(max)(value, best);
      VR(store)(density + k * MIXTURE_BLOCK, value);
    }
    // A row that every component gives density zero keeps log p = -infinity and no responsibility.
    vr_mask possible = best > -__builtin_inff();
    vr level = VR(select)(possible, best, (vr){});
    for (size_t k = components; k % 4; ++k)
      VR(store)(density + k * MIXTURE_BLOCK, VR(all)(-__builtin_inff()));
    vr sum = {};
    for (size_t k = 0; k < components; k += 4) {
      vr share[4];
      for (size_t i = 0; i < 4; ++i)
        share[i] = VR(load)(density + (k + i) * MIXTURE_BLOCK) - level;
      VR(exp_shares)(share);
      for (size_t i = 0; i < 4; ++i) {
        sum += share[i];
        VR(store)(density + (k + i) * MIXTURE_BLOCK, share[i]);
      }
    }
    vr log_density = level + VR(log)(sum);
    vr weight = VR(load)(s->weights + row);
    vr inverse = VR(select)(possible, (REAL)1 / sum, (vr){});
    if (pass->hard) {
      inverse = VR(select)(possible, VR(all)((REAL)1), (vr){});
      for (size_t k = 0; k < components; ++k)
        VR(store)(density + k * MIXTURE_BLOCK,
                  VR(select)(label == VR(all)((REAL)k), VR(all)((REAL)1), (vr){}));
    }
    if (pass->responsibilities)
      for (size_t k = 0; k < components; ++k) {
        vr share = VR(load)(density + k * MIXTURE_BLOCK) * inverse;
        for (size_t lane = 0; lane < valid; ++lane)
          pass->responsibilities[(first + row + lane) * components + k] = (double)share[lane];
      }
    if (pass->log_density)
      for (size_t lane = 0; lane < valid; ++lane)
        pass->log_density[first + row + lane] = (double)log_density[lane];
    if (pass->labels)
      for (size_t lane = 0; lane < valid; ++lane)
        pass->labels[first + row + lane] = (int32_t)label[lane];
    if (!pass->statistics) continue;
    vr scale = inverse * weight;
    for (size_t k = 0; k < components; ++k) {
      vr share = VR(load)(density + k * MIXTURE_BLOCK) * scale;
      VR(store)(density + k * MIXTURE_BLOCK, share);
      VR(add_to)(s->lanes + 16 * (1 + k), share);
    }
    // Hard assignments maximize the assigned component's density: k-means' own objective.
    vr bound = pass->hard ? best : log_density;
    VR(add_to)(s->lanes, VR(select)(weight > (REAL)0, bound * weight, (vr){}));
  }
}

// MARK: Sufficient statistics

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

// Rows [first, end) of the pass; `statistics` (or NULL) is overwritten.
static void MIXTURE(range)(const latent_mixture *pass, const void *parameters, void *memory,
                           size_t first, size_t end, double *statistics) {
  MIXTURE(scratch) s;
  MIXTURE(lay_out)(pass, memory, &s);
  latent_mixture_layout layout = latent_mixture_statistics(pass);
  size_t padded_components = (pass->components + 3u) / 4 * 4;
  memset(s.shift, 0, layout.padded * sizeof(double));
  memcpy(s.shift, pass->shift, pass->columns * sizeof(double));
  memset(s.lanes, 0, 16 * (1 + padded_components) * sizeof(double));
  if (statistics) memset(statistics, 0, layout.total * sizeof(double));
  for (size_t row = first; row < end; row += MIXTURE_BLOCK) {
    size_t count = end - row < MIXTURE_BLOCK ? end - row : MIXTURE_BLOCK;
    MIXTURE(load)(pass, &s, row, count);
    size_t panels = (count + LANES - 1) / LANES;
    if (pass->density == LATENT_DENSITY_FULL) {
      for (size_t k = 0; k < pass->components; ++k)
        MIXTURE(full_distances)(pass, parameters, &s, k, panels);
      MIXTURE(respond)(pass, &s, row, 0, count);
    } else {
      // Three panels at a time, whose densities stay in the nearest cache.
      for (size_t p = 0; p < panels; p += MIXTURE_PANELS) {
        size_t width = panels - p < MIXTURE_PANELS ? panels - p : MIXTURE_PANELS;
        MIXTURE(shared_distances)(pass, parameters, &s, p, (int)width);
        size_t end = (p + width) * LANES;
        MIXTURE(respond)(pass, &s, row, p * LANES, end < count ? end : count);
      }
    }
    if (statistics) MIXTURE(moments)(pass, &s, count, statistics, layout);
  }
  if (!statistics) return;
  statistics[0] = VR(join)(s.lanes);
  for (size_t k = 0; k < pass->components; ++k)
    statistics[layout.counts + k] = VR(join)(s.lanes + 16 * (1 + k));
}

#undef MIXTURE_ROWS
#undef MIXTURE_PANELS
#undef MIXTURE_BLOCK
#undef MIXTURE_WHITEN
#undef MIXTURE_DISTANCE
#undef MIXTURE_MOMENT
#undef MIXTURE_WIDTHS
