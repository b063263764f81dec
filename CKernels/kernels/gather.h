// The products with a batch of zeros and ones (ones.h), as sums of gathered rows. Four sums are made at a time:
// one by one each addition would wait for the one before, and most lists end with a jump that nobody predicted.

// Rows of a batch that pass a block of weights before the next one comes.
enum { LATENT_GATHERED_ROWS = 128 };

// Where entry i of `count` that one load brought stands in the word, in entries.
LATENT_INLINE int latent_entry(int i, int count) {
  return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? i : count - 1 - i;
}

// MARK: Forward

// A bias of minus zero keeps its sign only in the dense product.
LATENT_INLINE bool has_minus_zero(const float *bias, int panels) {
  vi minus = {};
  for (int p = 0; p < panels; ++p) minus |= (vi)vf_load(bias + 16 * p) == vi_all(INT32_MIN);
  return lane_bits(minus) != 0;
}

// The rows of each LATENT_GATHERED_ROWS by how many ones they have in each block of columns, so that sums made
// at a time are about as long (without, 1.4 times the time): order[blocks x rows] of each.
static void order_rows(const latent_ones *ones, size_t row, size_t row_end, uint8_t *order) {
  for (; row < row_end; row += LATENT_GATHERED_ROWS) {
    const size_t rows = row_end - row < LATENT_GATHERED_ROWS ? row_end - row : LATENT_GATHERED_ROWS;
    for (size_t block = 0; block < ones->blocks; ++block, order += rows) {
      uint8_t counts[LATENT_GATHERED_ROWS];
      uint8_t places[LATENT_ONES_BLOCK + 2] = {};  // of each count, where the next row goes
      for (size_t m = 0; m < rows; ++m) {
        const uint32_t *starts = ones->row_starts + (row + m) * (ones->blocks + 1) + block;
        counts[m] = (uint8_t)(starts[1] - starts[0] - 1);
        ++places[counts[m] + 1];
      }
      for (size_t count = 1; count <= LATENT_ONES_BLOCK; ++count) places[count] += places[count - 1];
      for (size_t m = 0; m < rows; ++m) order[places[counts[m]]++] = (uint8_t)m;
    }
  }
}

// Four rows' lists in one block of columns, and their sums[group of panels] so far.
typedef struct latent_gathering {
  const uint8_t *list[4];
  uint32_t count[4];
  float *sums[4];
} latent_gathering;

// sums += the listed rows of weights, whose panels are `panel` floats apart, as are lines of zeros. Meanwhile
// weights needed `soon` are fetched.
LATENT_INLINE void gather_rows(const int panels, const latent_gathering *of, const float *weights, size_t panel,
                               const float *zeros, const float *soon) {
  const uint8_t *list[4];
  uint32_t least = UINT32_MAX, most = 0, i = 0;
  vf sum[4][LATENT_TILE_PANELS];
  LATENT_UNROLL for (int m = 0; m < 4; ++m) {
    list[m] = of->list[m];
    if (of->count[m] < least) least = of->count[m];
    if (of->count[m] > most) most = of->count[m];
    LATENT_UNROLL for (int p = 0; p < panels; ++p) sum[m][p] = vf_load(of->sums[m] + 16 * p);
  }
  // Four columns of each list by one load: loads are what this is made of.
  for (; i + 4 <= least; i += 4, soon += 64) {
    uint32_t columns[4];
    LATENT_UNROLL for (int m = 0; m < 4; ++m) {
      memcpy(&columns[m], list[m], 4);
      list[m] += 4;
    }
    LATENT_UNROLL for (int j = 0; j < 4; ++j) {
      __builtin_prefetch(soon + 16 * j, 0, 2);
      LATENT_UNROLL for (int m = 0; m < 4; ++m) {
        const float *from = weights + (size_t)(columns[m] >> 8 * latent_entry(j, 4) & 0xff) * 16;
        LATENT_UNROLL for (int p = 0; p < panels; ++p) sum[m][p] += vf_load(from + (size_t)p * panel);
      }
    }
  }
  for (; i < most; ++i)
    LATENT_UNROLL for (int m = 0; m < 4; ++m) {
      const size_t column = *list[m];
      const bool more = column < LATENT_ONES_BLOCK;
      const float *from = more ? weights + column * 16 : zeros;
      list[m] += more;
      LATENT_UNROLL for (int p = 0; p < panels; ++p) sum[m][p] += vf_load(from + (size_t)p * panel);
    }
  LATENT_UNROLL for (int m = 0; m < 4; ++m)
    LATENT_UNROLL for (int p = 0; p < panels; ++p) vf_store(of->sums[m] + 16 * p, sum[m][p]);
}

#define LATENT_GATHER(PANELS)                                                                         \
  static __attribute__((noinline)) void gather_rows_##PANELS(                                         \
      const latent_gathering *of, const float *weights, size_t panel, const float *zeros,             \
      const float *soon) {                                                                            \
    gather_rows(PANELS, of, weights, panel, zeros, soon);                                             \
  }
LATENT_GATHER(1)
#if LATENT_TILE_PANELS >= 3
LATENT_GATHER(2)
LATENT_GATHER(3)
#endif
#undef LATENT_GATHER

static void gather_group(int width, latent_gathering *of, const float *weights, size_t panel,
                         const float *zeros, const float *soon) {
#if LATENT_TILE_PANELS >= 3
  switch (width) {
    case 1: gather_rows_1(of, weights, panel, zeros, soon); break;
    case 2: gather_rows_2(of, weights, panel, zeros, soon); break;
    default: gather_rows_3(of, weights, panel, zeros, soon);
  }
#else
  for (int p = 0; p < width; ++p, weights += panel) {
    gather_rows_1(of, weights, panel, zeros, soon);
    for (int m = 0; m < 4; ++m) of->sums[m] += 16;
  }
#endif
}

// sums[rows x group of panels] += the gathered rows of one group of panels, a block of columns at a time.
static void gather_forward(int width, const latent_ones *ones, size_t row, size_t rows, const uint8_t *order,
                           const float *weights, size_t panel, const float *zeros, float *sums) {
  for (size_t block = 0; block < ones->blocks; ++block, order += rows) {
    const float *at_block = weights + block * LATENT_ONES_BLOCK * 16;
    const float *next = block + 1 < ones->blocks ? at_block + LATENT_ONES_BLOCK * 16
                                                 : weights + (size_t)width * panel;
    for (size_t first = 0; first < rows; first += 4) {
      latent_gathering of;
      for (size_t i = 0; i < 4; ++i) {
        // After the last row the last again: both come to the same sums.
        const size_t m = order[first + i < rows ? first + i : rows - 1];
        const uint32_t *starts = ones->row_starts + (row + m) * (ones->blocks + 1) + block;
        of.list[i] = ones->row_lists + (row + m) * ones->row_stride + starts[0];
        of.count[i] = starts[1] - starts[0] - 1;
        of.sums[i] = sums + m * LATENT_GROUP_PANELS * 16;
      }
      const size_t line = first * (size_t)width * LATENT_ONES_BLOCK / rows;
      gather_group(width, &of, at_block, panel, zeros,
                   next + line / LATENT_ONES_BLOCK * panel + line % LATENT_ONES_BLOCK * 16);
    }
  }
}

// MARK: Gradients of weights

#if LATENT_TILE_PANELS >= 3
// Inner steps of four rows of dW: each adds a row of dY to each. dY's columns are packed, row after row, zeros last.
LATENT_INLINE void gather_steps(const int panels, size_t steps, const uint16_t **list, const float *columns,
                                vf sum[4][LATENT_TILE_PANELS]) {
  for (; steps > 0; --steps, *list += 4) {
    uint64_t rows;
    memcpy(&rows, *list, sizeof rows);
    LATENT_UNROLL for (int m = 0; m < 4; ++m) {
      const float *from = columns + (size_t)(rows >> 16 * latent_entry(m, 4) & 0xffff) * (size_t)(16 * panels);
      // An address of two registers would make two instructions of each addition.
      __asm__("" : "+r"(from));
      LATENT_UNROLL for (int p = 0; p < panels; ++p) sum[m][p] += vf_load(from + 16 * p);
    }
  }
}
LATENT_INLINE void gather_store(const int panels, vf sum[4][LATENT_TILE_PANELS], float *out) {
  LATENT_UNROLL for (int m = 0; m < 4; ++m)
    LATENT_UNROLL for (int p = 0; p < panels; ++p) vf_store(out + (m * LATENT_GROUP_PANELS + p) * 16, sum[m][p]);
}

// Rows [row, row + 4) of a group of panels of dW.
LATENT_INLINE void gather_four(const int panels, const latent_ones *ones, size_t row, const float *columns,
                               float *out) {
  const uint16_t *list = ones->four_lists + row / 4 * ones->four_stride;
  vf sum[4][LATENT_TILE_PANELS] = {};
  gather_steps(panels, ones->four_counts[row / 4], &list, columns, sum);
  gather_store(panels, sum, out);
}
#else
// One row of a group of panels of dW: four would leave registers for one panel only, and the lists would be
// read for each.
LATENT_INLINE void gather_one(const int panels, const latent_ones *ones, size_t row, const float *columns,
                              float *out) {
  const uint16_t *list = ones->four_lists + row / 4 * ones->four_stride + row % 4;
  vf sum[LATENT_GROUP_PANELS] = {};
  for (uint32_t i = 0; i < ones->column_counts[row]; ++i) {
    const float *from = columns + (size_t)list[4 * i] * (size_t)(16 * panels);
    for (int p = 0; p < panels; ++p) sum[p] += vf_load(from + 16 * p);
  }
  for (int p = 0; p < panels; ++p) vf_store(out + 16 * p, sum[p]);
}
#endif

// Rows [row, row + rows) of a group of `width` panels of dW, 8 at most; fours of them are written whole.
static void gather_tile(const latent_ones *ones, size_t row, int rows, int width, const float *columns,
                        latent_tile *tile) {
#if LATENT_TILE_PANELS >= 3
#define LATENT_GATHER gather_four
  const int height = 4;
#else
#define LATENT_GATHER gather_one
  const int height = 1;
#endif
  for (int m = 0; m < rows; m += height) switch (width) {
      case 1: LATENT_GATHER(1, ones, row + (size_t)m, columns, tile->values[m][0]); break;
      case 2: LATENT_GATHER(2, ones, row + (size_t)m, columns, tile->values[m][0]); break;
      default: LATENT_GATHER(3, ones, row + (size_t)m, columns, tile->values[m][0]);
    }
#undef LATENT_GATHER
}

#if LATENT_TILE_PANELS >= 3
// Four rows, with half of what becomes of the tile before between their additions.
LATENT_INLINE void gather_beside(const int panels, const latent_ones *ones, size_t row, const float *columns,
                                 float *out, latent_update_work *work, latent_work *update, const size_t vectors) {
  const int others = LATENT_SECOND | LATENT_FIRST;
  const size_t pieces = 4 * (size_t)panels / vectors, count = ones->four_counts[row / 4], apart = count / pieces;
  const uint16_t *list = ones->four_lists + row / 4 * ones->four_stride;
  vf sum[4][LATENT_TILE_PANELS] = {};
  gather_steps(panels, apart, &list, columns, sum);
  update(work, LATENT_FIRST);
  gather_steps(panels, apart, &list, columns, sum);
  update(work, others);
  for (size_t piece = 2; piece < pieces; ++piece) {
    gather_steps(panels, apart, &list, columns, sum);
    update(work, LATENT_THIRD | others);
  }
  gather_steps(panels, count - pieces * apart, &list, columns, sum);
  update(work, LATENT_THIRD | LATENT_SECOND);
  update(work, LATENT_THIRD);
  gather_store(panels, sum, out);
}

typedef void latent_gather(const latent_run *run, const latent_ones *ones, size_t row, const float *columns,
                           latent_update *next, const latent_update *pending);
#define LATENT_GATHER_BESIDE(NAME, PANELS, UPDATE, VECTORS)                                                  \
  static __attribute__((noinline)) void NAME(const latent_run *run, const latent_ones *ones, size_t row,     \
                                             const float *columns, latent_update *next,                      \
                                             const latent_update *pending) {                                 \
    latent_update_work work = update_work(run, pending);                                                     \
    for (int m = 0; m < 8; m += 4)                                                                           \
      gather_beside(PANELS, ones, row + (size_t)m, columns, next->tile.values[m][0], &work, UPDATE, VECTORS); \
  }
LATENT_GATHER_BESIDE(gather_beside_2, 2, update_one, 1)
LATENT_GATHER_BESIDE(gather_beside_3, 3, update_one, 1)
LATENT_GATHER_BESIDE(gather_beside_whole_2, 2, update_whole_two, 2)
LATENT_GATHER_BESIDE(gather_beside_whole_3, 3, update_whole_two, 2)
#undef LATENT_GATHER_BESIDE
#endif

// A tile of dW into `next`, while `pending` finishes.
static void gathered_tile(const latent_run *run, const latent_ones *ones, size_t row, const float *columns,
                          latent_update *next, latent_update *pending) {
#if LATENT_TILE_PANELS >= 3
  if (next->rows == 8 && pending->rows == 8 && next->panels >= 2 && next->first) {
    latent_gather *const beside[2][2] = {{gather_beside_2, gather_beside_3},
                                         {gather_beside_whole_2, gather_beside_whole_3}};
    beside[latent_looks_far][next->panels - 2](run, ones, row, columns, next, pending);
    pending->rows = 0;
    return;
  }
#endif
  if (next->first) fetch_update(next);
  gather_tile(ones, row, next->rows, next->panels, columns, &next->tile);
  finish_update(run, pending);
}
