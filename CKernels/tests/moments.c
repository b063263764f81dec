// Mixtures and scatter matrices against plain loops in double, on random shapes, with every array
// between guard pages: the values, that nothing else is written, and the same bits on every
// instruction set but `baseline` for any number of threads.
//
//   moments [--isa NAME] [--cases N]

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "step.h"

enum { MOST = 12, MOST_COLUMNS = 101, MOST_COMPONENTS = 13 };

static guarded arrays[MOST];
static size_t array_count;
static char message[240];
static int failures;
static uint64_t state;
static bool at_end;

static size_t below(size_t count) { return (size_t)(test_random(&state) % count); }
static double uniform(double low, double high) { return (double)test_uniform(&state, (float)low, (float)high); }

// `count` elements of `size` bytes, at a page's end or begin; what is aligned begins on 64 bytes.
static void *array(size_t count, size_t size) {
  if (array_count == MOST) abort();
  arrays[array_count] = guarded_make(count * size, at_end);
  return arrays[array_count++].start;
}
static void *copied(const void *values, size_t count, size_t size) {
  void *made = array(count, size);
  memcpy(made, values, count * size);
  return made;
}
static void fail(const char *what) {
  if (failures < 20) fprintf(stderr, "FAILED: %s: %s\n", message, what);
  ++failures;
}
static void release(void) {
  for (size_t i = 0; i < array_count; ++i) {
    if (!guarded_intact(&arrays[i])) fail("memory beside an array was written");
    guarded_free(&arrays[i]);
  }
  array_count = 0;
}

// A sum and the sum of what it is made of, which bounds its rounding.
typedef struct sum {
  double value, magnitude;
} sum;
static void add(sum *to, double term) {
  to->value += term;
  to->magnitude += fabs(term);
}
static bool near(double found, sum expected, double tolerance) {
  if (isinf(expected.value) || isinf(found)) return found == expected.value;
  return fabs(found - expected.value) <= tolerance * (expected.magnitude + 1e-30);
}
static digest digest_doubles(digest value, size_t count, const double *values) {
  for (size_t i = 0; i < count; ++i) {
    uint32_t words[2];
    memcpy(words, &values[i], sizeof(words));
    value = digest_words(value, 2, words);
  }
  return value;
}

// MARK: Mixtures

typedef struct wanted {
  bool log_density, responsibilities, labels, statistics;
} wanted;

static struct {
  double shift[MOST_COLUMNS], centers[MOST_COMPONENTS * MOST_COLUMNS], constants[MOST_COMPONENTS];
  double whiteners[MOST_COMPONENTS * MOST_COLUMNS * MOST_COLUMNS];
} parameters;

// A row's log densities by component, to the last term.
static void row_densities(const latent_mixture *pass, const double *x, sum out[MOST_COMPONENTS]) {
  size_t columns = pass->columns;
  for (size_t k = 0; k < pass->components; ++k) {
    const double *center = parameters.centers + k * columns, *w = parameters.whiteners;
    double norm = 0;
    for (size_t i = 0; i < columns; ++i) {
      double y = 0;
      if (pass->density == LATENT_DENSITY_DIAGONAL) {
        y = w[k * columns + i] * (x[i] - center[i]);
      } else {
        const double *row = w + (pass->density == LATENT_DENSITY_FULL ? k * columns * columns : 0) + i * columns;
        for (size_t j = 0; j <= i; ++j) y += row[j] * (x[j] - center[j]);
      }
      norm += y * y;
    }
    out[k] = (sum){parameters.constants[k] - norm / 2, fabs(parameters.constants[k]) + norm + 1};
  }
}

static digest mixture_case(latent_pool *pool, uint64_t seed) {
  static const size_t column_counts[] = {1, 2, 7, 8, 9, 15, 16, 17, 24, 25, 33, 50, 0};
  static const size_t row_counts[] = {1, 5, 15, 16, 17, 47, 48, 49, 100, 191, 192, 193, 400, 1536, 1537, 3100};
  state = seed * 7919 + 5;
  at_end = seed % 2;
  latent_mixture pass = {
      .density = (latent_density)below(3),
      .squares = (latent_squares)below(3),
      .single = below(2),
      .hard = below(4) == 0,
      .columns = (uint32_t)column_counts[below(12)],
      .components = (uint32_t)(1 + below(MOST_COMPONENTS)),
      .rows = row_counts[below(16)],
  };
  // Many rows of one column: several waves, and no component to spare in the last four. Once, since slow sets are.
  if (seed == 3) pass.rows = 5 * latent_mixture_wave_rows() + 2000, pass.columns = 1, pass.components = 4;
  if (pass.rows > 1000 && pass.columns > 16) pass.columns = 16;
  size_t columns = pass.columns, components = pass.components, rows = pass.rows;
  pass.stride = columns + (below(2) ? below(5) : 0);
  bool impossible = below(6) == 0 && seed != 3;  // rows that have density zero everywhere
  bool weighted = below(2);
  const wanted wants = {below(4) != 0, below(3) != 0, below(3) != 0, below(4) != 0 || seed == 3};
  snprintf(message, sizeof(message),
           "%s, %d threads, mixture %llu: density %d, squares %d, %s, %s, %zu x %zu, %zu components",
           latent_isa_name(latent_pool_isa(pool)), latent_pool_threads(pool), (unsigned long long)seed,
           (int)pass.density, (int)pass.squares, pass.single ? "float" : "double",
           pass.hard ? "hard" : "soft", rows, columns, components);
  // Parameters that floats hold.
  for (size_t i = 0; i < columns; ++i) parameters.shift[i] = uniform(-3, 3);
  for (size_t i = 0; i < components * columns; ++i) parameters.centers[i] = uniform(-2, 2);
  for (size_t k = 0; k < components; ++k)
    parameters.constants[k] = impossible ? -INFINITY : uniform(-6, -3);
  size_t whitener_count = pass.density == LATENT_DENSITY_FULL    ? components * columns * columns
                          : pass.density == LATENT_DENSITY_TIED ? columns * columns
                                                                : components * columns;
  for (size_t i = 0; i < whitener_count; ++i)
    parameters.whiteners[i] = pass.density == LATENT_DENSITY_DIAGONAL || i / columns % columns == i % columns
                                  ? uniform(0.2, 1)
                                  : uniform(-1, 1) / (double)columns;
  pass.shift = copied(parameters.shift, columns, sizeof(double));
  pass.centers = copied(parameters.centers, components * columns, sizeof(double));
  pass.whiteners = copied(parameters.whiteners, whitener_count, sizeof(double));
  pass.constants = copied(parameters.constants, components, sizeof(double));
  size_t extent = (rows - 1) * pass.stride + columns;
  void *x = array(extent, pass.single ? sizeof(float) : sizeof(double));
  for (size_t i = 0; i < extent; ++i) {
    double value = i % pass.stride < columns ? parameters.shift[i % pass.stride] + uniform(-4, 4) : NAN;
    if (pass.single) ((float *)x)[i] = (float)value;
    else ((double *)x)[i] = value;
  }
  pass.x = x;
  double *weights = NULL;
  if (weighted) {
    weights = array(rows, sizeof(double));
    for (size_t i = 0; i < rows; ++i) weights[i] = below(5) ? uniform(0, 2) : 0;
    pass.weights = weights;
  }
  latent_mixture_layout layout = latent_mixture_statistics(&pass);
  if (wants.log_density) pass.log_density = array(rows, sizeof(double));
  if (wants.responsibilities) pass.responsibilities = array(rows * components, sizeof(double));
  if (wants.labels) pass.labels = array(rows, sizeof(int32_t));
  if (wants.statistics) {
    pass.statistics = array(layout.total, sizeof(double));
    for (size_t i = 0; i < layout.total; ++i) pass.statistics[i] = 0.5;  // they are added to
  }
  void *workspace = array(latent_mixture_workspace(pool, &pass), 1);
  if (wants.statistics && below(2)) {
    // The same table in two pieces, the second of which may have no rows.
    const size_t range = latent_mixture_range_rows();
    size_t cut = rows % range == 0 ? rows : rows / range / 2 * range;
    latent_mixture piece = pass;
    piece.rows = cut;
    piece.more = true;
    if (cut) latent_mixture_run(pool, &piece, workspace);
    piece = pass;
    piece.rows = rows - cut;
    piece.waiting = cut / latent_mixture_range_rows() % (latent_mixture_wave_rows() / latent_mixture_range_rows());
    piece.x = (const char *)x + cut * pass.stride * (pass.single ? sizeof(float) : sizeof(double));
    if (weights) piece.weights = weights + cut;
    if (pass.log_density) piece.log_density += cut;
    if (pass.responsibilities) piece.responsibilities += cut * components;
    if (pass.labels) piece.labels += cut;
    latent_mixture_run(pool, &piece, workspace);
  } else {
    latent_mixture_run(pool, &pass, workspace);
  }

  digest value = DIGEST_START;
  if (pass.log_density) value = digest_doubles(value, rows, pass.log_density);
  if (pass.responsibilities) value = digest_doubles(value, rows * components, pass.responsibilities);
  if (pass.labels) value = digest_words(value, rows, (const uint32_t *)pass.labels);
  if (pass.statistics)
    value = digest_doubles(value, layout.squares, pass.statistics);

  const double tolerance = pass.single ? 3e-5 : 1e-12;
  static sum log_total, counts[MOST_COMPONENTS], sums[MOST_COMPONENTS][MOST_COLUMNS],
      squares[MOST_COMPONENTS][MOST_COLUMNS][MOST_COLUMNS];
  memset(&log_total, 0, sizeof(log_total));
  memset(counts, 0, sizeof(counts));
  memset(sums, 0, sizeof(sums));
  memset(squares, 0, sizeof(squares));
  for (size_t row = 0; row < rows; ++row) {
    double y[MOST_COLUMNS];
    for (size_t i = 0; i < columns; ++i) {
      size_t at = row * pass.stride + i;
      y[i] = (pass.single ? (double)((const float *)x)[at] : ((const double *)x)[at]) - parameters.shift[i];
    }
    sum densities[MOST_COMPONENTS];
    row_densities(&pass, y, densities);
    size_t best = 0;
    double gap = INFINITY, total = 0, size = 1;
    for (size_t k = 1; k < components; ++k)
      if (densities[k].value > densities[best].value) best = k;
    for (size_t k = 0; k < components; ++k) {
      if (k != best) gap = fmin(gap, densities[best].value - densities[k].value);
      if (!impossible) total += exp(densities[k].value - densities[best].value);
      size = fmax(size, fmin(densities[k].magnitude, 1e3));
    }
    double log_density = impossible ? -INFINITY : densities[best].value + log(total);
    double row_tolerance = tolerance * size;
    if (pass.log_density && !near(pass.log_density[row], (sum){log_density, size}, tolerance * 4))
      fail("log density");
    bool tie = gap <= row_tolerance * 4;
    if (pass.labels && !tie && pass.labels[row] != (int32_t)best) fail("label");
    if (pass.labels && impossible && pass.labels[row] != 0) fail("label of an impossible row");
    double weight = weights ? weights[row] : 1;
    if (weight > 0) add(&log_total, weight * (pass.hard ? densities[best].value : log_density));
    log_total.magnitude += weight * size;
    for (size_t k = 0; k < components; ++k) {
      double share = impossible  ? 0
                     : pass.hard ? (double)(k == best)
                                 : exp(densities[k].value - log_density);
      if (pass.hard && tie) share = 0.5;  // either
      double slack = pass.hard && tie ? 0.5 : row_tolerance * 8 * (share + 1e-6);
      if (pass.responsibilities && fabs(pass.responsibilities[row * components + k] - share) > slack)
        fail("responsibility");
      counts[k].value += share * weight;
      counts[k].magnitude += (share * size + slack / tolerance) * weight;
      bool full = pass.squares == LATENT_SQUARES_FULL;
      for (size_t i = 0; i < columns; ++i) {
        double a = y[i] - (full ? parameters.centers[k * columns + i] : 0);
        sums[k][i].value += share * weight * a;
        sums[k][i].magnitude += (share * size + slack / tolerance) * weight * (fabs(a) + 1);
        for (size_t j = i; j < (full ? columns : i + 1); ++j) {
          double b = y[j] - (full ? parameters.centers[k * columns + j] : 0);
          squares[k][i][j].value += share * weight * a * b;
          squares[k][i][j].magnitude += (share * size + slack / tolerance) * weight * (fabs(a * b) + 1);
        }
      }
    }
  }
  const double *statistics = pass.statistics;
  if (statistics) {
    log_total.value += 0.5;
    if (!near(statistics[0], log_total, tolerance * 8)) fail("the sum of log densities");
    for (size_t k = 0; k < components; ++k) {
      counts[k].value += 0.5;
      if (!near(statistics[layout.counts + k], counts[k], tolerance * 8)) fail("sum of responsibilities");
      for (size_t i = 0; i < columns; ++i) {
        sums[k][i].value += 0.5;
        if (!near(statistics[layout.sums + k * layout.padded + i], sums[k][i], tolerance * 8)) fail("sums");
        if (pass.squares == LATENT_SQUARES_NONE) continue;
        bool full = pass.squares == LATENT_SQUARES_FULL;
        for (size_t j = i; j < (full ? columns : i + 1); ++j) {
          squares[k][i][j].value += 0.5;
          size_t at = full ? (k * layout.padded + i) * layout.padded + j : k * layout.padded + i;
          if (!near(statistics[layout.squares + at], squares[k][i][j], tolerance * 8)) fail("squares");
        }
      }
    }
    // Upper triangles and diagonals are what counts.
    if (pass.squares == LATENT_SQUARES_DIAGONAL)
      value = digest_doubles(value, components * layout.padded, statistics + layout.squares);
  }
  release();
  return value;
}

// What cannot be right is refused, and nothing is touched.
static void refusals(latent_pool *pool) {
  snprintf(message, sizeof(message), "refusals");
  double values[64] = {0}, statistics[4096] = {0};
  const latent_mixture good = {.columns = 2, .components = 3, .shift = values, .centers = values, .whiteners = values,
                               .constants = values, .rows = 4, .stride = 2, .x = values, .statistics = statistics};
  const size_t bytes = latent_mixture_workspace(pool, &good);
  char *workspace = array(bytes + 64, 1);
  workspace += (64 - (uintptr_t)workspace % 64) % 64;
  if (!bytes || latent_mixture_run(pool, &good, workspace) != LATENT_OK) fail("a good pass is refused");
  if (latent_mixture_run(pool, &good, NULL) != LATENT_ERROR_OPERAND) fail("no workspace");
  if (latent_mixture_run(pool, &good, workspace + 8) != LATENT_ERROR_OPERAND) fail("a workspace off its place");
#define REFUSED(STATUS, ...)                                                                             \
  {                                                                                                      \
    latent_mixture bad = good;                                                                           \
    __VA_ARGS__;                                                                                         \
    if (latent_mixture_run(pool, &bad, workspace) != STATUS) fail(#__VA_ARGS__);                         \
    if (latent_mixture_workspace(pool, &bad)) fail("memory for " #__VA_ARGS__);                          \
  }
  REFUSED(LATENT_ERROR_OPERATION, bad.density = (latent_density)3)
  REFUSED(LATENT_ERROR_OPERATION, bad.squares = (latent_squares)3)
  REFUSED(LATENT_ERROR_OPERAND, bad.stride = 1)
  REFUSED(LATENT_ERROR_OPERAND, bad.shift = NULL)
  REFUSED(LATENT_ERROR_OPERAND, bad.centers = NULL)
  REFUSED(LATENT_ERROR_OPERAND, bad.whiteners = NULL)
  REFUSED(LATENT_ERROR_OPERAND, bad.constants = NULL)
  REFUSED(LATENT_ERROR_OPERAND, bad.x = NULL)
  REFUSED(LATENT_ERROR_OPERAND, bad.waiting = latent_mixture_wave_rows() / latent_mixture_range_rows())
  REFUSED(LATENT_ERROR_OPERAND, bad.more = true)
  REFUSED(LATENT_ERROR_OPERAND, bad.rows = SIZE_MAX / 8)
  REFUSED(LATENT_ERROR_OPERAND, bad.rows = SIZE_MAX)
  REFUSED(LATENT_ERROR_OPERAND, bad.stride = SIZE_MAX / 2)
  REFUSED(LATENT_ERROR_OPERAND, bad.columns = UINT32_MAX, bad.stride = UINT32_MAX)
  REFUSED(LATENT_ERROR_OPERAND, bad.columns = INT32_MAX, bad.stride = INT32_MAX, bad.components = 4000)
  REFUSED(LATENT_ERROR_OPERAND, bad.components = UINT32_MAX)
#undef REFUSED
  const latent_scatter whole = {.rows = values, .source = LATENT_SOURCE_DOUBLES, .count = 4, .columns = 2,
                                .pivot = values, .sums = statistics, .products = statistics + 16,
                                .workspace = array(100000, 1)};
  if (latent_scatter_add(pool, &whole) != LATENT_OK) fail("a good scatter matrix is refused");
#define REFUSED(STATUS, ...)                                                     \
  {                                                                              \
    latent_scatter bad = whole;                                                  \
    __VA_ARGS__;                                                                 \
    if (latent_scatter_add(pool, &bad) != STATUS) fail(#__VA_ARGS__);            \
  }
  REFUSED(LATENT_ERROR_OPERATION, bad.source = (latent_source)3)
  REFUSED(LATENT_ERROR_OPERAND, bad.rows = NULL)
  REFUSED(LATENT_ERROR_OPERAND, bad.pivot = NULL)
  REFUSED(LATENT_ERROR_OPERAND, bad.sums = NULL)
  REFUSED(LATENT_ERROR_OPERAND, bad.products = NULL)
  REFUSED(LATENT_ERROR_OPERAND, bad.workspace = NULL)
  REFUSED(LATENT_ERROR_OPERAND, bad.count = SIZE_MAX)
  REFUSED(LATENT_ERROR_OPERAND, bad.columns = (size_t)INT32_MAX + 1)
  REFUSED(LATENT_OK, bad.count = 0, bad.rows = NULL)
#undef REFUSED
  release();
}

// MARK: Scatter matrices

static digest scatter_case(latent_pool *pool, uint64_t seed) {
  static const size_t column_counts[] = {0, 1, 5, 8, 9, 16, 17, 24, 25, 40, 48, 49, 70, 100};
  static const size_t row_counts[] = {0, 1, 7, 255, 256, 257, 700};
  state = seed * 104729 + 1;
  at_end = seed % 2;
  size_t columns = column_counts[below(14)], rows = row_counts[below(7)];
  latent_scatter scatter = {.source = (latent_source)below(3), .narrow = below(2), .columns = columns};
  size_t width = latent_scatter_width(columns);
  snprintf(message, sizeof(message), "%s, %d threads, scatter %llu: source %d, %s, %zu x %zu",
           latent_isa_name(latent_pool_isa(pool)), latent_pool_threads(pool), (unsigned long long)seed,
           (int)scatter.source, scatter.narrow ? "float" : "double", rows, columns);
  static const size_t sizes[] = {sizeof(float), 1, sizeof(double)};
  size_t size = sizes[scatter.source];
  char *table = array(rows * columns, size);
  for (size_t i = 0; i < rows * columns; ++i) {
    double value = uniform(4, 6);
    if (scatter.source == LATENT_SOURCE_FLOATS) ((float *)(void *)table)[i] = (float)value;
    else if (scatter.source == LATENT_SOURCE_BYTES) ((uint8_t *)table)[i] = (uint8_t)below(256);
    else ((double *)(void *)table)[i] = value + 1e-9;
  }
  double *pivot = array(columns, sizeof(double));
  for (size_t i = 0; i < columns; ++i) pivot[i] = scatter.source == LATENT_SOURCE_BYTES ? 0.5 : 5;
  scatter.pivot = pivot;
  scatter.sums = array(columns, sizeof(double));
  scatter.products = array(width * width, sizeof(double));
  for (size_t i = 0; i < columns; ++i) scatter.sums[i] = 0.25;
  for (size_t i = 0; i < width * width; ++i) scatter.products[i] = 0.25;
  scatter.workspace = array(latent_scatter_workspace(&scatter), 1);
  // In one call, or in two.
  size_t cut = below(2) ? rows / 512 * 256 : 0;
  scatter.rows = table;
  scatter.count = cut;
  if (cut) latent_scatter_add(pool, &scatter);
  scatter.rows = table + cut * columns * size;
  scatter.count = rows - cut;
  latent_scatter_add(pool, &scatter);

  const double tolerance = scatter.narrow ? 4e-6 : 1e-13;
  digest value = digest_doubles(DIGEST_START, columns, scatter.sums);
  for (size_t i = 0; i < columns; ++i) {
    value = digest_doubles(value, columns - i, scatter.products + i * width + i);
    sum total = {0.25, 0.25};
    for (size_t j = i; j < columns; ++j) {
      sum product = {0.25, 0.25};
      for (size_t row = 0; row < rows; ++row) {
        double a[2];
        for (int side = 0; side < 2; ++side) {
          size_t at = row * columns + (side ? j : i);
          a[side] = scatter.source == LATENT_SOURCE_FLOATS  ? (double)((float *)(void *)table)[at]
                    : scatter.source == LATENT_SOURCE_BYTES ? ((uint8_t *)table)[at] / 255.0
                                                            : ((double *)(void *)table)[at];
          a[side] -= pivot[side ? j : i];
        }
        add(&product, a[0] * a[1]);
        if (i == j) add(&total, a[0]);
      }
      if (!near(scatter.products[i * width + j], product, tolerance)) fail("products");
    }
    if (!near(scatter.sums[i], total, 1e-13)) fail("sums");
  }
  release();
  return value;
}

int main(int count, char **arguments) {
  const char *name = NULL;
  uint64_t cases = 60;
  for (int i = 1; i + 1 < count; i += 2) {
    if (!strcmp(arguments[i], "--isa")) name = arguments[i + 1];
    if (!strcmp(arguments[i], "--cases")) cases = strtoull(arguments[i + 1], NULL, 10);
  }
  guarded_watch(message, arrays, &array_count);
  digest *expected = calloc(2 * cases + 2, sizeof(digest));
  if (!expected) return 1;
  int sets = 0;
  for (int isa = LATENT_ISA_COUNT; isa-- > 0;) {
    if (!latent_isa_available((latent_isa)isa)) continue;
    if (name && strcmp(name, latent_isa_name((latent_isa)isa)) != 0) continue;
    ++sets;
    for (int threads = 1; threads <= 3; threads += 2) {
      latent_pool *pool;
      if (latent_pool_create(threads, (latent_isa)isa, &pool)) return 1;
      refusals(pool);
      for (uint64_t seed = 1; seed <= cases && failures < 20; ++seed) {
        // One lane at a time is slow, and its values are those of the other sets.
        if (isa == LATENT_ISA_SCALAR && (seed % 4 || threads > 1)) continue;
        digest found[2] = {mixture_case(pool, seed), scatter_case(pool, seed)};
        for (int i = 0; i < 2 && isa != LATENT_ISA_BASELINE; ++i) {
          digest *one = &expected[2 * seed + (uint64_t)i];
          if (*one == 0) *one = found[i];
          if (*one != found[i]) fail(i ? "other bits (scatter)" : "other bits (mixture)");
        }
      }
      latent_pool_destroy(pool);
    }
  }
  free(expected);
  printf("%llu mixtures and scatter matrices on %d sets, %d failed\n", (unsigned long long)cases, sets, failures);
  return failures > 0 || sets == 0;
}
