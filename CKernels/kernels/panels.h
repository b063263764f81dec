// Weights between plain rows, as others hold them, and panels; and their transposed copy.

// 16 rows of 16 in place of their transpose.
LATENT_INLINE void transpose_block(vf a[16]) {
  vf b[16];
  // Perfect shuffles: four rounds of interleaving rows i and i + 8.
#define LATENT_INTERLEAVE(from, to)                                                             \
  for (int i = 0; i < 8; ++i) {                                                                 \
    to[2 * i] = __builtin_shufflevector(from[i], from[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, \
                                        5, 21, 6, 22, 7, 23);                                   \
    to[2 * i + 1] = __builtin_shufflevector(from[i], from[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, \
                                            12, 28, 13, 29, 14, 30, 15, 31);                    \
  }
  LATENT_INTERLEAVE(a, b)
  LATENT_INTERLEAVE(b, a)
  LATENT_INTERLEAVE(a, b)
  LATENT_INTERLEAVE(b, a)
#undef LATENT_INTERLEAVE
}

// Copies rows [row, row + 16) of one panel of weights [inner x columns] to the transposed panels.
static void transpose_rows(const float *weights, float *transposed, size_t inner, size_t columns,
                           size_t panel, size_t row) {
  const float *from = weights + (panel * inner + row) * 16;
  float *to = transposed + (row / 16 * columns + panel * 16) * 16;
  size_t rows = inner - row, count = columns - panel * 16;
  vf block[16];
  if (rows >= 16 && count >= 16) {
    for (size_t k = 0; k < 16; ++k) block[k] = vf_load(from + 16 * k);
    transpose_block(block);
    for (size_t n = 0; n < 16; ++n) vf_store(to + 16 * n, block[n]);
    return;
  }
  for (size_t k = 0; k < 16; ++k) block[k] = k < rows ? vf_load(from + 16 * k) : (vf){};
  transpose_block(block);
  for (size_t n = 0; n < 16 && n < count; ++n) vf_store(to + 16 * n, block[n]);
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
