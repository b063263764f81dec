// Batches of zeros and ones, as lists: a product with such a batch is a sum of gathered rows.
//
//   forward  Y[m] = b + sum of W[k] over the columns k where X[m][k] is 1
//   weights  dW[k] = sum of dY[m] over the rows m where X[m][k] is 1
//
// The terms and their order are those of the dense product, whose other terms add a zero, so that the
// bits are the same (weights being finite). Binarized MNIST has 13 to 19 % ones.

// Rows whose sums stay in L1 beside a block of weights.
enum { LATENT_ONES_ROWS = 64 };
// Past this part of ones the dense product may be the faster one: with 784 columns and batches of 100
// to 512 they break even at 0.3 to 0.4.
#define LATENT_ONES_MOST 0.3

// Where the lists of this batch lie in the pool's memory, whose words plan.c counts.
typedef struct latent_ones {
  size_t columns, blocks, row_stride, column_stride;
  uint32_t *counts;        // [LATENT_MAXIMUM_THREADS x 16]: ones that each thread found
  uint32_t *row_starts;    // [rows x (blocks + 1)]
  uint32_t *row_lists;     // [rows x (columns + 16)]: a row's columns, ascending
  uint32_t *column_counts; // [columns]
  uint32_t *column_lists;  // [columns x (rows | 1)]: a column's rows, ascending
} latent_ones;

// Found by a thread that met another value than 0 and 1.
#define LATENT_ONES_NONE UINT32_MAX

static latent_ones ones_of(const latent_task *task, size_t columns) {
  latent_ones ones = {.columns = columns};
  ones.blocks = (columns + LATENT_ONES_BLOCK - 1) / LATENT_ONES_BLOCK;
  size_t rows = task->run->rows;
  ones.row_stride = columns + 16;
  ones.column_stride = rows | 1;  // an odd one spreads them over the cache's sets
  ones.counts = task->ones;
  ones.row_starts = ones.counts + LATENT_MAXIMUM_THREADS * 16;
  ones.row_lists = ones.row_starts + rows * (ones.blocks + 1);
  ones.column_counts = ones.row_lists + rows * ones.row_stride;
  ones.column_lists = ones.column_counts + columns;
  return ones;
}

// The lanes whose bits are set, as columns from `column` on, and how many they are. Up to sixteen words are
// written: those of lanes that are not set are written over, which costs less than a jump that nobody can
// predict.
LATENT_INLINE uint32_t list_lanes(uint32_t bits, uint32_t column, uint32_t *list) {
#if LATENT_AVX512
  const __m512i columns = (__m512i)(vf_lanes + vi_all((int32_t)column));
  _mm512_storeu_si512(list, _mm512_maskz_compress_epi32((__mmask16)bits, columns));
  return (uint32_t)__builtin_popcount(bits);
#else
  uint32_t count = 0;
  for (uint32_t lane = 0; bits && lane < 16; ++lane) {
    list[count] = column + lane;
    count += bits >> lane & 1;
  }
  return count;
#endif
}

// The columns of each row's ones: threads share the rows.
static void list_rows(const latent_task *task, const latent_ones *ones) {
  const latent_op *op = task->op;
  size_t columns = op->columns, found = 0;
  uint32_t others = 0;
  latent_range rows = latent_share(task->run->rows, task->thread, task->threads);
  for (size_t row = rows.start; row < rows.end; ++row) {
    const float *x = latent_floats(task, op->input) + row * op->input.stride;
    uint32_t *list = ones->row_lists + row * ones->row_stride, count = 0;
    uint32_t *starts = ones->row_starts + row * (ones->blocks + 1);
    for (size_t column = 0; column < columns; column += 16) {
      if (column % LATENT_ONES_BLOCK == 0) starts[column / LATENT_ONES_BLOCK] = count;
      vf value = load_panel(x, column, columns, op->input.stride);
      uint32_t bits = lane_bits(value == 1.0f);
      others |= lane_bits(value != 0.0f) & ~bits;
      count += list_lanes(bits, (uint32_t)column, list + count);
    }
    starts[ones->blocks] = count;
    found += count;
  }
  ones->counts[task->thread * 16] =
      others || found >= LATENT_ONES_NONE ? LATENT_ONES_NONE : (uint32_t)found;
}

// The rows of each column's ones: threads share the blocks of columns.
static void list_columns(const latent_task *task, const latent_ones *ones) {
  latent_range blocks = latent_share(ones->blocks, task->thread, task->threads);
  size_t column = blocks.start * LATENT_ONES_BLOCK, end = blocks.end * LATENT_ONES_BLOCK;
  if (end > ones->columns) end = ones->columns;
  if (column < end) memset(ones->column_counts + column, 0, (end - column) * sizeof(uint32_t));
  for (size_t row = 0; row < task->run->rows; ++row) {
    const uint32_t *starts = ones->row_starts + row * (ones->blocks + 1);
    const uint32_t *list = ones->row_lists + row * ones->row_stride;
    for (uint32_t i = starts[blocks.start]; i < starts[blocks.end]; ++i)
      ones->column_lists[list[i] * ones->column_stride + ones->column_counts[list[i]]++] = (uint32_t)row;
  }
}

// Whether the batch is binary, and sparse enough for sums of gathered rows to be the faster way.
static bool ones_pay(const latent_task *task, size_t columns) {
  if (!task->ones) return false;
  const latent_ones ones = ones_of(task, columns);
  double found = 0;
  for (int thread = 0; thread < task->threads; ++thread) {
    if (ones.counts[thread * 16] == LATENT_ONES_NONE) return false;
    found += ones.counts[thread * 16];
  }
  return found <= LATENT_ONES_MOST * (double)task->run->rows * (double)columns;
}

static void execute_list_ones(const latent_task *task) {
  if (!task->ones) return;
  const latent_ones ones = ones_of(task, task->op->columns);
  if (!task->op->split_columns) list_rows(task, &ones);
  else if (ones_pay(task, task->op->columns)) list_columns(task, &ones);
}

// A bias of minus zero keeps its sign only in the dense product.
LATENT_INLINE bool has_minus_zero(const float *bias, int panels) {
  vi minus = {};
  for (int p = 0; p < panels; ++p) minus |= (vi)vf_load(bias + 16 * p) == vi_all(INT32_MIN);
  return lane_bits(minus) != 0;
}

// sums[rows x group of panels] += the gathered rows of one group of panels, a block of columns at a time.
LATENT_INLINE void gather_forward(const int width, const latent_ones *ones, size_t row, size_t rows,
                                  const float *weights, size_t panel, float *sums) {
  for (size_t block = 0; block < ones->blocks; ++block)
    for (size_t m = 0; m < rows; ++m) {
      const uint32_t *starts = ones->row_starts + (row + m) * (ones->blocks + 1) + block;
      const uint32_t *list = ones->row_lists + (row + m) * ones->row_stride;
      const uint32_t *at = list + starts[0], *end = list + starts[1];
      float *out = sums + m * LATENT_GROUP_PANELS * 16;
      vf sum[3];
      for (int p = 0; p < width; ++p) sum[p] = vf_load(out + 16 * p);
      for (; at < end; ++at)
        for (int p = 0; p < width; ++p)
          sum[p] += vf_load(weights + (size_t)p * panel + (size_t)*at * 16);
      for (int p = 0; p < width; ++p) vf_store(out + 16 * p, sum[p]);
    }
}

// out[width x 16] = the gathered rows of dY, packed [rows x width x 16], of one column of X.
LATENT_INLINE void gather_weights(const int width, const uint32_t *list, uint32_t count,
                                  const float *columns, float *out) {
  vf sum[3];
  for (int p = 0; p < width; ++p) sum[p] = (vf){};
  for (uint32_t i = 0; i < count; ++i)
    for (int p = 0; p < width; ++p)
      sum[p] += vf_load(columns + (size_t)list[i] * (size_t)width * 16 + 16 * p);
  for (int p = 0; p < width; ++p) vf_store(out + 16 * p, sum[p]);
}

// A tile of dW, rows [row, row + rows) of a group of `width` panels.
static void gather_tile(const latent_ones *ones, size_t row, int rows, int width,
                        const float *columns, latent_tile *tile) {
  for (int m = 0; m < rows; ++m) {
    size_t k = row + (size_t)m;
    const uint32_t *list = ones->column_lists + k * ones->column_stride;
    float *out = tile->values[m][0];
    switch (width) {
      case 1: gather_weights(1, list, ones->column_counts[k], columns, out); break;
      case 2: gather_weights(2, list, ones->column_counts[k], columns, out); break;
      default: gather_weights(3, list, ones->column_counts[k], columns, out);
    }
  }
}
