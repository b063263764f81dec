// How an operation is dealt to threads: groups of panels by rows, a strip of rows at a time.

// Panels [panel, panel + width): the columns that one tile takes at a time.
typedef struct latent_group {
  size_t panel;
  int width;
} latent_group;

// The panels by threes; where one would be left over, the last four by twos: a single panel's eight
// chains cannot fill the multipliers.
LATENT_INLINE latent_group latent_group_at(size_t group, size_t panels, size_t group_panels) {
  size_t panel = group * group_panels, left = panels - panel;
  if (group_panels == 3 && panels % 3 == 1 && panels > 1) {
    if (left == 1) return (latent_group){panel - 1, 2};
    if (left == 4) left = 2;
  }
  return (latent_group){panel, (int)(left < group_panels ? left : group_panels)};
}

// Whether half of a group's last panel is past the last column.
LATENT_INLINE bool latent_half(latent_group group, size_t columns) {
  return (group.panel + (size_t)group.width) * 16 >= columns + 8;
}

// Groups of panels [group, group_end) by rows [row, row_end): one thread's part. It begins at row `first`. `even`: see
// latent_strip.
typedef struct latent_block {
  size_t group, group_end, row, row_end, first;
  bool even;
} latent_block;

// Rows [row, row + rows) of a block, 0 rows: none, with `done` before them.
typedef struct latent_rows {
  size_t row, rows, done;
} latent_rows;

LATENT_INLINE void latent_take_strip(const latent_block *block, latent_rows *at) {
  const size_t end = at->row < block->first ? block->first : block->row_end;
  at->rows = at->done < block->row_end - block->row ? latent_strip(end - at->row, block->even) : 0;
}
LATENT_INLINE latent_rows latent_first_strip(const latent_block *block) {
  latent_rows at = {.row = block->first};
  latent_take_strip(block, &at);
  return at;
}
// The row after a strip: after the block's last comes its first.
LATENT_INLINE size_t latent_row_after(const latent_block *block, const latent_rows *at) {
  const size_t row = at->row + at->rows;
  return row < block->row_end ? row : block->row;
}
LATENT_INLINE void latent_next_strip(const latent_block *block, latent_rows *at) {
  const size_t row = latent_row_after(block, at);
  at->done += at->rows;
  at->row = row;
  latent_take_strip(block, at);
}

// What to fetch beside a strip of one group: while the first are computed the next group's panels, one each,
// then the rows that follow. `next` is the panel after the group's last.
LATENT_INLINE const float *latent_soon(const latent_block *block, size_t group, int width, const latent_rows *at,
                                       const float *next, size_t panel_floats, const float *input,
                                       size_t stride) {
  size_t strip = (at->done + LATENT_TILE_ROWS - 1) / LATENT_TILE_ROWS;
  if (group + 1 < block->group_end && strip < (size_t)width) return next + strip * panel_floats;
  return input + latent_row_after(block, at) * stride;
}

// How an operation deals rows of the panels that no thread owns: in blocks of so many, and by what a row of a panel
// costs in a group as wide as most, in a narrower one, and where half of the panel or less counts (Zen 5).
typedef struct latent_dealing {
  size_t block, wide, narrow, half;
} latent_dealing;
#if LATENT_TILE_PANELS >= 3
static const latent_dealing product_dealing = {1, 32, 33, 15};  // forward and back
#else
static const latent_dealing product_dealing = {1, 1, 1, 1};
#endif

// What a row of the first groups costs.
static size_t groups_cost(size_t count, size_t columns, size_t group_panels, const latent_dealing *deal) {
  const size_t panels = latent_panels(columns), groups = (panels + group_panels - 1) / group_panels;
  const size_t wide_groups = panels / group_panels - (group_panels == 3 && panels % 3 == 1 && panels > 1);
  const size_t end = count < groups ? latent_group_at(count, panels, group_panels).panel : panels;
  const size_t wide = (count < wide_groups ? count : wide_groups) * group_panels;
  const size_t cost = wide * deal->wide + (end - wide) * deal->narrow;
  if (count < groups || panels * 16 < columns + 8) return cost;
  return cost + deal->half - (wide_groups == groups ? deal->wide : deal->narrow);
}

// The rows of what no thread owns that go to threads before this one: with them all have about equal work.
static size_t rows_before(size_t rows, size_t columns, size_t group_panels, size_t owned, size_t thread,
                          size_t threads, const latent_dealing *deal) {
  const size_t groups = (latent_panels(columns) + group_panels - 1) / group_panels;
  // In twos, which half a panel takes together.
  const size_t unit = deal->block > 1 ? deal->block : 2;
  const size_t all = groups_cost(groups, columns, group_panels, deal);
  const size_t left = (all - groups_cost(owned * threads, columns, group_panels, deal)) * threads * unit;
  const size_t share = all * thread, before = groups_cost(owned * thread, columns, group_panels, deal) * threads;
  const size_t due = share > before ? share - before : 0;
  const size_t row = (2 * rows * due + left - 1) / (2 * left) * unit;  // to the nearest
  return row < rows && thread < threads ? row : rows;
}

// Split by columns, each thread owns equally many whole groups, the same ones in every operation on a
// layer, so that its weights stay in its core's cache; what is left over is split by rows. A thread begins
// with its share of the rows, which are near where operations that are split by rows have written them; the
// others' it fetches meanwhile.
static int latent_blocks(const latent_task *task, size_t columns, size_t group_panels, size_t rows,
                         latent_dealing deal, latent_block blocks[2]) {
  const size_t panels = latent_panels(columns);
  size_t thread = (size_t)task->thread, threads = (size_t)task->threads;
  size_t groups = (panels + group_panels - 1) / group_panels;
  size_t owned = task->op->split_columns ? panels / group_panels / threads : 0;
  int count = 0;
  const bool even = task->op->kind != LATENT_OP_LIKELIHOOD_FORWARD;
  const size_t share = rows * thread / threads / LATENT_TILE_ROWS * LATENT_TILE_ROWS;
  if (owned) blocks[count++] = (latent_block){owned * thread, owned * (thread + 1), 0, rows, share, even};
  if (owned * threads == groups) return count;
  // Where nothing is owned, as every operation deals them: the next one goes on with them without a barrier.
  latent_range mine = latent_share((rows + deal.block - 1) / deal.block, task->thread, task->threads);
  mine = (latent_range){mine.start * deal.block, mine.end * deal.block < rows ? mine.end * deal.block : rows};
  if (owned) {
    mine.start = rows_before(rows, columns, group_panels, owned, thread, threads, &deal);
    mine.end = rows_before(rows, columns, group_panels, owned, thread + 1, threads, &deal);
  }
  if (mine.start < mine.end)
    blocks[count++] = (latent_block){owned * threads, groups, mine.start, mine.end, mine.start, even};
  return count;
}
