// The bit contract: digests of training steps, log densities and elementwise kernels, which must be
// the same on every instruction set but `baseline`, for any number of threads.
//
//   digest                                      all sets that keep the contract, 1, 2, 3 and 8
//                                               threads, compared; fails on a difference
//   digest --isa NAME --threads N               one line a case, for comparing across machines
//   digest --list                               the sets that this CPU can execute
//   digest ... --every N                        elementwise kernels at each N-th float
//   digest ... --only WORD                      cases with WORD in their name
//   digest ... --part K/N                       of these every N-th, from the K-th on (the first is 0)

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "step.h"

enum { MOST_LINES = 96, ELEMENTS = 4096 };

typedef struct digest_line {
  char name[72];
  digest value;
} digest_line;

typedef struct report {
  digest_line lines[MOST_LINES];
  size_t count;
  bool failed;
} report;

static const char *only = "";
static unsigned part = 0, parts = 1, asked = 0;
// To be asked once for each case.
static bool chosen(const char *name) {
  return strstr(name, only) != NULL && asked++ % parts == part;
}

static void add(report *to, const char *name, digest value) {
  if (to->count == MOST_LINES) abort();
  digest_line *line = &to->lines[to->count++];
  snprintf(line->name, sizeof(line->name), "%s", name);
  line->value = value;
}

// MARK: Training steps

static const struct network {
  const char *name;
  int widths[5];
  latent_activation activation;
} networks[] = {
    {"37-24-13-5 tanh", {37, 24, 13, 5}, LATENT_ACTIVATION_TANH},
    {"96-50-7 relu", {96, 50, 7}, LATENT_ACTIVATION_RELU},
    {"61-70-18 softplus", {61, 70, 18}, LATENT_ACTIVATION_SOFTPLUS},
    {"16-9-2 sigmoid", {16, 9, 2}, LATENT_ACTIVATION_SIGMOID},
    {"170-100-3 elu", {170, 100, 3}, LATENT_ACTIVATION_ELU},
};
static const char *const likelihoods[LATENT_LIKELIHOOD_COUNT] = {
    "bernoulli", "continuous bernoulli", "gaussian", "gaussian shared", "gaussian diagonal"};

static step_options options_for(const struct network *network, latent_likelihood likelihood) {
  step_options options = {.activation = network->activation, .likelihood = likelihood};
  memcpy(options.widths, network->widths, sizeof(options.widths));
  switch (likelihood) {
    case LATENT_LIKELIHOOD_BERNOULLI:
      options.transform = LATENT_TRANSFORM_BINARIZE;
      options.source = LATENT_SOURCE_BYTES;
      break;
    case LATENT_LIKELIHOOD_GAUSSIAN:
      options.transform = LATENT_TRANSFORM_DEQUANTIZE;
      options.source = LATENT_SOURCE_BYTES;
      break;
    case LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL:
      options.transform = LATENT_TRANSFORM_BINARIZE;
      break;
    default: break;
  }
  return options;
}

static digest train(step_options options, latent_pool *pool) {
  static const uint32_t batches[] = {33, 1, 20, 7, 33};
  step *step = step_make(options);
  digest value = DIGEST_START;
  for (uint32_t i = 0; i < sizeof(batches) / sizeof(batches[0]); ++i) {
    step_run(step, pool, batches[i], i);
    value = digest_step(value, step, batches[i]);
  }
  step_free(step);
  return value;
}

static void training(report *to, latent_pool *pool) {
  for (size_t n = 0; n < sizeof(networks) / sizeof(networks[0]); ++n)
    for (int l = 0; l < LATENT_LIKELIHOOD_COUNT; ++l)
      for (int update = 0; update < 2; ++update) {
        step_options options = options_for(&networks[n], (latent_likelihood)l);
        options.learns = true;
        options.update = update;
        options.gate = (n + (size_t)l + (size_t)update) % 2;
        options.samples = (uint32_t)(n + (size_t)l) % 3;
        options.objective = (latent_objective)((n + 2 * (size_t)l + (size_t)update) %
                                               LATENT_OBJECTIVE_COUNT);
        if (options.objective == LATENT_OBJECTIVE_DREG) options.samples = 19;
        char name[72];
        snprintf(name, sizeof(name), "%s, %s, %s", networks[n].name, likelihoods[l],
                 update ? "update" : "gradient");
        if (!chosen(name)) continue;
        digest value = train(options, pool);
        add(to, name, value);
        // Nor are sums of gathered rows, as often as a batch is sparse enough for them.
        options.ones = true;
        // How rows lie in memory is no part of the result. (More threads than cores crawl.)
        options.tight = true;
        if (latent_pool_threads(pool) < 3 && train(options, pool) != value) {
          printf("FAILED: %s: other bits with tight strides\n", name);
          to->failed = true;
        }
      }
}

// A row's bits must not depend on what else is in its batch.
static void densities(report *to, latent_pool *pool) {
  static const uint32_t sizes[] = {33, 7, 20, 1};
  size_t size_count = latent_pool_threads(pool) < 3 ? 4 : 2;
  for (size_t n = 0; n < sizeof(networks) / sizeof(networks[0]); ++n)
    for (int l = 0; l < LATENT_LIKELIHOOD_COUNT; ++l) {
      char name[72];
      snprintf(name, sizeof(name), "%s, %s, densities", networks[n].name, likelihoods[l]);
      if (!chosen(name)) continue;
      step *step = step_make(options_for(&networks[n], (latent_likelihood)l));
      float together[2 * STEP_CAPACITY];
      for (size_t s = 0; s < size_count; ++s) {
        float apart[2 * STEP_CAPACITY];
        uint32_t *index = step->buffers[STEP_ROW_INDEX].data;
        for (uint32_t row = 0; row < STEP_CAPACITY; row += sizes[s]) {
          uint32_t rows = STEP_CAPACITY - row < sizes[s] ? STEP_CAPACITY - row : sizes[s];
          for (uint32_t i = 0; i < rows; ++i) index[i] = row + i;
          const latent_run run = {.rows = rows, .epoch = 3, .seed = 5, .objective_scale = 1};
          latent_plan_run(pool, step->ops, step->count, step->buffers, &run, NULL);
          const float *workspace = step->buffers[STEP_WORKSPACE].data;
          memcpy(apart + row, workspace + step->log_density.offset, rows * sizeof(float));
          memcpy(apart + STEP_CAPACITY + row, workspace + step->kl.offset, rows * sizeof(float));
        }
        if (s == 0) memcpy(together, apart, sizeof(together));
        else if (memcmp(together, apart, sizeof(together)) != 0) {
          printf("FAILED: %s: other bits in batches of %u\n", name, sizes[s]);
          to->failed = true;
        }
      }
      add(to, name, digest_floats(DIGEST_START, 2 * STEP_CAPACITY, together));
      step_free(step);
    }
}

// MARK: Kernels

typedef void elementwise(size_t count, const float *x, float *y);

static digest elementwise_digest(elementwise *function, uint64_t every) {
  static const uint32_t special[] = {0,          0x80000000, 1,          0x80000001, 0x007fffff,
                                     0x00800000, 0x3f800000, 0xbf800000, 0x3f7fffff, 0x3f800001,
                                     0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000,
                                     0x42b17218, 0xc2cff1b5, 0x7f800001};
  float x[ELEMENTS], y[ELEMENTS];
  memcpy(x, special, sizeof(special));
  size_t count = sizeof(special) / sizeof(special[0]);
  digest value = DIGEST_START;
  uint64_t bits = 0;
  do {
    for (; count < ELEMENTS && bits >> 32 == 0; ++count, bits += every) {
      uint32_t word = (uint32_t)bits;
      memcpy(&x[count], &word, sizeof(word));
    }
    function(count, x, y);
    value = digest_floats(value, count, y);
    count = 0;
  } while (bits >> 32 == 0);
  return value;
}

// Weights into panels, their transposed copy, and that one out of panels.
static digest packing_digest(const latent_kernels *table) {
  enum { INNER = 37, COLUMNS = 41, START = 5, WIDE = 48 };
  float matrix[INNER * COLUMNS], panels[INNER * WIDE] = {0}, transposed[WIDE * WIDE];
  digest value = DIGEST_START;
  for (size_t i = 0; i < INNER * COLUMNS; ++i) matrix[i] = (float)i;
  for (int layout = LATENT_LAYOUT_INNER_BY_COLUMNS; layout <= LATENT_LAYOUT_COLUMNS_BY_INNER; ++layout) {
    size_t stride = layout == LATENT_LAYOUT_INNER_BY_COLUMNS ? COLUMNS : INNER;
    table->pack((latent_layout)layout, INNER, COLUMNS, matrix, stride, panels, START);
    table->transpose(INNER, START + COLUMNS, panels, transposed);
    value = digest_floats(value, INNER * WIDE, panels);
    value = digest_floats(value, WIDE * (START + COLUMNS), transposed);
    table->unpack((latent_layout)layout, INNER, COLUMNS, panels, START, matrix, stride);
  }
  return digest_floats(value, INNER * COLUMNS, matrix);
}

static void kernels(report *to, const latent_kernels *table, uint64_t every) {
  const struct {
    const char *name;
    elementwise *function;
  } functions[] = {{"kernel exp", table->exp},         {"kernel log", table->log},
                   {"kernel log1p", table->log1p},     {"kernel tanh", table->tanh},
                   {"kernel sigmoid", table->sigmoid}, {"kernel softplus", table->softplus},
                   {"kernel elu", table->elu},         {"kernel erf", table->erf}};
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); ++i)
    if (chosen(functions[i].name))
      add(to, functions[i].name, elementwise_digest(functions[i].function, every));
  if (chosen("kernel pack")) add(to, "kernel pack", packing_digest(table));
  if (!chosen("kernel random")) return;
  digest words = DIGEST_START, normals = DIGEST_START;
  for (uint32_t row = 0; row < 40; ++row) {
    uint32_t bits[1000];
    float values[1000];
    size_t count = 1000 - 17 * row;
    table->random_bits(count, 77 + row, LATENT_PURPOSE_EPSILON, row, row * 3, row / 3, bits);
    table->random_normal(count, 77 + row, LATENT_PURPOSE_PRIOR, row, row * 3, row / 3, values);
    words = digest_words(words, count, bits);
    normals = digest_floats(normals, count, values);
  }
  add(to, "kernel random_bits", words);
  add(to, "kernel random_normal", normals);
}

// MARK: The program

static void run_all(report *to, latent_isa isa, int threads, uint64_t every) {
  asked = 0;
  latent_pool *pool;
  latent_status status = latent_pool_create(threads, isa, &pool);
  if (status != LATENT_OK) {
    fprintf(stderr, "no pool of %d threads on %s: status %d\n", threads, latent_isa_name(isa),
            (int)status);
    exit(1);
  }
  training(to, pool);
  densities(to, pool);
  latent_pool_destroy(pool);
  // Threads have no part in these.
  if (threads == 1) kernels(to, latent_kernels_for(isa), every);
}

static digest total(const report *report) {
  digest value = DIGEST_START;
  for (size_t i = 0; i < report->count; ++i) {
    const uint32_t halves[] = {(uint32_t)report->lines[i].value,
                               (uint32_t)(report->lines[i].value >> 32)};
    value = digest_words(value, 2, halves);
  }
  return value;
}

static int compare_all(uint64_t every) {
  static const int thread_counts[] = {1, 2, 3, 8};
  static report first, now;
  bool failed = false;
  for (int isa = 0; isa < LATENT_ISA_COUNT; ++isa) {
    if (isa == LATENT_ISA_BASELINE || !latent_isa_available((latent_isa)isa)) continue;
    for (size_t t = 0; t < sizeof(thread_counts) / sizeof(thread_counts[0]); ++t) {
      report *to = first.count ? &now : &first;
      memset(to, 0, sizeof(*to));
      run_all(to, (latent_isa)isa, thread_counts[t], every);
      bool equal = true;
      for (size_t i = 0; i < to->count; ++i)
        if (to->lines[i].value != first.lines[i].value) {
          printf("FAILED: %s\n", to->lines[i].name);
          equal = false;
        }
      printf("%-8s %d threads  %2zu cases %s\n", latent_isa_name((latent_isa)isa),
             thread_counts[t], to->count, equal ? "equal" : "DIFFERENT");
      failed |= !equal || to->failed;
    }
  }
  return failed;
}

int main(int count, char **arguments) {
  const char *name = NULL;
  int threads = 1;
  uint64_t every = 16411;
  for (int i = 1; i < count; ++i) {
    bool more = i + 1 < count;
    if (!strcmp(arguments[i], "--list")) {
      for (int isa = 0; isa < LATENT_ISA_COUNT; ++isa)
        if (latent_isa_available((latent_isa)isa)) puts(latent_isa_name((latent_isa)isa));
      return 0;
    } else if (!strcmp(arguments[i], "--isa") && more) name = arguments[++i];
    else if (!strcmp(arguments[i], "--threads") && more) threads = atoi(arguments[++i]);
    else if (!strcmp(arguments[i], "--every") && more) every = strtoull(arguments[++i], NULL, 10);
    else if (!strcmp(arguments[i], "--only") && more) only = arguments[++i];
    else if (!strcmp(arguments[i], "--part") && more &&
             sscanf(arguments[++i], "%u/%u", &part, &parts) == 2 && part < parts) continue;
    else {
      fprintf(stderr, "usage: digest [--list] [--isa NAME] [--threads N] [--every N] [--only WORD] "
                      "[--part K/N]\n");
      return 64;
    }
  }
  if (every == 0) every = 1;
  if (!name) return compare_all(every);
  for (int isa = 0; isa < LATENT_ISA_COUNT; ++isa) {
    if (strcmp(name, latent_isa_name((latent_isa)isa)) != 0) continue;
    static report lines;
    run_all(&lines, (latent_isa)isa, threads, every);
    for (size_t i = 0; i < lines.count; ++i)
      printf("%016llx  %s\n", (unsigned long long)lines.lines[i].value, lines.lines[i].name);
    printf("%016llx  total\n", (unsigned long long)total(&lines));
    return lines.failed;
  }
  fprintf(stderr, "no instruction set is called %s\n", name);
  return 64;
}
