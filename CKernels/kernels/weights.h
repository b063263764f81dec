// dW[inner x columns] = Xt dY and db = 1t dY, the batch being the inner dimension of the product:
// written out, or taken straight into Adam.

typedef struct latent_weights {
  const latent_op *op;
  const latent_run *run;
  float *weights, *first, *second, *bias, *bias_first, *bias_second, *transposed;
} latent_weights;

// The columns of one group of dY, row after row without gaps: every tile of the group reads them, and
// strided they would touch a page a row. Their sums are the bias's gradient. Lanes past the last column are
// zero here whatever they hold there, so that those of parameters stay so.
// gradient[rows x stride] to packed[rows][panels x 16] and sums[panels x 16].
LATENT_INLINE void pack_panels(const int panels, const bool whole, const float *gradient, size_t stride, size_t rows,
                               int last, float *packed, float *sums) {
  vf sum[3] = {};
  for (size_t row = 0; row < rows; ++row, gradient += stride, packed += 16 * panels)
    LATENT_UNROLL for (int p = 0; p < panels; ++p) {
      const float *from = gradient + 16 * p;
      vf value = whole || p + 1 < panels ? vf_load(from) : vf_load_first(from, last);
      sum[p] += value;
      vf_store(packed + 16 * p, value);
    }
  LATENT_UNROLL for (int p = 0; p < panels; ++p) vf_store(sums + 16 * p, sum[p]);
}
// By itself, since within a larger function the compiler left sums in memory from row to row (15 cycles each).
static __attribute__((noinline)) void pack_columns(const float *gradient, size_t stride, size_t rows, size_t column,
                                                   int panels, size_t columns, float *packed, float *sums) {
  const int last = (int)(columns - column) - 16 * (panels - 1);
  gradient += column;
#define LATENT_PACK(PANELS)                                                                       \
  case PANELS:                                                                                    \
    if (last >= 16) pack_panels(PANELS, true, gradient, stride, rows, last, packed, sums);        \
    else pack_panels(PANELS, false, gradient, stride, rows, last, packed, sums);                  \
    break;
  switch (panels) { LATENT_PACK(1) LATENT_PACK(2) LATENT_PACK(3) }
#undef LATENT_PACK
}

// Beside the tile at `row` the one before is updated, and rows before that are done: two tiles copy the
// 16 rows from 24 before the first of them.
static latent_copy copy_beside(const latent_weights *at, size_t panel, int width, size_t first_row,
                               size_t row) {
  latent_copy copy = {};
  for (int i = 0; i < 2; ++i, row += 8) {
    if (row < first_row + 24) continue;
    size_t start = (row - first_row - 24) / 16 * 16 + first_row, half = (row - first_row) / 8 % 2 ^ 1;
    size_t column = half * 8 * (size_t)width;
    float *line = at->transposed + (start / 16 * at->op->columns + panel * 16 + column) * 16;
    if (i) {
      copy.ahead = line;
      continue;
    }
    copy.from = at->weights + ((panel + column / 16) * at->op->inner + start) * 16 + column % 16;
    copy.to = line;
    copy.column = column;
    copy.columns = at->op->columns - panel * 16;
    copy.last = half;
  }
  return copy;
}

#if LATENT_TILE_PANELS >= 3
typedef void latent_beside(const latent_run *run, const float *x, const float *w, size_t x_inner,
                           latent_update *next, const latent_update *pending, const latent_copy *copy);
#define LATENT_BESIDE(NAME, PANELS, HALF, NEAR, WORK, AHEAD, VECTORS)                                 \
  static __attribute__((noinline)) void NAME(const latent_run *run, const float *x,                   \
                                             const float *w, size_t x_inner, latent_update *next,     \
                                             const latent_update *pending, const latent_copy *copy) { \
    latent_update_work work = update_work(run, pending);                                              \
    work.copy = *copy;                                                                                \
    const latent_ending to = latent_to_tile(&next->tile);                                             \
    const latent_strides by = {1, x_inner, 16, 16 * PANELS, x + 16, x_inner, HALF};                   \
    tile_beside(PANELS, HALF, NEAR, run->rows, x, w, &by, NULL, &to, WORK, AHEAD, &work,              \
                8 * (size_t)pending->panels / VECTORS);                                               \
  }
#define LATENT_BESIDE_TABLE(NAME, ...)                 \
  LATENT_BESIDE(NAME##_2, 2, false, __VA_ARGS__)       \
  LATENT_BESIDE(NAME##_3, 3, false, __VA_ARGS__)       \
  LATENT_BESIDE(NAME##_2_half, 2, true, __VA_ARGS__)   \
  LATENT_BESIDE(NAME##_3_half, 3, true, __VA_ARGS__)   \
  static latent_beside *const NAME[2][2] = {{NAME##_2, NAME##_3}, {NAME##_2_half, NAME##_3_half}};
LATENT_BESIDE_TABLE(beside_update_one, NEAR_ROWS, update_one, true, 1)
LATENT_BESIDE_TABLE(beside_whole_two, FAR_ROWS, update_whole_two, false, 2)
LATENT_BESIDE_TABLE(beside_whole_four, FAR_ROWS, update_whole_four, false, 4)
LATENT_BESIDE_TABLE(beside_update_four, NEAR_ROWS, update_four, true, 4)
LATENT_BESIDE_TABLE(beside_write_four, NEAR_ROWS, write_four, false, 4)
#undef LATENT_BESIDE_TABLE
#undef LATENT_BESIDE
#endif

// Whether whole tiles have other work between their multiply-adds.
static bool works_beside(const latent_run *run, int panels) {
  return LATENT_TILE_PANELS >= 3 && panels >= 2 && run->rows >= 2 * (uint32_t)panels + 2;
}

// One tile of dW into `next`, while `pending` finishes; true when `copy` has been made meanwhile.
static bool weights_tile(const latent_run *run, const float *x, const float *w, latent_strides *by,
                         latent_update *next, latent_update *pending, const latent_copy *copy) {
#if LATENT_TILE_PANELS >= 3
  if (next->rows == 8 && pending->rows == 8 && works_beside(run, next->panels)) {
    const bool few = run->rows < (latent_looks_far ? 32 : 16);
    latent_beside *const(*beside)[2] = !pending->first    ? beside_write_four
                                       : latent_looks_far ? (few ? beside_whole_four : beside_whole_two)
                                                          : (few ? beside_update_four : beside_update_one);
    beside[by->half][next->panels - 2](run, x, w, by->x_inner, next, pending, copy);
    pending->rows = 0;
    return pending->first && copy->to;
  }
#endif
  (void)copy;
  if (next->first) fetch_update(next);
  by->soon = x + 16;
  const latent_ending to = latent_to_tile(&next->tile);
  tile_group(next->rows, next->panels, run->rows, x, w, by, NULL, &to);
  finish_update(run, pending);
  return false;
}

// The bias's gradient, sums[panels x 16].
static void update_bias(const latent_weights *at, const float *sums, size_t panel, int panels) {
  for (int p = 0; p < panels; ++p) {
    size_t column = (panel + (size_t)p) * 16;
    vf value = vf_load(sums + 16 * p);
    if (!at->op->update) {
      vf_store(at->bias + column, value);
      continue;
    }
    if (flushes(at->run)) flush_moments(at->bias_first + column, at->bias_second + column, 16);
    adam_vector(at->run, value, at->bias + column, at->bias_first + column, at->bias_second + column);
  }
}

static void transpose_group(const latent_weights *at, size_t panel, int width, size_t row) {
  for (int p = 0; p < width; ++p)
    transpose_rows(at->weights, at->transposed, at->op->inner, at->op->columns, panel + (size_t)p,
                   row);
}

// Rows [row, row_end) of one group of panels, row being a multiple of 16. The group's columns of dY lie
// packed in columns[rows][width x 16]; input[rows x stride]. `ones`, where given, tells the rows that count.
static void weights_group(const latent_weights *at, const float *input, const latent_ones *ones,
                          const float *columns, size_t panel, int width, size_t row,
                          size_t row_end) {
  size_t inner = at->op->inner, first_row = row;
  latent_strides by = {1, at->op->input.stride, 16, (size_t)width * 16, input, at->op->input.stride,
                       latent_half((latent_group){panel, width}, at->op->columns)};
  const bool beside = at->transposed && !ones && at->op->columns % 4 == 0 && works_beside(at->run, width);
  const bool flush = at->op->update && flushes(at->run);
  latent_update updates[2];
  updates[0].rows = updates[1].rows = updates[0].panels = updates[1].panels = 0;
  int current = 0;
  size_t copied = row;
  for (size_t rows; row < row_end; row += rows) {
    rows = latent_strip(row_end - row, false);
    latent_update *next = &updates[current], *pending = &updates[current ^ 1];
    size_t start = (panel * inner + row) * 16;
    next->weights = at->weights + start;
    next->first = at->op->update ? at->first + start : NULL;
    next->second = at->op->update ? at->second + start : NULL;
    next->panel = inner * 16;
    next->rows = (int)rows;
    next->panels = width;
    if (flush) flush_update(pending);
    if (ones) {
      gathered_tile(at->run, ones, row, columns, next, pending);
    } else {
      latent_copy copy = {};
      if (beside) copy = copy_beside(at, panel, width, first_row, row);
      if (weights_tile(at->run, input + row, columns, &by, next, pending, &copy) && copy.last)
        copied += 16;
    }
    current ^= 1;
    // Rows before this tile are up to date.
    for (; at->transposed && copied + (beside ? 48 : 16) <= row; copied += 16)
      transpose_group(at, panel, width, copied);
  }
  if (flush) flush_update(&updates[current ^ 1]);
  finish_update(at->run, &updates[current ^ 1]);
  for (; at->transposed && copied < row_end; copied += 16)
    transpose_group(at, panel, width, copied);
}

// In blocks, which the copy takes. The smaller the batch the less half a panel saves: an update's memory is the same.
static latent_dealing weights_dealing(size_t rows) {
  if (LATENT_TILE_PANELS < 3) return (latent_dealing){16, 1, 1, 1};
  return (latent_dealing){16, 32, 33, rows > 11 ? 16 + 190 / rows : 32};
}

static void execute_linear_backward_weights(const latent_task *task) {
  const latent_op *op = task->op;
  const float *gradient = latent_floats(task, op->gradient);
  const latent_weights at = {
      .op = op,
      .run = task->run,
      .weights = latent_floats(task, op->update ? op->weights : op->weights_gradient),
      .first = latent_floats(task, op->weights_first_moment),
      .second = latent_floats(task, op->weights_second_moment),
      .bias = latent_floats(task, op->update ? op->bias : op->bias_gradient),
      .bias_first = latent_floats(task, op->bias_first_moment),
      .bias_second = latent_floats(task, op->bias_second_moment),
      .transposed = op->update ? latent_floats(task, op->weights_transposed) : NULL,
  };
  size_t panels = latent_panels(op->columns), rows = task->run->rows;
  latent_ones ones;
  bool gather = op->ones && ones_pay(task, op->inner);
  if (gather) ones = ones_of(task, op->inner);
  latent_block blocks[2];
  // A layer without inputs has a bias all the same: it is dealt as if it had one.
  int count = latent_blocks(task, op->columns, LATENT_GROUP_PANELS, op->inner ? op->inner : 1,
                            weights_dealing(rows), blocks);
  for (int b = 0; b < count; ++b)
    for (size_t group = blocks[b].group; group < blocks[b].group_end; ++group) {
      const latent_group at_group = latent_group_at(group, panels, LATENT_GROUP_PANELS);
      size_t panel = at_group.panel;
      int width = at_group.width;
      float sums[LATENT_GROUP_PANELS * 16];
      pack_columns(gradient, op->gradient.stride, rows, panel * 16, width, op->columns,
                   task->scratch, sums);
      for (size_t p = 0; gather && p < (size_t)width; ++p)
        vf_store(task->scratch + (rows * (size_t)width + p) * 16, (vf){});
      if (blocks[b].row == 0) update_bias(&at, sums, panel, width);
      weights_group(&at, latent_floats(task, op->input), gather ? &ones : NULL, task->scratch, panel,
                    width, blocks[b].row, op->inner ? blocks[b].row_end : 0);
    }
}
