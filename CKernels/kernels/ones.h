// Batches of zeros and ones, as lists: a product with such a batch is a sum of gathered rows.
//
//   forward  Y[m] = b + sum of W[k] over the columns k where X[m][k] is 1
//   weights  dW[k] = sum of dY[m] over the rows m where X[m][k] is 1
//
// The terms and their order are those of the dense product, whose other terms add a zero, so that the
// bits are the same (weights being finite). Binarized MNIST has 13 to 19 % ones.

// Past this part of ones the dense product may be the faster one: with 784 columns they break even at 0.5 and
// more.
#define LATENT_ONES_MOST 0.4

// Where the lists of this batch lie in the pool's memory, whose words plan.c counts.
typedef struct latent_ones {
  size_t columns, blocks, row_stride, four_stride;
  uint32_t *counts;         // [LATENT_MAXIMUM_THREADS x 16]: ones that each thread found, and in which batch
  uint32_t *row_starts;     // [rows x (blocks + 1)]
  // [rows x row_stride]: the columns of a row's ones, ascending, told from their block's first; each block's
  // end with LATENT_ONES_BLOCK.
  uint8_t *row_lists;
  uint32_t *column_counts;  // [columns]
  uint32_t *four_counts;    // [fours of columns]: of the column with the most
  // [fours of columns x (rows + 1) x 4]: the rows of four columns' ones side by side, ascending, and the number
  // of rows where a column has no more.
  uint16_t *four_lists;
} latent_ones;

// Found by a thread that met another value than 0 and 1.
#define LATENT_ONES_NONE UINT32_MAX

static latent_ones ones_of(const latent_task *task, size_t columns) {
  latent_ones ones = {.columns = columns, .blocks = latent_ones_blocks(columns)};
  const size_t rows = task->run->rows, fours = (columns + 3) / 4;
  ones.row_stride = (columns + ones.blocks + 16 + 3) / 4 * 4;
  ones.four_stride = (rows + 1) * 4;
  ones.counts = task->ones;
  ones.row_starts = ones.counts + LATENT_MAXIMUM_THREADS * 16;
  uint32_t *lists = ones.row_starts + rows * (ones.blocks + 1);
  ones.row_lists = (uint8_t *)lists;
  ones.column_counts = lists + rows * ones.row_stride / 4;
  ones.four_counts = ones.column_counts + fours * 4;
  ones.four_lists = (uint16_t *)(ones.four_counts + fours);
  return ones;
}

// The lanes whose bits are set, as columns from `column` on, and how many they are. Up to sixteen bytes are
// written: those of lanes that are not set are written over, which costs less than a jump that nobody can
// predict.
LATENT_INLINE uint32_t list_lanes(uint32_t bits, size_t column, uint8_t *list) {
#if LATENT_AVX512
  const __m512i columns = (__m512i)(vf_lanes + vi_all((int32_t)column));
  _mm_storeu_si128((__m128i *)list,
                   _mm512_cvtepi32_epi8(_mm512_maskz_compress_epi32((__mmask16)bits, columns)));
  return (uint32_t)__builtin_popcount(bits);
#else
  uint32_t count = 0;
  for (uint32_t lane = 0; bits && lane < 16; ++lane) {
    list[count] = (uint8_t)(column + lane);
    count += bits >> lane & 1;
  }
  return count;
#endif
}

// What tells the batch of an operation's input from others, whose lists may lie there still: a part of a plan may
// come to them that was made for other rows.
enum { LATENT_KEY_WORDS = 4 };
static void batch_key(const latent_task *task, size_t columns, uint32_t key[LATENT_KEY_WORDS]) {
  const uint64_t address = (uintptr_t)latent_floats(task, task->op->input);
  key[0] = task->run->rows;
  key[1] = (uint32_t)columns;
  key[2] = (uint32_t)address;
  key[3] = (uint32_t)(address >> 32);
}

// The columns of each row's ones: threads share the rows.
static void list_rows(const latent_task *task, const latent_ones *ones) {
  const latent_op *op = task->op;
  size_t columns = op->columns, found = 0;
  uint32_t others = 0;
  latent_range rows = latent_share(task->run->rows, task->thread, task->threads);
  for (size_t row = rows.start; row < rows.end; ++row) {
    const float *x = latent_floats(task, op->input) + row * op->input.stride;
    uint8_t *list = ones->row_lists + row * ones->row_stride;
    uint32_t *starts = ones->row_starts + row * (ones->blocks + 1), count = 0;
    for (size_t block = 0; block < ones->blocks; ++block) {
      const size_t first = block * LATENT_ONES_BLOCK;
      *starts++ = count;
      for (size_t at = 0; at < LATENT_ONES_BLOCK && first + at < columns; at += 16) {
        // Lanes past the last column are nobody's ones, whatever stands there.
        const size_t left = columns - first - at;
        vf value = vf_load_first(x + first + at, left < 16 ? (int)left : 16);
        uint32_t bits = lane_bits(value == 1.0f);
        others |= lane_bits(value != 0.0f) & ~bits;
        count += list_lanes(bits, at, list + count);
      }
      list[count++] = LATENT_ONES_BLOCK;
    }
    *starts = count;
    found += count - ones->blocks;
  }
  uint32_t *counts = ones->counts + task->thread * 16;
  counts[0] = others || found >= LATENT_ONES_NONE ? LATENT_ONES_NONE : (uint32_t)found;
  batch_key(task, columns, counts + 1);
}

// The rows of each column's ones: threads share the blocks of columns.
static void list_columns(const latent_task *task, const latent_ones *ones) {
  latent_range blocks = latent_share(ones->blocks, task->thread, task->threads);
  size_t first = blocks.start * LATENT_ONES_BLOCK, end = blocks.end * LATENT_ONES_BLOCK;
  if (end > ones->columns) end = (ones->columns + 3) / 4 * 4;
  if (first < end) memset(ones->column_counts + first, 0, (end - first) * sizeof(uint32_t));
  for (size_t row = 0; row < task->run->rows; ++row) {
    const uint32_t *starts = ones->row_starts + row * (ones->blocks + 1);
    const uint8_t *list = ones->row_lists + row * ones->row_stride;
    for (size_t block = blocks.start; block < blocks.end; ++block)
      for (uint32_t i = starts[block]; i < starts[block + 1] - 1; ++i) {
        const size_t k = block * LATENT_ONES_BLOCK + list[i];
        ones->four_lists[k / 4 * ones->four_stride + 4 * ones->column_counts[k]++ + k % 4] = (uint16_t)row;
      }
  }
  for (size_t four = first / 4; four < end / 4; ++four) {
    const uint32_t *counts = ones->column_counts + 4 * four;
    uint32_t most = 0;
    for (size_t m = 0; m < 4; ++m)
      if (counts[m] > most) most = counts[m];
    ones->four_counts[four] = most;
    for (size_t m = 0; m < 4; ++m)
      for (uint32_t i = counts[m]; i < most; ++i)
        ones->four_lists[four * ones->four_stride + 4 * i + m] = (uint16_t)task->run->rows;
  }
}

// Whether the batch has been listed, is binary, and sparse enough for sums of gathered rows to be the faster way.
static bool ones_pay(const latent_task *task, size_t columns) {
  if (!task->ones || columns == 0 || task->run->rows > UINT16_MAX) return false;
  const latent_ones ones = ones_of(task, columns);
  uint32_t key[LATENT_KEY_WORDS];
  batch_key(task, columns, key);
  double found = 0;
  for (int thread = 0; thread < task->threads; ++thread) {
    const uint32_t *counts = ones.counts + thread * 16;
    if (counts[0] == LATENT_ONES_NONE || memcmp(counts + 1, key, sizeof key)) return false;
    found += counts[0];
  }
  return found <= LATENT_ONES_MOST * (double)task->run->rows * (double)columns;
}

static void execute_list_ones(const latent_task *task) {
  if (!task->ones) return;
  const latent_ones ones = ones_of(task, task->op->columns);
  if (!task->op->split_columns) list_rows(task, &ones);
  else if (ones_pay(task, task->op->columns)) list_columns(task, &ones);
}
