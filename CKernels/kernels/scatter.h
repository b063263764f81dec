// Scatter matrices: one range of rows is packed into panels, shifted and in the precision of the
// products, then multiplied with itself tile by tile and added to totals in double.
//
// Each product is one sequential chain of fused multiply-adds over the rows of a range, and ranges
// are added in their order: who computes which tile cannot show in the bits.

enum { STRIP = 8 };  // columns of one tile's height, and of one panel of doubles

// `count` values of a row from a column on, whatever they are stored as; a byte is a grey level.
LATENT_INLINE vd vd_load_row(const latent_scatter *scatter, size_t row, size_t column, int count) {
  size_t at = row * scatter->columns + column;
  const float *floats = (const float *)scatter->rows + at;
  const uint8_t *bytes = (const uint8_t *)scatter->rows + at;
  vd value = {};
  switch (scatter->source) {
    case LATENT_SOURCE_FLOATS:
      for (int i = 0; i < count; ++i) value[i] = (double)floats[i];
      break;
    case LATENT_SOURCE_BYTES:
      for (int i = 0; i < count; ++i) value[i] = (double)bytes[i] / 255.0;
      break;
    case LATENT_SOURCE_DOUBLES:
      memcpy(&value, (const double *)scatter->rows + at, (size_t)count * sizeof(double));
  }
  return value;
}

// This thread's strips of rows [first, first + count), less the pivot; sums of the columns besides.
static void scatter_pack(const latent_scatter *scatter, size_t first, size_t count, void *packed,
                         int thread, int threads) {
  size_t columns = scatter->columns;
  latent_range strips = latent_share(latent_scatter_width(columns) / STRIP, thread, threads);
  double *range_sums = (double *)scatter->workspace;
  for (size_t i = strips.start * STRIP; i < strips.end * STRIP; ++i) range_sums[i] = 0;
  for (size_t k = 0; k < count; ++k)
    for (size_t strip = strips.start; strip < strips.end; ++strip) {
      size_t column = strip * STRIP;
      vd value = {};
      if (column + STRIP <= columns) {
        value = vd_load_row(scatter, first + k, column, STRIP) - vd_load(scatter->pivot + column);
      } else if (column < columns) {
        vd pivot = {};
        memcpy(&pivot, scatter->pivot + column, (columns - column) * sizeof(double));
        value = vd_load_row(scatter, first + k, column, (int)(columns - column)) - pivot;
      }
      vd_store(range_sums + column, vd_load(range_sums + column) + value);
      if (scatter->narrow)
        vh_store((float *)packed + (strip / 2 * LATENT_SCATTER_ROWS + k) * 16 + strip % 2 * STRIP,
                 __builtin_convertvector(value, vh));
      else
        vd_store((double *)packed + (strip * LATENT_SCATTER_ROWS + k) * STRIP, value);
    }
  for (size_t column = strips.start * STRIP; column < strips.end * STRIP; ++column)
    if (column < columns) scatter->sums[column] += range_sums[column];
}

// out[rows x panels * 8] += Xt W, with X and W strips of `inner` rows.
LATENT_INLINE void scatter_tile(const int rows, const int panels, size_t inner, const double *x,
                                const double *w, double *out, size_t stride) {
  vd sum[8][3];
  for (int m = 0; m < rows; ++m)
    for (int p = 0; p < panels; ++p) sum[m][p] = (vd){};
  for (size_t k = 0; k < inner; ++k) {
    vd column[3];
    for (int p = 0; p < panels; ++p)
      column[p] = vd_load(w + ((size_t)p * LATENT_SCATTER_ROWS + k) * STRIP);
    for (int m = 0; m < rows; ++m) {
      vd value = vd_all(x[k * STRIP + (size_t)m]);
      for (int p = 0; p < panels; ++p) sum[m][p] = vd_fma(value, column[p], sum[m][p]);
    }
  }
  for (int m = 0; m < rows; ++m)
    for (int p = 0; p < panels; ++p) {
      double *to = out + (size_t)m * stride + STRIP * p;
      vd_store(to, vd_load(to) + sum[m][p]);
    }
}

#if LATENT_TILE_PANELS >= 3
enum { DOUBLE_TILE_ROWS = 8 };
#else
enum { DOUBLE_TILE_ROWS = 4 };
#endif
#define SCATTER_TILE(PANELS)                                                                   \
  static __attribute__((noinline)) void scatter_tile_##PANELS(                                 \
      size_t inner, const double *x, const double *w, double *out, size_t stride) {            \
    scatter_tile(DOUBLE_TILE_ROWS, PANELS, inner, x, w, out, stride);                          \
  }
SCATTER_TILE(1)
#if LATENT_TILE_PANELS >= 3
SCATTER_TILE(2)
SCATTER_TILE(3)
#endif

// x[inner x STRIP] and w[panels][inner x STRIP] to out[STRIP x stride], to whose first panels x STRIP columns the
// products are added.
static void scatter_strip_double(int panels, size_t inner, const double *x, const double *w,
                                 double *out, size_t stride) {
#if LATENT_TILE_PANELS >= 3
  if (panels == 3) scatter_tile_3(inner, x, w, out, stride);
  else if (panels == 2) scatter_tile_2(inner, x, w, out, stride);
  else scatter_tile_1(inner, x, w, out, stride);
#else
  for (int p = 0; p < panels; ++p)
    for (int m = 0; m < STRIP; m += DOUBLE_TILE_ROWS)
      scatter_tile_1(inner, x + m, w + (size_t)p * LATENT_SCATTER_ROWS * STRIP,
                     out + (size_t)m * stride + (size_t)p * STRIP, stride);
#endif
}

// The same of floats: x[inner x 16], of which STRIP count, w[panels][inner x 16], out[STRIP x stride].
static void scatter_strip_float(int panels, size_t inner, const float *x, const float *w,
                                double *out, size_t stride) {
  const latent_strides by = {1, 16, LATENT_SCATTER_ROWS * 16, 16, w, 0, false};
  latent_tile tile;
  const latent_ending to = latent_to_tile(&tile);
  tile_group(STRIP, panels, inner, x, w, &by, NULL, &to);
  for (size_t m = 0; m < STRIP; ++m)
    for (size_t n = 0; n < (size_t)panels * 16; n += STRIP) {
      double *to = out + m * stride + n;
      vh product = vh_load(&tile.values[m][0][0] + n);
      vd_store(to, vd_load(to) + __builtin_convertvector(product, vd));
    }
}

// This thread's tiles of the upper triangle, from one packed range of `count` rows. Tiles are
// numbered by groups of three panels of columns, then by strips of rows down to the diagonal.
static void scatter_products(const latent_scatter *scatter, size_t count, const void *packed,
                             int thread, int threads) {
  size_t width = latent_scatter_width(scatter->columns), strips = width / STRIP;
  size_t group = (scatter->narrow ? 6 : 3);  // in strips
  size_t tiles = 0;
  for (size_t j = 0; j < strips; j += group) tiles += j + group < strips ? j + group : strips;
  latent_range mine = latent_share(tiles, thread, threads);
  size_t number = 0;
  for (size_t j = 0; j < strips; j += group) {
    size_t end = j + group < strips ? j + group : strips;
    for (size_t i = 0; i < end; ++i, ++number) {
      if (number < mine.start || number >= mine.end) continue;
      double *out = scatter->products + i * STRIP * width + j * STRIP;
      if (scatter->narrow) {
        const float *panels = packed;
        scatter_strip_float((int)(end - j) / 2, count,
                            panels + i / 2 * LATENT_SCATTER_ROWS * 16 + i % 2 * STRIP,
                            panels + j / 2 * LATENT_SCATTER_ROWS * 16, out, width);
      } else {
        const double *panels = packed;
        scatter_strip_double((int)(end - j), count, panels + i * LATENT_SCATTER_ROWS * STRIP,
                             panels + j * LATENT_SCATTER_ROWS * STRIP, out, width);
      }
    }
  }
}
