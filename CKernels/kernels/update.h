// What becomes of a finished tile of dW: Adam's update, or the gradient written out; and the transposed copy.

// A finished tile of dW, its rows 8 at most, on its way into Adam, or out.
typedef struct latent_update {
  latent_tile tile;
  // Of the tile's first row in its first panel: weights and moments, or the gradient and nothing.
  float *weights, *first, *second;
  size_t panel;                     // floats from panel to panel
  int rows, panels;                 // 0 rows: nothing is pending
} latent_update;

// A tile's weights and moments, on their way into L1.
static void fetch_update(const latent_update *update) {
  for (size_t p = 0; p < (size_t)update->panels; ++p)
    for (size_t m = 0; m < (size_t)update->rows; ++m) {
      size_t at = p * update->panel + m * 16;
      __builtin_prefetch(update->weights + at, 1);
      __builtin_prefetch(update->first + at, 1);
      __builtin_prefetch(update->second + at, 1);
    }
}

static void flush_update(const latent_update *update) {
  for (size_t p = 0; update->rows && p < (size_t)update->panels; ++p)
    flush_moments(update->first + p * update->panel, update->second + p * update->panel,
                  (size_t)update->rows * 16);
}

static void finish_update(const latent_run *run, latent_update *update) {
  // Kept here, since stores to them might change what `update` says.
  float *weights = update->weights, *first = update->first, *second = update->second;
  const size_t panel = update->panel, rows = (size_t)update->rows;
  for (size_t p = 0; p < (size_t)update->panels; ++p, weights += panel) {
    for (size_t m = 0; m < rows; ++m) {
      vf value = vf_load(update->tile.values[m][p]);
      if (first) adam_vector(run, value, weights + 16 * m, first + 16 * m, second + 16 * m);
      else vf_store(weights + 16 * m, value);
    }
    if (first) first += panel, second += panel;
  }
  update->rows = 0;
}

// What of the transposed copy is made beside one tile: of 16 rows that are up to date half the group's
// columns, eight at a time.
typedef struct latent_copy {
  const float *from;  // the rows' first, at the column that comes next
  float *to;          // that column's line
  float *ahead;       // the lines that the next tile writes, to be fetched; NULL: none
  size_t column, columns;
  bool last;          // the 16 rows' second half
} latent_copy;

#if LATENT_TILE_PANELS >= 3
// Eight columns: their halves of 16 rows, two rows to a vector, quarters transposed within.
LATENT_INLINE void copy_columns(latent_copy *copy, size_t panel) {
  if (copy->ahead) {
    for (size_t n = 0; n < 8; ++n) __builtin_prefetch(copy->ahead + 16 * n, 1);
    copy->ahead += 128;
  }
  if (copy->column >= copy->columns) return;
  typedef float v8 __attribute__((vector_size(32), aligned(4)));
  vf quarters[2][4];  // of rows 8 i and on: columns j and 4 + j, four rows of each, then of the four below
  LATENT_UNROLL for (int i = 0; i < 2; ++i) {
    LATENT_UNROLL for (int n = 0; n < 4; ++n) {
      const float *row = copy->from + 16 * (8 * i + n);
      quarters[i][n] = __builtin_shufflevector(*(const v8 *)row, *(const v8 *)(row + 64), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
                                               10, 11, 12, 13, 14, 15);
    }
    transpose_quarters(quarters[i]);
  }
#define LATENT_JOIN(a, b, n)                                                                            \
  __builtin_shufflevector(a, b, n, n + 1, n + 2, n + 3, n + 8, n + 9, n + 10, n + 11, n + 16, n + 17,   \
                          n + 18, n + 19, n + 24, n + 25, n + 26, n + 27)
  // Where only four columns are left the others' lines are written over.
  float *others = copy->to + (copy->columns - copy->column > 4 ? 64 : 0);
  LATENT_UNROLL for (int n = 0; n < 4; ++n) {
    vf_store(others + 16 * n, LATENT_JOIN(quarters[0][n], quarters[1][n], 4));
    vf_store(copy->to + 16 * n, LATENT_JOIN(quarters[0][n], quarters[1][n], 0));
  }
#undef LATENT_JOIN
  copy->to += 128;
  copy->column += 8;
  copy->from += copy->column % 16 ? 8 : panel - 8;
}

// The next tile of dW, with what becomes of the tile before between its multiply-adds: in Adam a division
// and a square root take 8.5 cycles a vector in a unit of their own (22, Golden Cove), and all that is
// written is far away. Every address is a step from the last one: working them out anew took a fifth of a
// batch of 20.
typedef struct latent_update_work {
  const latent_run *run;
  const float *values;              // of the tile, at the vector that comes next
  float *weights, *first, *second;  // of the tile's first vector
  size_t next;                      // floats from there to the vector that comes next
  size_t panel;                     // and from panel to panel
  size_t vector;                    // the number of the one that comes next
  latent_copy copy;
  // Where the vectors are whose moments, and whose divisor, are at hand.
  size_t moved, rooted;
  vf divisor;            // one at a time
  float divisors[4][16] __attribute__((aligned(64)));
} latent_update_work;

LATENT_INLINE latent_update_work update_work(const latent_run *run, const latent_update *pending) {
  return (latent_update_work){.run = run,
                              .values = pending->tile.values[0][0],
                              .weights = pending->weights,
                              .first = pending->first,
                              .second = pending->second,
                              .panel = pending->panel};
}

LATENT_INLINE void next_vectors(latent_update_work *work, size_t vectors) {
  ptrdiff_t from = 16 * LATENT_GROUP_PANELS * (ptrdiff_t)vectors;
  work->vector += vectors;
  work->next += 16 * vectors;
  if (work->vector % 8 == 0) {  // on to the next panel
    from += 16 - 8 * 16 * LATENT_GROUP_PANELS;
    work->next += work->panel - 8 * 16;
  }
  work->values += from;
}

// Vector i from where the work is; the one 8 rows on, in the tile at hand, is updated next.
LATENT_INLINE latent_moments update_moments(const latent_update_work *work, size_t i) {
  const size_t at = work->next + 16 * i, then = at + 8 * 16;
  __builtin_prefetch(work->weights + then, 1);
  __builtin_prefetch(work->first + then, 1);
  __builtin_prefetch(work->second + then, 1);
  return adam_moments(work->run, vf_load(work->values + 16 * LATENT_GROUP_PANELS * i), work->first + at,
                      work->second + at);
}

// Moments stay in memory from stage to stage: the sums leave no registers for them.
LATENT_INLINE void update_one(void *context, const int stages) {
  latent_update_work *work = context;
  if (stages & LATENT_THIRD)
    adam_weight(work->run, vf_load(work->first + work->rooted), work->divisor, work->weights + work->rooted);
  if (stages & LATENT_SECOND) {
    work->rooted = work->moved;
    work->divisor = adam_divisor(work->run, vf_load(work->second + work->rooted));
  }
  if (!(stages & LATENT_FIRST)) return;
  update_moments(work, 0);
  work->moved = work->next;
  next_vectors(work, 1);
  if (work->vector % 8 == 0) copy_columns(&work->copy, work->panel);
}
// So many at a time and in one piece, for cores that look far ahead: what stages keep in memory costs them a tenth
// of a small batch (Zen 5).
LATENT_INLINE void update_whole(latent_update_work *work, const int stages, const size_t count) {
  if (!(stages & LATENT_FIRST)) return;
  for (size_t i = 0; i < count; ++i) {
    const latent_moments moments = update_moments(work, i);
    adam_weight(work->run, moments.first, adam_divisor(work->run, moments.second),
                work->weights + work->next + 16 * i);
  }
  next_vectors(work, count);
  if (work->vector % 8 == 0) copy_columns(&work->copy, work->panel);
}
LATENT_INLINE void update_whole_two(void *work, const int stages) { update_whole(work, stages, 2); }
LATENT_INLINE void update_whole_four(void *work, const int stages) { update_whole(work, stages, 4); }
// Four at a time, for batches below 16 rows: enough of them by themselves.
LATENT_INLINE void update_four(void *context, const int stages) {
  latent_update_work *work = context;
  if (stages & LATENT_THIRD)
    for (size_t i = 0; i < 4; ++i) {
      const size_t at = work->rooted + 16 * i;
      adam_weight(work->run, vf_load(work->first + at), vf_load(work->divisors[i]), work->weights + at);
    }
  if (stages & LATENT_SECOND) {
    work->rooted = work->moved;
    for (size_t i = 0; i < 4; ++i)
      vf_store(work->divisors[i], adam_divisor(work->run, vf_load(work->second + work->rooted + 16 * i)));
  }
  if (!(stages & LATENT_FIRST)) return;
  for (size_t i = 0; i < 4; ++i) update_moments(work, i);
  work->moved = work->next;
  next_vectors(work, 4);
  if (work->vector % 8 == 0) copy_columns(&work->copy, work->panel);
}
LATENT_INLINE void write_four(void *context, const int stages) {
  latent_update_work *work = context;
  if (!(stages & LATENT_FIRST)) return;
  for (size_t i = 0; i < 4; ++i) {
    float *weights = work->weights + work->next + 16 * i;
    __builtin_prefetch(weights + 8 * 16, 1);
    vf_store(weights, vf_load(work->values + 16 * LATENT_GROUP_PANELS * i));
  }
  next_vectors(work, 4);
}
#endif
