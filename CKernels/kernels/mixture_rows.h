// A thread's memory, parameters in the order in which tiles read them, and a block's rows: the ground that
// the other parts of mixture.h stand on.

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

// A lower triangle w[D x D] to out[D/8][D x 8], its rows by eights, zero above the diagonal.
static void MIXTURE(pack_triangle)(size_t columns, const double *w, REAL *out) {
  for (size_t j = 0; j < (columns + 7) / 8 * 8; ++j)
    for (size_t i = 0; i < columns; ++i)
      out[j / 8 * columns * 8 + i * 8 + j % 8] =
          j < columns && i <= j ? (REAL)w[j * columns + i] : 0;
}

// A pass's whiteners and centers to parameters[parameter bytes], as its density reads them.
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
