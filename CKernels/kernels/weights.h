// dW[inner x columns] = Xt dY and db = 1t dY, the batch being the inner dimension of the product:
// written out, or taken straight into Adam.

// A finished tile of dW, its rows 8 at most, on its way into Adam.
typedef struct latent_update {
  latent_tile tile;
  float *weights, *first, *second;  // of the tile's first row in its first panel
  size_t panel;                     // floats from panel to panel
  int rows, panels;                 // 0 rows: nothing is pending
} latent_update;

typedef struct latent_weights {
  const latent_op *op;
  const latent_run *run;
  float *weights, *first, *second, *bias, *bias_first, *bias_second, *transposed;
} latent_weights;

LATENT_INLINE void update_vector(const latent_run *run, const latent_update *update, int m, int p) {
  size_t at = (size_t)p * update->panel + (size_t)m * 16;
  adam_vector(run, vf_load(update->tile.values[m][p]), update->weights + at, update->first + at,
              update->second + at);
}

// The columns of one group of dY, row after row without gaps: every tile of the group reads them, and
// strided they would touch a page a row.
static void pack_columns(const float *gradient, size_t stride, size_t rows, size_t column,
                         int panels, size_t columns, float *packed) {
  for (size_t row = 0; row < rows; ++row)
    for (int p = 0; p < panels; ++p, packed += 16)
      vf_store(packed, load_panel(gradient + row * stride, column + 16 * (size_t)p, columns, stride));
}

static void prefetch_update(const latent_update *update) {
  for (int p = 0; p < update->panels; ++p)
    for (int m = 0; m < update->rows; ++m) {
      size_t at = (size_t)p * update->panel + (size_t)m * 16;
      __builtin_prefetch(update->weights + at, 1);
      __builtin_prefetch(update->first + at, 1);
      __builtin_prefetch(update->second + at, 1);
    }
}

static void finish_update(const latent_run *run, latent_update *update) {
  for (int p = 0; p < update->panels; ++p)
    for (int m = 0; m < update->rows; ++m) update_vector(run, update, m, p);
  update->rows = 0;
}

#if LATENT_TILE_PANELS >= 3
// A whole tile of dW, with the update of the tile before it between its multiply-adds: a division and
// a square root take 16 cycles a vector in a unit of their own, and the moments come from far. At
// most `per_step` (1 or 2) vectors are updated for each row of the batch.
LATENT_INLINE void tile_beside_update(const int per_step, const latent_run *run, const float *x,
                                      const float *w, latent_strides by, latent_update *next,
                                      const latent_update *pending) {
  vf sum[8][3];
  for (int m = 0; m < 8; ++m)
    for (int p = 0; p < 3; ++p) sum[m][p] = (vf){};
#define LATENT_STEP()                                                                           \
  do {                                                                                          \
    vf column[3];                                                                               \
    for (int p = 0; p < 3; ++p) column[p] = vf_load(w + 16 * p);                                \
    for (int m = 0; m < 8; ++m) {                                                               \
      vf value = vf_all(x[m]);                                                                  \
      for (int p = 0; p < 3; ++p) sum[m][p] = vf_fma(value, column[p], sum[m][p]);              \
    }                                                                                           \
    x += by.x_inner;                                                                            \
    w += by.w_inner;                                                                            \
  } while (0)
  const size_t updates = (size_t)(pending->rows / per_step);
  for (size_t p = 0; p < (size_t)pending->panels; ++p) {
    const float *gradient = pending->tile.values[0][p];
    float *weights = pending->weights + p * pending->panel;
    float *first = pending->first + p * pending->panel;
    float *second = pending->second + p * pending->panel;
    for (size_t m = 0; m < updates; ++m) {
      LATENT_STEP();
      for (int i = 0; i < per_step; ++i) {
        // The tile at hand is the next to be updated.
        size_t at = p * next->panel + m * per_step * 16 + (size_t)i * 16;
        __builtin_prefetch(next->weights + at, 1);
        __builtin_prefetch(next->first + at, 1);
        __builtin_prefetch(next->second + at, 1);
        adam_vector(run, vf_load(gradient), weights, first, second);
        gradient += LATENT_GROUP_PANELS * 16;
        weights += 16;
        first += 16;
        second += 16;
      }
    }
  }
  for (size_t left = run->rows - updates * (size_t)pending->panels; left > 0; --left) LATENT_STEP();
#undef LATENT_STEP
  for (int m = 0; m < 8; ++m)
    for (int p = 0; p < 3; ++p) vf_store(next->tile.values[m][p], sum[m][p]);
}

static __attribute__((noinline)) void tile_beside_one(const latent_run *run, const float *x,
                                                      const float *w, latent_strides by,
                                                      latent_update *next,
                                                      const latent_update *pending) {
  tile_beside_update(1, run, x, w, by, next, pending);
}
static __attribute__((noinline)) void tile_beside_two(const latent_run *run, const float *x,
                                                      const float *w, latent_strides by,
                                                      latent_update *next,
                                                      const latent_update *pending) {
  tile_beside_update(2, run, x, w, by, next, pending);
}
#endif

// One tile of dW into `next`, while `pending` finishes.
static void weights_tile(const latent_run *run, const float *x, const float *w, latent_strides by,
                         latent_update *next, latent_update *pending) {
#if LATENT_TILE_PANELS >= 3
  if (next->rows == 8 && next->panels == 3 && pending->rows) {
    uint32_t vectors = (uint32_t)(pending->rows * pending->panels);
    bool one = vectors <= run->rows, two = pending->rows % 2 == 0 && vectors / 2 <= run->rows;
    if (one) tile_beside_one(run, x, w, by, next, pending);
    else if (two) tile_beside_two(run, x, w, by, next, pending);
    if (one || two) {
      pending->rows = 0;
      return;
    }
  }
#endif
  tile_group(next->rows, next->panels, run->rows, x, w, by, NULL, &next->tile.values[0][0][0],
             LATENT_GROUP_PANELS * 16);
  finish_update(run, pending);
}

static void bias_tile(const latent_weights *at, const float *columns, size_t panel, int width) {
  const float one = 1.0f;
  const latent_strides by = {0, 0, 16, (size_t)width * 16};
  latent_tile tile;
  tile_group(1, width, at->run->rows, &one, columns, by, NULL, &tile.values[0][0][0],
             LATENT_GROUP_PANELS * 16);
  for (int p = 0; p < width; ++p) {
    size_t column = (panel + (size_t)p) * 16;
    vf value = vf_load(tile.values[0][p]);
    if (at->op->update)
      adam_vector(at->run, value, at->bias + column, at->bias_first + column,
                  at->bias_second + column);
    else vf_store(at->bias + column, value);
  }
}

static void write_tile(const latent_update *tile) {
  for (int p = 0; p < tile->panels; ++p)
    for (int m = 0; m < tile->rows; ++m)
      vf_store(tile->weights + (size_t)p * tile->panel + (size_t)m * 16,
               vf_load(tile->tile.values[m][p]));
}

static void transpose_group(const latent_weights *at, size_t panel, int width, size_t row) {
  for (int p = 0; p < width; ++p)
    transpose_rows(at->weights, at->transposed, at->op->inner, at->op->columns, panel + (size_t)p,
                   row);
}

// Rows [row, row_end) of one group of panels. The group's columns of dY lie packed in `columns`.
// `ones`, where given, tells the rows that count.
static void weights_group(const latent_weights *at, const float *input, const latent_ones *ones,
                          const float *columns, size_t panel, int width, size_t row,
                          size_t row_end) {
  size_t inner = at->op->inner;
  const latent_strides by = {1, at->op->input.stride, 16, (size_t)width * 16};
  latent_update updates[2];
  updates[0].rows = updates[1].rows = updates[0].panels = updates[1].panels = 0;
  int current = 0;
  size_t untransposed = row;
  for (; row < row_end; row += 8) {
    latent_update *next = &updates[current], *pending = &updates[current ^ 1];
    size_t start = (panel * inner + row) * 16;
    next->weights = at->weights + start;
    next->first = at->first + start;
    next->second = at->second + start;
    next->panel = inner * 16;
    next->rows = (int)(row_end - row < 8 ? row_end - row : 8);
    next->panels = width;
    if (ones) {
      if (at->op->update) prefetch_update(next);
      gather_tile(ones, row, next->rows, width, columns, &next->tile);
      finish_update(at->run, pending);
    } else {
      weights_tile(at->run, input + row, columns, by, next, pending);
    }
    if (!at->op->update) {
      write_tile(next);
      next->rows = 0;
      continue;
    }
    current ^= 1;
    // Rows before this tile are up to date.
    for (; at->transposed && untransposed + 16 <= row; untransposed += 16)
      transpose_group(at, panel, width, untransposed);
  }
  finish_update(at->run, &updates[current ^ 1]);
  for (; at->transposed && untransposed < row_end; untransposed += 16)
    transpose_group(at, panel, width, untransposed);
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
  int count = latent_blocks(task, panels, LATENT_GROUP_PANELS, op->inner, 16, blocks);
  for (int b = 0; b < count; ++b)
    for (size_t group = blocks[b].group; group < blocks[b].group_end; ++group) {
      size_t panel = group * LATENT_GROUP_PANELS;
      int width = (int)(panels - panel < LATENT_GROUP_PANELS ? panels - panel : LATENT_GROUP_PANELS);
      pack_columns(gradient, op->gradient.stride, rows, panel * 16, width, op->columns,
                   task->scratch);
      if (blocks[b].row == 0) bias_tile(&at, task->scratch, panel, width);
      weights_group(&at, latent_floats(task, op->input), gather ? &ones : NULL, task->scratch, panel,
                    width, blocks[b].row, blocks[b].row_end);
    }
}
