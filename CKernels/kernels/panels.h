// Weights between plain rows, as others hold them, and panels; and their transposed copy.

// Four rows, each quarter of whose lanes is transposed by itself: rows[j] then has columns j, 4 + j, 8 + j and
// 12 + j, four rows of each.
LATENT_INLINE void transpose_quarters(vf rows[4]) {
#define LATENT_PAIRS(a, b, n)                                                                          \
  __builtin_shufflevector(a, b, n, n + 16, n + 1, n + 17, n + 4, n + 20, n + 5, n + 21, n + 8, n + 24, \
                          n + 9, n + 25, n + 12, n + 28, n + 13, n + 29)
#define LATENT_HALVES(a, b, n)                                                                        \
  __builtin_shufflevector(a, b, n, n + 1, n + 16, n + 17, n + 4, n + 5, n + 20, n + 21, n + 8, n + 9, \
                          n + 24, n + 25, n + 12, n + 13, n + 28, n + 29)
  const vf a = LATENT_PAIRS(rows[0], rows[1], 0), b = LATENT_PAIRS(rows[2], rows[3], 0);
  const vf c = LATENT_PAIRS(rows[0], rows[1], 2), d = LATENT_PAIRS(rows[2], rows[3], 2);
  rows[0] = LATENT_HALVES(a, b, 0);
  rows[1] = LATENT_HALVES(a, b, 2);
  rows[2] = LATENT_HALVES(c, d, 0);
  rows[3] = LATENT_HALVES(c, d, 2);
#undef LATENT_PAIRS
#undef LATENT_HALVES
}

// 16 rows of 16 in place of their transpose.
LATENT_INLINE void transpose_block(vf a[16]) {
  LATENT_UNROLL for (int i = 0; i < 16; i += 4) transpose_quarters(a + i);
  // Quarters i and k of a, then of b.
#define LATENT_QUARTERS(a, b, i, k)                                                                            \
  __builtin_shufflevector(a, b, 4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3, 4 * k, 4 * k + 1, 4 * k + 2, 4 * k + 3, \
                          16 + 4 * i, 17 + 4 * i, 18 + 4 * i, 19 + 4 * i, 16 + 4 * k, 17 + 4 * k, 18 + 4 * k,  \
                          19 + 4 * k)
  LATENT_UNROLL for (int j = 0; j < 4; ++j) {
    const vf low = LATENT_QUARTERS(a[j], a[4 + j], 0, 1), high = LATENT_QUARTERS(a[j], a[4 + j], 2, 3);
    const vf next_low = LATENT_QUARTERS(a[8 + j], a[12 + j], 0, 1);
    const vf next_high = LATENT_QUARTERS(a[8 + j], a[12 + j], 2, 3);
    a[j] = LATENT_QUARTERS(low, next_low, 0, 2);
    a[4 + j] = LATENT_QUARTERS(low, next_low, 1, 3);
    a[8 + j] = LATENT_QUARTERS(high, next_high, 0, 2);
    a[12 + j] = LATENT_QUARTERS(high, next_high, 1, 3);
  }
#undef LATENT_QUARTERS
}

// from[16 x 16], of which `rows` and `columns` count, to its transpose. By themselves, so that blocks stay in registers.
LATENT_INLINE void transpose_to(const float *from, float *to, size_t rows, size_t columns) {
  vf block[16];
  LATENT_UNROLL for (size_t k = 0; k < 16; ++k) block[k] = k < rows ? vf_load(from + 16 * k) : (vf){};
  transpose_block(block);
  LATENT_UNROLL for (size_t n = 0; n < 16; ++n)
    if (n < columns) vf_store(to + 16 * n, block[n]);
}
static __attribute__((noinline)) void transpose_whole(const float *from, float *to) { transpose_to(from, to, 16, 16); }
static __attribute__((noinline)) void transpose_part(const float *from, float *to, size_t rows, size_t columns) {
  transpose_to(from, to, rows, columns);
}

// Copies rows [row, row + 16) of one panel of weights [inner x columns] to the transposed panels.
static void transpose_rows(const float *weights, float *transposed, size_t inner, size_t columns,
                           size_t panel, size_t row) {
  const float *from = weights + (panel * inner + row) * 16;
  float *to = transposed + (row / 16 * columns + panel * 16) * 16;
  const size_t rows = inner - row, count = columns - panel * 16;
  if (rows >= 16 && count >= 16) transpose_whole(from, to);
  else transpose_part(from, to, rows, count);
}

// transposed[columns x inner] of weights[inner x columns], both in panels.
static void transpose_weights(size_t inner, size_t columns, const float *weights, float *transposed) {
  for (size_t panel = 0; panel < latent_panels(columns); ++panel)
    for (size_t row = 0; row < inner; row += 16)
      transpose_rows(weights, transposed, inner, columns, panel, row);
}

// Where a column of a plain matrix of weights begins.
LATENT_INLINE size_t column_offset(latent_layout layout, size_t stride, size_t column) {
  return layout == LATENT_LAYOUT_INNER_BY_COLUMNS ? column : column * stride;
}

// 16 rows of a plain matrix, 16 columns of each, to a panel's.
static __attribute__((noinline)) void pack_whole(const float *matrix, size_t stride, float *panel) {
  vf block[16];
  LATENT_UNROLL for (size_t n = 0; n < 16; ++n) block[n] = vf_load(matrix + n * stride);
  transpose_block(block);
  LATENT_UNROLL for (size_t n = 0; n < 16; ++n) vf_store(panel + 16 * n, block[n]);
}

// matrix[inner x width] or [width x inner] by layout, to the first `stored` lanes of panel[inner x 16]: those
// beyond the width are zero.
LATENT_INLINE void pack_panel(latent_layout layout, size_t inner, int width, const float *matrix,
                              size_t stride, float *panel, int stored) {
  if (layout == LATENT_LAYOUT_INNER_BY_COLUMNS) {
    for (size_t k = 0; k < inner; ++k)
      vf_store_first(panel + k * 16, vf_load_first(matrix + k * stride, width), stored);
    return;
  }
  for (size_t k = 0; k < inner; k += 16) {
    int rows = (int)(inner - k < 16 ? inner - k : 16);
    if (rows == 16 && width == 16 && stored == 16) {
      pack_whole(matrix + k, stride, panel + k * 16);
      continue;
    }
    vf block[16];
    for (int n = 0; n < 16; ++n)
      block[n] = n < width ? vf_load_first(matrix + (size_t)n * stride + k, rows) : (vf){};
    transpose_block(block);
    for (int n = 0; n < rows; ++n) vf_store_first(panel + (k + (size_t)n) * 16, block[n], stored);
  }
}

// Lanes [lane, lane + width) of panel[inner x 16] to matrix[inner x width] or [width x inner] by layout.
LATENT_INLINE void unpack_panel(latent_layout layout, size_t inner, int lane, int width, const float *panel,
                                float *matrix, size_t stride) {
  if (layout == LATENT_LAYOUT_INNER_BY_COLUMNS) {
    for (size_t k = 0; k < inner; ++k)
      vf_store_first(matrix + k * stride, vf_load_first(panel + k * 16 + lane, width), width);
    return;
  }
  for (size_t k = 0; k < inner; k += 16) {
    int rows = (int)(inner - k < 16 ? inner - k : 16);
    vf block[16];
    for (int n = 0; n < 16; ++n) block[n] = n < rows ? vf_load(panel + (k + (size_t)n) * 16) : (vf){};
    transpose_block(block);
    for (int n = 0; n < width; ++n)
      vf_store_first(matrix + (size_t)n * stride + k, block[lane + n], rows);
  }
}

// The lanes of one panel that columns [start + at, start + count) of panels [inner x ...] begin with.
typedef struct latent_lanes {
  size_t panel;  // where it begins
  int lane, width;
} latent_lanes;
LATENT_INLINE latent_lanes lanes_at(size_t inner, size_t start, size_t at, size_t count) {
  size_t lane = (start + at) % 16, width = count - at < 16 - lane ? count - at : 16 - lane;
  return (latent_lanes){(start + at) / 16 * inner * 16, (int)lane, (int)width};
}

// matrix[inner x count] or [count x inner] by layout, to columns [start, start + count) of panels.
static void pack_matrix(latent_layout layout, size_t inner, size_t count, const float *matrix, size_t stride,
                        float *panels, size_t start) {
  latent_lanes to;
  for (size_t at = 0; at < count; at += (size_t)to.width) {
    to = lanes_at(inner, start, at, count);
    pack_panel(layout, inner, to.width, matrix + column_offset(layout, stride, at), stride,
               panels + to.panel + to.lane, to.width);
  }
}
// The way back.
static void unpack_matrix(latent_layout layout, size_t inner, size_t count, const float *panels, size_t start,
                          float *matrix, size_t stride) {
  latent_lanes from;
  for (size_t at = 0; at < count; at += (size_t)from.width) {
    from = lanes_at(inner, start, at, count);
    unpack_panel(layout, inner, from.lane, from.width, panels + from.panel,
                 matrix + column_offset(layout, stride, at), stride);
  }
}
