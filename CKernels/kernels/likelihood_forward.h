// log p(x|z) and its gradient in the epilogue of the output layer.
//
// Each group of panels leaves its sum, lane by lane, in `partial`; LATENT_OP_LIKELIHOOD_ROWS joins
// them in the order of the columns. Groups are the same on every instruction set, and so the bits.

static size_t likelihood_group_panels(const latent_op *op) {
  return op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN ? LATENT_PAIRED_GROUP_PANELS
                                                      : LATENT_GROUP_PANELS;
}
// A Bernoulli leaves a sum and a product of 1 + e^-|l| (one logarithm for many factors).
static size_t likelihood_partial_group(const latent_op *op) {
  return op->likelihood == LATENT_LIKELIHOOD_BERNOULLI ? 32 : 16;
}

// Where the next vector of a tile's densities stands: they go along its rows.
typedef struct latent_place {
  const float *values, *target;  // the vector, and its row's targets
  float *gradient, *partial;     // the row's; no gradient: NULL
  size_t row, column;
  int panel;                     // within the group
  vf sum, product;               // of the row so far
} latent_place;

// A finished tile of parameters on its way into densities.
typedef struct latent_densities {
  latent_tile tile;
  const latent_op *op;
  const float *targets;  // the first row's of the batch
  size_t column;         // the group's first
  int rows, panels;      // 0 rows: nothing is pending
  bool whole;            // every lane counts
  float scale;
  vf log_variance[3], precision[3];  // of the group's panels, where they are the same for all rows
  latent_place first;
} latent_densities;

// What the vector below this one reads and writes, into L1: rows are too far apart for hardware to follow.
LATENT_INLINE void fetch_place(const latent_op *op, const latent_place *at) {
  __builtin_prefetch(at->target + op->target.stride + at->column);
  if (at->gradient) __builtin_prefetch(at->gradient + op->gradient.stride + at->column, 1);
}

// Leaves a row's sums, and goes to the next one.
LATENT_INLINE void density_row(latent_likelihood likelihood, const latent_densities *tile,
                               latent_place *at) {
  const latent_op *op = tile->op;
  vf_store(at->partial, at->sum);
  if (likelihood == LATENT_LIKELIHOOD_BERNOULLI) vf_store(at->partial + 16, at->product);
  at->sum = (vf){};
  at->product = vf_all(1.0f);
  at->panel = 0;
  at->column = tile->column;
  at->values += (LATENT_GROUP_PANELS - tile->panels) * 16;
  at->partial += op->partial.stride;
  if (at->gradient) at->gradient += op->gradient.stride;
  at->row += 1;
  // A division takes its time; most batches draw once.
  if (latent_samples(op) == 1) at->target += op->target.stride;
  else at->target = tile->targets + at->row / latent_samples(op) * op->target.stride;
}

// The next vector, `e` a Bernoulli's e^-|l|; where mean and variance lie side by side, the next two. `whole`
// is the tile's, known beforehand: no lanes are then masked.
LATENT_INLINE void density_vector(latent_likelihood likelihood, const bool whole, const latent_densities *tile,
                                  latent_place *at, vf e) {
  const latent_op *op = tile->op;
  vi valid = vi_all(-1);
  vf x;
  if (whole) {
    x = vf_load(at->target + at->column);
  } else {
    x = load_panel(at->target, at->column, op->dimensions, op->target.stride);
    valid = observed_lanes(op, at->column, x);
  }
  if (likelihood == LATENT_LIKELIHOOD_GAUSSIAN) {
    vf mean_gradient, raw_gradient;
    gaussian_pair(vf_load(at->values), vf_load(at->values + 16), x, valid, tile->scale, &at->sum,
                  &mean_gradient, &raw_gradient);
    if (at->gradient) {
      vf_store(at->gradient + 2 * at->column, mean_gradient);
      vf_store(at->gradient + 2 * at->column + 16, raw_gradient);
    }
    at->values += 32;
    density_row(likelihood, tile, at);
    return;
  }
  vf slope = likelihood_vector(likelihood, vf_load(at->values), e, x, valid,
                               tile->log_variance[at->panel], tile->precision[at->panel], tile->scale,
                               &at->sum, &at->product);
  if (at->gradient && whole) vf_store(at->gradient + at->column, slope);
  else if (at->gradient)
    store_panel(at->gradient, at->column, slope, op->columns, op->gradient.stride);
  at->values += 16;
  at->column += 16;
  if (++at->panel == tile->panels) density_row(likelihood, tile, at);
}

static size_t density_items(const latent_densities *tile) {
  bool paired = tile->op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN;
  if (!tile->rows) return 0;
  return (size_t)tile->rows * (paired ? 1 : (size_t)tile->panels);
}

LATENT_INLINE void finish_vectors(const bool whole, latent_densities *tile) {
  size_t items = density_items(tile);
  latent_place at = tile->first;
  // One chain from the raw log-variance to the gradients is too long for enough rows to be in flight.
  if (tile->op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN)
    for (size_t m = 0; m < items; ++m)
      vf_store(tile->tile.values[m][1], log_variance_first(vf_load(tile->tile.values[m][1])));
#define LATENT_CASE(LIKELIHOOD)                                               \
  case LIKELIHOOD:                                                            \
    for (size_t item = 0; item < items; ++item)                               \
      density_vector(LIKELIHOOD, whole, tile, &at,                            \
                     LIKELIHOOD == LATENT_LIKELIHOOD_BERNOULLI                \
                         ? vf_exp_second(bernoulli_first(vf_load(at.values))) \
                         : (vf){});                                           \
    break;
  switch (tile->op->likelihood) {
    LATENT_CASE(LATENT_LIKELIHOOD_BERNOULLI)
    LATENT_CASE(LATENT_LIKELIHOOD_CONTINUOUS_BERNOULLI)
    LATENT_CASE(LATENT_LIKELIHOOD_GAUSSIAN)
    LATENT_CASE(LATENT_LIKELIHOOD_GAUSSIAN_SHARED)
    LATENT_CASE(LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL)
  }
#undef LATENT_CASE
}
static void finish_densities(latent_densities *tile) {
  if (tile->whole) finish_vectors(true, tile);
  else finish_vectors(false, tile);
  tile->rows = 0;
}

// What a finished tile's densities read and write, into L1 while the next tile is computed.
static void fetch_densities(const latent_densities *tile) {
  const latent_op *op = tile->op;
  const bool paired = op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN;
  const size_t samples = latent_samples(op), values = paired ? 1 : (size_t)tile->panels;
  for (size_t m = 0; m < (size_t)tile->rows; ++m) {
    size_t row = tile->first.row + m;
    if (samples > 1) row /= samples;
    const float *target = tile->targets + row * op->target.stride + tile->column;
    for (size_t p = 0; p < values; ++p) __builtin_prefetch(target + 16 * p);
    if (!tile->first.gradient) continue;
    const float *gradient = tile->first.gradient + m * op->gradient.stride + (paired ? 2 : 1) * tile->column;
    for (size_t p = 0; p < (size_t)tile->panels; ++p) __builtin_prefetch(gradient + 16 * p, 1);
  }
}

#if LATENT_TILE_PANELS >= 3
// The next tile, with a Bernoulli's densities of the one before between its multiply-adds. The others gain
// nothing by it: a Gaussian's are few, and chains as long as a continuous Bernoulli's or a pair's are better
// in flight for many vectors at once (1.2 times, Golden Cove).
typedef struct latent_bernoulli_work {
  const latent_densities *pending;
  latent_place at;      // of the third stage
  const float *values;  // of the first
  int panel;
  latent_exp reduced;   // of the second
  vf e;                 // of the third
} latent_bernoulli_work;

LATENT_INLINE void bernoulli_stages(const bool whole, latent_bernoulli_work *work, const int stages) {
  const int panels = work->pending->panels;
  if (stages & LATENT_THIRD) {
    fetch_place(work->pending->op, &work->at);
    density_vector(LATENT_LIKELIHOOD_BERNOULLI, whole, work->pending, &work->at, work->e);
  }
  if (stages & LATENT_SECOND) work->e = vf_exp_second(work->reduced);
  if (!(stages & LATENT_FIRST)) return;
  work->reduced = bernoulli_first(vf_load(work->values));
  const bool row_ends = ++work->panel == panels;
  work->values += row_ends ? (1 + LATENT_GROUP_PANELS - panels) * 16 : 16;
  if (row_ends) work->panel = 0;
}
// In one piece, for cores that look far ahead: 0.99 of the time of stages (Zen 5).
LATENT_INLINE void bernoulli_piece(const bool whole, latent_bernoulli_work *work, const int stages) {
  if (!(stages & LATENT_FIRST)) return;
  fetch_place(work->pending->op, &work->at);
  const vf e = vf_exp_second(bernoulli_first(vf_load(work->at.values)));
  density_vector(LATENT_LIKELIHOOD_BERNOULLI, whole, work->pending, &work->at, e);
}
LATENT_INLINE void bernoulli_whole(void *work, const int stages) { bernoulli_stages(true, work, stages); }
LATENT_INLINE void bernoulli_masked(void *work, const int stages) { bernoulli_stages(false, work, stages); }
LATENT_INLINE void bernoulli_whole_piece(void *work, const int stages) { bernoulli_piece(true, work, stages); }
LATENT_INLINE void bernoulli_masked_piece(void *work, const int stages) { bernoulli_piece(false, work, stages); }

typedef void latent_beside_densities(size_t inner, const float *x, const float *w, const latent_strides *by,
                                     const float *start, latent_tile *tile, const latent_densities *pending,
                                     size_t pieces);
#define LATENT_BESIDE(NAME, PANELS, WORK)                                                                     \
  static __attribute__((noinline)) void NAME(size_t inner, const float *x, const float *w,                    \
                                             const latent_strides *by, const float *start,                    \
                                             latent_tile *tile, const latent_densities *pending,              \
                                             size_t pieces) {                                                 \
    latent_bernoulli_work work = {.pending = pending, .at = pending->first, .values = pending->first.values}; \
    const latent_ending to = latent_to_tile(tile);                                                            \
    tile_beside(PANELS, false, 0, inner, x, w, by, start, &to, WORK, false, &work, pieces);                   \
  }
#define LATENT_BESIDE_TABLE(NAME, WORK) \
  LATENT_BESIDE(NAME##_2, 2, WORK)      \
  LATENT_BESIDE(NAME##_3, 3, WORK)      \
  static latent_beside_densities *const NAME[2] = {NAME##_2, NAME##_3};
LATENT_BESIDE_TABLE(beside_whole, bernoulli_whole)
LATENT_BESIDE_TABLE(beside_masked, bernoulli_masked)
LATENT_BESIDE_TABLE(beside_whole_piece, bernoulli_whole_piece)
LATENT_BESIDE_TABLE(beside_masked_piece, bernoulli_masked_piece)
#undef LATENT_BESIDE_TABLE
#undef LATENT_BESIDE
#endif

// One tile of parameters into `next`, while `pending` finishes.
static void density_tile(const float *x, const float *w, const latent_strides *by, const float *start,
                         latent_densities *next, latent_densities *pending) {
  const latent_op *op = next->op;
#if LATENT_TILE_PANELS >= 3
  size_t items = density_items(pending);
  if (op->likelihood == LATENT_LIKELIHOOD_BERNOULLI && next->rows == 8 && next->panels >= 2 &&
      items >= 2 && items + 2 <= op->inner) {
    latent_beside_densities *const *beside = latent_looks_far ? pending->whole ? beside_whole_piece : beside_masked_piece
                                             : pending->whole ? beside_whole
                                                              : beside_masked;
    beside[next->panels - 2](op->inner, x, w, by, start, &next->tile, pending, items);
    pending->rows = 0;
    return;
  }
#endif
  fetch_densities(pending);
  const latent_ending to = latent_to_tile(&next->tile);
  tile_group(next->rows, next->panels, op->inner, x, w, by, start, &to);
  finish_densities(pending);
}

// Where the variance is a parameter of its own: of the group's panels.
static void group_variance(const latent_op *op, const float *variance, const latent_group *group,
                           latent_densities *tile) {
  const bool shared = op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN_SHARED;
  if (!shared && op->likelihood != LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL) return;
  for (int p = 0; p < group->width; ++p) {
    size_t column = (group->panel + (size_t)p) * 16;
    vf slope, raw = shared ? vf_all(variance[0])
                           : vf_load_first(variance + column, (int)(op->dimensions - column));
    tile->log_variance[p] = bounded_log_variance(raw, &slope);
    tile->precision[p] = vf_exp_normal(-tile->log_variance[p]);
  }
}

// parameters = input[rows x inner] W + bias, never stored: log p(target | parameters) into partial
// sums, and its gradient.
static void execute_likelihood_forward(const latent_task *task) {
  const latent_op *op = task->op;
  const float *input = latent_floats(task, op->input);
  const float *weights = latent_floats(task, op->weights);
  const float *bias = latent_floats(task, op->bias);
  const float *variance = latent_floats(task, op->variance);
  const float *targets = latent_floats(task, op->target);
  float *gradient = latent_floats(task, op->gradient);
  float *partial = latent_floats(task, op->partial);
  size_t panels = latent_panels(op->columns), group_panels = likelihood_group_panels(op);
  const bool paired = op->likelihood == LATENT_LIKELIHOOD_GAUSSIAN;
  latent_strides by = {op->input.stride, 1, (size_t)op->inner * 16, 16, weights, 16, false};
  latent_block blocks[2];
  int count = latent_blocks(task, op->columns, group_panels, task->run->rows, product_dealing, blocks);
  latent_densities tiles[2];
  for (int i = 0; i < 2; ++i) {
    tiles[i].op = op;
    tiles[i].targets = targets;
    tiles[i].scale = task->run->objective_scale;
    tiles[i].rows = 0;
    tiles[i].whole = true;
  }
  int current = 0;
  for (int b = 0; b < count; ++b)
    for (size_t g = blocks[b].group; g < blocks[b].group_end; ++g) {
      const latent_group group = latent_group_at(g, panels, group_panels);
      for (latent_rows at = latent_first_strip(&blocks[b]); at.rows; latent_next_strip(&blocks[b], &at)) {
        const size_t row = at.row;
        latent_densities *next = &tiles[current];
        current ^= 1;
        next->rows = (int)at.rows;
        next->panels = group.width;
        next->column = group.panel * 16 / (paired ? 2 : 1);
        next->whole = !op->missing &&
                      next->column + (paired ? 16 : (size_t)group.width * 16) <= op->dimensions;
        next->first = (latent_place){
            .values = next->tile.values[0][0],
            .target = targets + row / latent_samples(op) * op->target.stride,
            .gradient = gradient ? gradient + row * op->gradient.stride : NULL,
            .partial = partial + row * op->partial.stride + g * likelihood_partial_group(op),
            .row = row,
            .column = next->column,
            .product = vf_all(1.0f),
        };
        group_variance(op, variance, &group, next);
        const float *group_weights = weights + group.panel * by.w_panel;
        by.half = latent_half(group, op->columns);
        by.soon = latent_soon(&blocks[b], g, group.width, &at,
                              group_weights + (size_t)group.width * by.w_panel, by.w_panel, input,
                              op->input.stride);
        density_tile(input + row * op->input.stride, group_weights, &by,
                     bias ? bias + group.panel * 16 : NULL, next, &tiles[current]);
      }
    }
  finish_densities(&tiles[current ^ 1]);
}

// log_density[rows]: the partial sums joined in the order of the columns. A product of at most 30
// groups of 3 factors in (1, 2] stays below 2^90.
static void execute_likelihood_rows(const latent_task *task) {
  const latent_op *op = task->op;
  const float *partials = latent_floats(task, op->partial);
  float *log_density = latent_floats(task, op->log_density);
  size_t group_panels = likelihood_group_panels(op), width = likelihood_partial_group(op);
  size_t groups = (latent_panels(op->columns) + group_panels - 1) / group_panels;
  latent_range rows = latent_share(task->run->rows, task->thread, task->threads);
  for (size_t row = rows.start; row < rows.end; ++row) {
    const float *partial = partials + row * op->partial.stride;
    vf sum = {}, product = vf_all(1.0f);
    for (size_t group = 0; group < groups; ++group) {
      sum += vf_load(partial + group * width);
      if (width == 32) {
        product *= vf_load(partial + group * width + 16);
        if (group % 30 == 29 || group + 1 == groups) {
          sum -= vf_log(product);
          product = vf_all(1.0f);
        }
      }
    }
    log_density[row] = vf_sum(sum);
  }
}
