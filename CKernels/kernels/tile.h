// The register tile: out[rows x panels * 16] = start + X W, one sequential chain of fused
// multiply-adds for each output, so that its bits depend on nothing but its own row and column.
//
// The three products of a layer differ only in their strides:
//   forward  Y = X W     x(m, k) = X[m][k]     w = panels of W
//   input   dX = dY Wt   x(m, k) = dY[m][k]    w = panels of Wt
//   weights dW = Xt dY   x(m, k) = X[k][m]     w = columns of dY, packed
//
// Shapes throughout: x[rows x inner] by strides x_row and x_inner, w[panels][inner][16] by w_panel and w_inner,
// start[panels x 16], or NULL for zeros, and out[rows x panels x 16] by out_row.

// The tallest and the widest tile; Benchmarks/Tiles tries others.
#ifndef LATENT_SUM_ROWS
#define LATENT_SUM_ROWS 8
#define LATENT_SUM_PANELS 3
#endif

typedef struct latent_strides {
  size_t x_row, x_inner;    // of x, in floats
  size_t w_panel, w_inner;  // of w
  // What is needed soon, fetched into L2 at one line an inner step: what the last operation has driven
  // out would stall a tile that came upon it.
  const float *soon;
  size_t soon_inner;
  bool half;  // of the last panel no more than 8 columns count: the others may come out as zeros
} latent_strides;

// What a tile is multiplied by on its way: the slope at an activation's result y.
#define LATENT_GATES_TANH (LATENT_TILE_PANELS >= 3)  // a third ending cost `baseline` a quarter of its speed
typedef enum latent_gate {
  LATENT_GATE_NONE,
  LATENT_GATE_POSITIVE,  // 1 where y is above zero, else nothing: ReLU
  LATENT_GATE_TANH,      // 1 - y^2
} latent_gate;

// Where a tile goes, and through what on its way: max(floor, y), times the slope at `gate_at`.
typedef struct latent_ending {
  float *out;
  size_t out_row;      // in floats
  latent_gate gate;
  const float *gate_at;  // y
  size_t gate_row;
  float floor;         // -infinity: as it is
} latent_ending;

LATENT_INLINE latent_ending latent_to(float *out, size_t out_row) {
  return (latent_ending){.out = out, .out_row = out_row, .floor = -__builtin_inff()};
}

typedef vf latent_sums[LATENT_SUM_ROWS][LATENT_SUM_PANELS];

// Half a panel: the sums of two rows share a vector, which is the even row's.
LATENT_INLINE vf half_twice(const float *p) {
  typedef float v8 __attribute__((vector_size(32), aligned(4)));
  v8 half = *(const v8 *)p;
  return __builtin_shufflevector(half, half, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
}
LATENT_INLINE vf half_pair(vf even, vf odd) {
#if LATENT_AVX512 && defined(__clang__)
  // The compiler would permute by a vector, in a multiplier's turn.
  __mmask16 upper = 0xff00;
  __asm__("" : "+k"(upper));
  return (vf)_mm512_mask_blend_ps(upper, (__m512)even, (__m512)odd);
#endif
  return __builtin_shufflevector(even, odd, 0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31);
}
LATENT_INLINE vf half_even(vf pair) {
  return __builtin_shufflevector(pair, (vf){}, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
}
LATENT_INLINE vf half_odd(vf pair) {
  return __builtin_shufflevector(pair, (vf){}, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23);
}

// One load a panel, and no branch that would let the compiler zero the sums in memory.
LATENT_INLINE void tile_start(const int rows, const int panels, const bool half, const float *start,
                              latent_sums sum) {
  static const float zeros[LATENT_SUM_PANELS * 16];
  if (!start) start = zeros;
  LATENT_UNROLL for (int p = 0; p < panels; ++p) {
    vf first = half && p + 1 == panels ? half_twice(start + 16 * p) : vf_load(start + 16 * p);
    LATENT_UNROLL for (int m = 0; m < rows; ++m) sum[m][p] = first;
  }
}

// `near`: x is fetched into L1 so many inner steps ahead, if any. Rows of weights' gradients are a line a
// step, farther apart than hardware looks for them, and from L2 they held up a batch of 512 by a tenth. Where they
// are fetched from far enough nothing else is (1 percent of such a batch, Zen 5).
enum { NEAR_ROWS = 4, FAR_ROWS = 8 };

// Rows of x, told from one address by their distance and three times it, in bytes. Left to itself the compiler
// adds up the distances, eight in a chain, which narrow tiles then wait for (1.3 times, Zen 5).
typedef struct latent_apart {
  size_t one, three;
} latent_apart;
LATENT_INLINE latent_apart tile_apart(size_t x_row) {
  latent_apart by = {x_row * sizeof(float), 3 * x_row * sizeof(float)};
  if (!__builtin_constant_p(x_row)) __asm__("" : "+r"(by.one), "+r"(by.three));
  return by;
}
LATENT_INLINE float tile_value(const float *x, latent_apart by, const int m) {
  const int four = m / 4;
  const char *base = (const char *)x + (four == 3 ? 4 * by.three : 4 * (size_t)four * by.one);
  return *(const float *)(base + (m % 4 == 3 ? by.three : (size_t)(m % 4) * by.one));
}

LATENT_INLINE void tile_step(const int rows, const int panels, const bool half, const size_t near,
                             const float *x, latent_apart apart, const float *w, latent_strides by,
                             latent_sums sum) {
  const int last = panels - 1, whole = half ? last : panels;
  vf column[LATENT_SUM_PANELS], even = {};
  LATENT_UNROLL for (int p = 0; p < panels; ++p) {
    const float *from = w + (size_t)p * by.w_panel;
    column[p] = p < whole ? vf_load(from) : half_twice(from);
  }
  if (near < FAR_ROWS) __builtin_prefetch(by.soon, 0, 2);
  if (near) __builtin_prefetch(x + near * by.x_inner);
  LATENT_UNROLL for (int m = 0; m < rows; ++m) {
    vf value = vf_all(tile_value(x, apart, m));
    LATENT_UNROLL for (int p = 0; p < whole; ++p) sum[m][p] = vf_fma(value, column[p], sum[m][p]);
    if (!half) continue;
    if (m % 2) sum[m - 1][last] = vf_fma(half_pair(even, value), column[last], sum[m - 1][last]);
    else if (m + 1 == rows) sum[m][last] = vf_fma(value, column[last], sum[m][last]);
    else even = value;
  }
}

LATENT_INLINE void tile_steps(const int rows, const int panels, const bool half, const size_t near, size_t steps,
                              const float **x, const float **w, latent_strides *by, latent_sums sum) {
  const latent_apart apart = tile_apart(by->x_row);
  for (; steps > 0; --steps) {
    tile_step(rows, panels, half, near, *x, apart, *w, *by, sum);
    *x += by->x_inner, *w += by->w_inner, by->soon += by->soon_inner;
  }
}

LATENT_INLINE void tile_store(const latent_gate gate, vf value, int m, int p, latent_ending to) {
  value = vf_max(vf_all(to.floor), value);
  if (gate) {
    const vf one = vf_all(1.0f), y = vf_load(to.gate_at + (size_t)m * to.gate_row + 16 * p);
    value *= gate == LATENT_GATE_TANH ? vf_fma(-y, y, one) : vf_select(y > 0.0f, one, (vf){});
  }
  vf_store(to.out + (size_t)m * to.out_row + 16 * p, value);
}

// The last `steps` inner steps, row by row, each stored when it is done: stores that all come at the end
// hold up the next tile (30 cycles, Zen 5).
LATENT_INLINE void tile_end(const int rows, const int panels, const bool half, const int steps, const latent_gate gate,
                            const float *x, const float *w, latent_strides by, latent_sums sum,
                            latent_ending to) {
  const int last = panels - 1, whole = half ? last : panels;
  LATENT_UNROLL for (int m = 0; m < rows; ++m) {
    LATENT_UNROLL for (int k = 0; k < steps; ++k) {
      const float *row = x + (size_t)m * by.x_row + (size_t)k * by.x_inner, *columns = w + (size_t)k * by.w_inner;
      vf value = vf_all(row[0]);
      // Loaded anew for each row: there are no registers to keep two steps' columns in.
      LATENT_UNROLL for (int p = 0; p < whole; ++p)
        sum[m][p] = vf_fma(value, vf_load(columns + (size_t)p * by.w_panel), sum[m][p]);
      if (!half || m % 2) continue;
      if (m + 1 < rows) value = half_pair(value, vf_all(row[by.x_row]));
      sum[m][last] = vf_fma(value, half_twice(columns + (size_t)last * by.w_panel), sum[m][last]);
    }
    LATENT_UNROLL for (int p = 0; p < whole; ++p) tile_store(gate, sum[m][p], m, p, to);
    if (half) tile_store(gate, m % 2 ? half_odd(sum[m - 1][last]) : half_even(sum[m][last]), m, last, to);
  }
}

// Steps that tile_end has registers for, beside its sums.
LATENT_INLINE int tile_ending(const int rows, const int panels) {
  return LATENT_AVX512 && (rows + 2) * panels <= 30 ? 2 : 1;
}

// At least two inner steps.
LATENT_INLINE void tile_product(const int rows, const int panels, const bool half, size_t inner, const float *x,
                                const float *w, const latent_strides *strides, const float *start,
                                const latent_ending *to) {
  latent_strides by = *strides;
  const int ending = tile_ending(rows, panels);
  latent_sums sum;
  tile_start(rows, panels, half, start, sum);
  tile_steps(rows, panels, half, 0, inner - (size_t)ending, &x, &w, &by, sum);
  // Half panels go through memory, ungated.
  if (!half && to->gate == LATENT_GATE_POSITIVE)
    tile_end(rows, panels, half, ending, LATENT_GATE_POSITIVE, x, w, by, sum, *to);
  else if (LATENT_GATES_TANH && !half && to->gate == LATENT_GATE_TANH)
    tile_end(rows, panels, half, ending, LATENT_GATE_TANH, x, w, by, sum, *to);
  else tile_end(rows, panels, half, ending, LATENT_GATE_NONE, x, w, by, sum, *to);
}

// One inner step, or none.
static void tile_short(int rows, int panels, size_t inner, const float *x, const float *w,
                       const latent_strides *by, const float *start, const latent_ending *to) {
  for (int m = 0; m < rows; ++m)
    for (int p = 0; p < panels; ++p) {
      vf sum = start ? vf_load(start + 16 * p) : (vf){};
      if (inner) sum = vf_fma(vf_all(x[(size_t)m * by->x_row]), vf_load(w + (size_t)p * by->w_panel), sum);
      tile_store(to->gate, sum, m, p, *to);
    }
}

// Strides by address: a copy on the stack is made of wider loads than the stores just before, for which these
// then wait (5 percent of a weight gradient, Golden Cove; .ci/forwarding looks for more).
typedef void tile_function(size_t inner, const float *x, const float *w, const latent_strides *by,
                           const float *start, const latent_ending *to);

#define TILE_OF(NAME, ROWS, PANELS, HALF)                                                            \
  static __attribute__((noinline)) void NAME(size_t inner, const float *x, const float *w,           \
                                             const latent_strides *by, const float *start,           \
                                             const latent_ending *to) {                              \
    tile_product(ROWS, PANELS, HALF, inner, x, w, by, start, to);                                    \
  }
#define TILES(TILE, PANELS) \
  TILE(1, PANELS) TILE(2, PANELS) TILE(3, PANELS) TILE(4, PANELS) TILE(5, PANELS) TILE(6, PANELS)
#define TILE(ROWS, PANELS) TILE_OF(tile_##ROWS##_##PANELS, ROWS, PANELS, false)
#define TILE_NAME(ROWS, PANELS) tile_##ROWS##_##PANELS,

#if LATENT_TILE_PANELS >= 3
#define HALF_TILE(ROWS, PANELS) TILE_OF(half_##ROWS##_##PANELS, ROWS, PANELS, true)
#define HALF_NAME(ROWS, PANELS) half_##ROWS##_##PANELS,
#define TALL_TILES(TILE, PANELS) TILES(TILE, PANELS) TILE(7, PANELS) TILE(8, PANELS)
#define TALL_TABLE(NAME) {{TALL_TILES(NAME, 1)}, {TALL_TILES(NAME, 2)}, {TALL_TILES(NAME, 3)}}
TALL_TILES(TILE, 1) TALL_TILES(TILE, 2) TALL_TILES(TILE, 3)
TALL_TILES(HALF_TILE, 1) TALL_TILES(HALF_TILE, 2) TALL_TILES(HALF_TILE, 3)
static tile_function *const tile_table[2][3][8] = {TALL_TABLE(TILE_NAME), TALL_TABLE(HALF_NAME)};
#else
TILES(TILE, 1)
static tile_function *const tile_table[2][1][6] = {{{TILES(TILE_NAME, 1)}}};
#endif

#if LATENT_TILE_PANELS >= 3
// Other work in pieces, each in stages: the next piece's first stage, the second of the one before, and the
// third of the one before that. In one chain a piece outlasts what a core looks ahead (Golden Cove: chains of
// 50 cycles and more, an inner step taking 35 of its vector registers), and the multipliers wait for it.
typedef enum latent_stage { LATENT_FIRST = 1, LATENT_SECOND = 2, LATENT_THIRD = 4 } latent_stage;
typedef void latent_work(void *work, const int stages);  // the latest stage comes first

// A tile of 8 rows with two or more `pieces` of other work between its multiply-adds: what has latencies,
// divisions and far memory of its own, done while the multipliers are busy. At least two inner steps. Where the
// third stage goes `ahead` it comes two inner steps before the others: a root and a division that follow each
// other closely cost more (Golden Cove).
LATENT_INLINE void tile_beside(const int panels, const bool half, const size_t near, size_t inner, const float *x,
                               const float *w, const latent_strides *strides, const float *start,
                               const latent_ending *to, latent_work *perform, const bool ahead, void *work,
                               size_t pieces) {
  const int others = LATENT_SECOND | LATENT_FIRST, third = ahead ? 0 : LATENT_THIRD;
  latent_strides by = *strides;
  // Where steps are few, those left over go one each to the first pieces; else they come at the end.
  const size_t apart = (inner - 2) / pieces, rest = apart < 2 ? (inner - 2) % pieces : 0;
  const size_t between = !ahead ? 0 : apart > 2 ? 2 : apart > 0;
  latent_sums sum;
  tile_start(8, panels, half, start, sum);
  tile_steps(8, panels, half, near, apart + (rest > 0), &x, &w, &by, sum);
  perform(work, LATENT_FIRST);
  tile_steps(8, panels, half, near, apart + (rest > 1), &x, &w, &by, sum);
  perform(work, others);
  for (size_t piece = 2; piece < pieces; ++piece) {
    tile_steps(8, panels, half, near, apart + (piece < rest) - between, &x, &w, &by, sum);
    if (ahead) {
      perform(work, LATENT_THIRD);
      tile_steps(8, panels, half, near, between, &x, &w, &by, sum);
    }
    perform(work, third | others);
  }
  tile_steps(8, panels, half, near, inner - 2 - pieces * apart - rest, &x, &w, &by, sum);
  perform(work, LATENT_THIRD | LATENT_SECOND);
  perform(work, LATENT_THIRD);
  tile_end(8, panels, half, 2, LATENT_GATE_NONE, x, w, by, sum, *to);
}
#endif

// Rows that an operation takes at a time: one tile's height. The last two are made alike, as the few chains of a
// few rows cannot fill the multipliers, but where whole tiles have work beside them.
LATENT_INLINE size_t latent_strip(size_t left, const bool even) {
  if (left <= LATENT_TILE_ROWS) return left;
  return (even || LATENT_TILE_PANELS < 3) && left < 2 * LATENT_TILE_ROWS ? (left + 1) / 2 : LATENT_TILE_ROWS;
}

// `rows` <= 8 by `panels` <= 3 outputs.
static void tile_group(int rows, int panels, size_t inner, const float *x, const float *w,
                       const latent_strides *by, const float *start, const latent_ending *to) {
  if (inner < 2) {
    tile_short(rows, panels, inner, x, w, by, start, to);
    return;
  }
  if (rows <= LATENT_TILE_ROWS && panels <= LATENT_TILE_PANELS) {
    tile_table[LATENT_TILE_PANELS >= 3 && by->half][panels - 1][rows - 1](inner, x, w, by, start, to);
    return;
  }
  for (int p = 0; p < panels;) {
    int width = panels - p < LATENT_TILE_PANELS ? panels - p : LATENT_TILE_PANELS;
    for (int m = 0; m < rows;) {
      int height = (int)latent_strip((size_t)(rows - m), true);
      const latent_ending part = {
          .out = to->out + (size_t)m * to->out_row + 16 * p,
          .out_row = to->out_row,
          .gate = to->gate,
          .gate_at = to->gate ? to->gate_at + (size_t)m * to->gate_row + 16 * p : NULL,
          .gate_row = to->gate_row,
          .floor = to->floor,
      };
      tile_table[0][width - 1][height - 1](inner, x + (size_t)m * by->x_row,
                                        w + (size_t)p * by->w_panel, by,
                                        start ? start + 16 * p : NULL, &part);
      m += height;
    }
    p += width;
  }
}

// MARK: Rows of a matrix, a panel at a time

// Whether the lanes past a matrix's last column are the matrix's own: zero, and free to be written.
LATENT_INLINE bool padded(size_t columns, size_t stride) {
  return stride % 16 == 0 && stride >= columns;
}

// Stores the first `count` lanes; where the row has room for a whole vector its other lanes are zero.
// row[columns, or stride where that is padded].
LATENT_INLINE void store_panel(float *row, size_t column, vf value, size_t columns, size_t stride) {
  if (column + 16 <= columns) vf_store(row + column, value);
  else if (padded(columns, stride))
    vf_store(row + column, vf_select(vf_first((int)(columns - column)), value, (vf){}));
  else vf_store_first(row + column, value, (int)(columns - column));
}
LATENT_INLINE vf load_panel(const float *row, size_t column, size_t columns, size_t stride) {
  if (column + 16 <= columns || padded(columns, stride)) return vf_load(row + column);
  return vf_load_first(row + column, (int)(columns - column));
}

// A tile's way out of the registers: products stay here (and in L1) until the epilogue takes them.
typedef struct latent_tile {
  float values[8][LATENT_GROUP_PANELS][16] __attribute__((aligned(64)));
} latent_tile;

LATENT_INLINE latent_ending latent_to_tile(latent_tile *tile) {
  return latent_to(tile->values[0][0], LATENT_GROUP_PANELS * 16);
}
