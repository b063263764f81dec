// Single kernels against libm in double and against their definitions: within the errors that
// kernels/elementary.h states, at every length, between guard pages.
//
//   values [--isa NAME]

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "step.h"

enum { LENGTHS = 67 };

static int failures;
static char message[120];
static guarded pages[3];
static const size_t page_count = 3;

static void fail(const char *what, double x, double found, double expected) {
  if (failures < 20)
    fprintf(stderr, "FAILED: %s: %s at %a: %a, not %a\n", message, what, x, found, expected);
  ++failures;
}

// |found - expected| in units of the last place of `digits` binary digits.
static double error(double found, double expected, int digits, double largest, int least) {
  if (isnan(expected) || isnan(found)) return isnan(expected) && isnan(found) ? 0 : INFINITY;
  if (found == expected) return 0;
  if (isinf(found)) return fabs(expected) >= largest && (found > 0) == (expected > 0) ? 0 : INFINITY;
  if (isinf(expected) || expected == 0) return INFINITY;
  int exponent = ilogb(expected) - digits + 1;
  return fabs(found - expected) / ldexp(1, exponent > least ? exponent : least);
}

// MARK: Elementwise

static double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static double elu(double x) { return x > 0 ? x : expm1(x); }

typedef void elementwise(size_t count, const float *x, float *y);
typedef void elementwise_double(size_t count, const double *x, double *y);

static const float specials[] = {0,        -0.0f,         1,           -1,          INFINITY,     -INFINITY,
                                 NAN,      0x1p-149f,     -0x1p-149f,  0x1p-126f,   0x1.fffffep127f, -0x1.fffffep127f,
                                 88.72283f, 88.7229f,     -87.33655f,  -103.97208f, -104.0f,      0.625f,
                                 0.92f,    0x1p24f,       9.02f,       4.0f,        0.41421354f,  0.4142137f,
                                 0.70710677f, 1.4142135f, -0.99999994f, 0x1p-24f,   16.0f,        -1.0000001f};
enum { SPECIALS = sizeof(specials) / sizeof(specials[0]) };

static void check_floats(const char *name, elementwise *kernel, double (*exact)(double), double bound) {
  float x[64], y[64];
  uint64_t state = 3;
  for (int round = 0; round < 600; ++round) {
    for (int i = 0; i < 64; ++i) {
      uint32_t word = (uint32_t)test_random(&state);
      memcpy(&x[i], &word, sizeof(word));
      // Half of them where functions bend.
      if (round % 2) x[i] = test_uniform(&state, -12, 12);
      if (round % 8 == 3) x[i] = test_uniform(&state, -1, 1);
      if (round % 8 == 5) x[i] = test_uniform(&state, -110, 110);
      if (round == 0 && i < SPECIALS) x[i] = specials[i];
    }
    kernel(64, x, y);
    for (int i = 0; i < 64; ++i)
      if (!(error(y[i], exact(x[i]), 24, 0x1.ffffffp127, -149) <= bound)) fail(name, x[i], y[i], exact(x[i]));
  }
  // Any number of values, in place too, and nothing beyond them.
  for (size_t count = 0; count < LENGTHS; ++count) {
    float all[LENGTHS], expected[LENGTHS + 13];
    for (size_t i = 0; i < LENGTHS; ++i) all[i] = (float)i * 0.11f - 2;
    for (size_t i = 0; i < LENGTHS; ++i) {
      float padded[16] = {all[i]}, one[16];
      kernel(16, padded, one);
      expected[i] = one[0];
    }
    float *from = (float *)(void *)(pages[0].start + pages[0].size) - count;
    float *to = (float *)(void *)(pages[1].start + pages[1].size) - count;
    memcpy(from, all, count * sizeof(float));
    to[-1] = 77;
    kernel(count, from, to);
    for (size_t i = 0; i < count; ++i)
      if (memcmp(&to[i], &expected[i], sizeof(float)) && !isnan(expected[i])) fail("its length", (double)i, to[i], expected[i]);
    if (to[-1] != 77) fail("before the first", (double)count, to[-1], 77);
    kernel(count, from, from);
    if (memcmp(from, to, count * sizeof(float)) && !isnan(from[0])) fail("in place", (double)count, 0, 0);
  }
}

static void check_doubles(const char *name, elementwise_double *kernel, long double (*exact)(long double), double bound) {
  double x[64], y[64];
  uint64_t state = 9;
  static const double special[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 0x1p-1074, 0x1p-1022, 709.7, 709.79,
                                   -745.1, -745.2, -708.4, 0x1.fffffffffffffp1023, -1e300, 1e300};
  for (int round = 0; round < 400; ++round) {
    for (int i = 0; i < 64; ++i) {
      uint64_t word = test_random(&state);
      memcpy(&x[i], &word, sizeof(word));
      if (round % 2) x[i] = (double)(word >> 11) * 0x1p-53 * 1500 - 750;
      if (round % 4 == 3) x[i] = (double)(word >> 11) * 0x1p-53 * 4 - 1;
      if (round == 0 && i < 17) x[i] = special[i];
    }
    kernel(64, x, y);
    for (int i = 0; i < 64; ++i) {
      long double truth = exact((long double)x[i]);
      double rounded = (double)truth, off;
      if (isnan(rounded) || isnan(y[i])) off = isnan(rounded) && isnan(y[i]) ? 0 : INFINITY;
      else if (isinf(rounded) || isinf(y[i]) || rounded == 0) off = rounded == y[i] ? 0 : INFINITY;
      else {
        int exponent = ilogb(rounded) - 52;
        off = (double)(fabsl((long double)y[i] - truth) / ldexpl(1, exponent > -1074 ? exponent : -1074));
      }
      if (!(off <= bound)) fail(name, x[i], y[i], rounded);
    }
  }
  for (size_t count = 0; count < LENGTHS; ++count) {
    double *from = (double *)(void *)(pages[0].start + pages[0].size) - count;
    double *to = (double *)(void *)(pages[1].start + pages[1].size) - count;
    for (size_t i = 0; i < count; ++i) from[i] = 0.1 * (double)(i + 1);
    to[-1] = 77;
    kernel(count, from, to);
    for (size_t i = 0; i < count; ++i)
      if (fabs(to[i] - (double)exact((long double)from[i])) > 1e-14 * (1 + fabs(to[i])))
        fail("its length", (double)i, to[i], (double)exact((long double)from[i]));
    if (to[-1] != 77) fail("before the first", (double)count, to[-1], 77);
  }
}

// MARK: Random numbers

// Philox 4x32-10, as its authors wrote it down.
static void philox(const uint32_t counter[4], uint64_t seed, uint32_t out[4]) {
  uint32_t c[4], key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  memcpy(c, counter, sizeof(c));
  for (int round = 0; round < 10; ++round) {
    uint64_t first = (uint64_t)0xD2511F53u * c[0], second = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t next[4] = {(uint32_t)(second >> 32) ^ c[1] ^ key[0], (uint32_t)second,
                        (uint32_t)(first >> 32) ^ c[3] ^ key[1], (uint32_t)first};
    memcpy(c, next, sizeof(c));
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  memcpy(out, c, sizeof(c));
}

static void check_random(const latent_kernels *kernels) {
  static const uint32_t zero[4], answer[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  uint32_t known[4];
  philox(zero, 0, known);  // the published answer
  if (memcmp(known, answer, sizeof(known))) fail("this test's own philox", 0, known[0], answer[0]);
  for (size_t count = 0; count < 3 * LENGTHS; ++count) {
    uint64_t seed = 0xfeed012345678900u + count;
    uint32_t sample = (uint32_t)count % 5 + (count % 3 ? 0 : 0x1234500), row = 9 + (uint32_t)count, epoch = 5;
    uint32_t *bits = (uint32_t *)(void *)(pages[0].start + pages[0].size) - count;
    float *normals = (float *)(void *)(pages[1].start + pages[1].size) - count;
    bits[-1] = 77;
    normals[-1] = 77;
    kernels->random_bits(count, seed, LATENT_PURPOSE_PRIOR, sample, row, epoch, bits);
    kernels->random_normal(count, seed, LATENT_PURPOSE_PRIOR, sample, row, epoch, normals);
    for (size_t d = 0; d < count; ++d) {
      const uint32_t counter[4] = {(uint32_t)(16 * (d / 64) + d % 16),
                                   (uint32_t)LATENT_PURPOSE_PRIOR << 24 | (sample & 0xffffff), row, epoch};
      uint32_t words[4];
      philox(counter, seed, words);
      uint32_t word = words[d % 64 / 16];
      if (bits[d] != word) fail("random bits", (double)d, bits[d], word);
      // |z| leaves u in the two tails; the sign is the top bit.
      double u = ((word & 0x7fffffff) + 0.5) * 0x1p-31, z = normals[d];
      if ((z < 0) != (word >> 31 != 0) || fabs(erfc(fabs(z) / sqrt(2)) - u) > 2e-6 * u * (1 + z * z) + 2e-7 * (1 - u))
        fail("random normal", (double)d, z, u);
    }
    if (bits[-1] != 77 || normals[-1] != 77) fail("before the first", (double)count, bits[-1], 77);
  }
}

// MARK: Machine

static void check_machine(const latent_kernels *kernels) {
  // 16 lanes multiplied and added, as many chains of them as the set has registers for: 3 to 12.
  double chains = kernels->peak(1) / (16 * 2);
  if (chains < 3 || chains > 12 || chains != floor(chains)) fail("chains of the peak", 1, chains, 12);
  for (size_t repeats = 0; repeats < 3; ++repeats) {
    double flops = kernels->peak(repeats), expected = (double)repeats * chains * 16 * 2;
    if (flops != expected) fail("peak", (double)repeats, flops, expected);
  }
  for (size_t count = 0; count < LENGTHS; ++count) {
    float *b = (float *)(void *)(pages[0].start + pages[0].size) - count;
    float *c = (float *)(void *)(pages[1].start + pages[1].size) - count;
    float *a = (float *)(void *)(pages[2].start + pages[2].size) - count;
    for (size_t i = 0; i < count; ++i) b[i] = (float)i, c[i] = 2 * (float)i + 1;
    a[-1] = 77;
    kernels->triad(count, b, c, a);
    for (size_t i = 0; i < count; ++i)
      if (a[i] != (float)(7 * i + 3)) fail("triad", (double)i, a[i], (double)(7 * i + 3));
    if (a[-1] != 77) fail("before the first", (double)count, a[-1], 77);
  }
}

// MARK: Panels

// Lanes of panels that nobody asked for, and what lies between rows of a matrix, hold this.
static const float other = 77;

static float *ending_at(int page, size_t count) {
  float *at = (float *)(void *)(pages[page].start + pages[page].size) - count;
  for (size_t i = 0; i < count; ++i) at[i] = other;
  return at;
}

// Every element of a matrix goes to its lane and back, and no other number changes.
static void check_panels(const latent_kernels *kernels, latent_layout layout, size_t inner, size_t count,
                         size_t start, size_t more) {
  bool by_inner = layout == LATENT_LAYOUT_INNER_BY_COLUMNS;
  size_t columns = start + count, rows = by_inner ? inner : count, width = by_inner ? count : inner;
  size_t stride = width + more, size = rows ? (rows - 1) * stride + width : 0;
  size_t room = (columns + 15) / 16 * 16 * inner;
  float *matrix = ending_at(0, size), *panels = ending_at(1, room), *back = ending_at(2, size);
  for (size_t i = 0; i < size; ++i) matrix[i] = (float)i;
  kernels->pack(layout, inner, count, matrix, stride, panels, start);
  size_t changed = 0;
  for (size_t i = 0; i < room; ++i) changed += panels[i] != other;
  size_t expected = 0;
  for (size_t k = 0; k < inner; ++k)
    for (size_t n = 0; n < count; ++n) {
      float value = matrix[by_inner ? k * stride + n : n * stride + k];
      size_t column = start + n;
      float found = panels[column / 16 * inner * 16 + k * 16 + column % 16];
      expected += value != other;
      if (found != value) fail("packed", (double)k, found, value);
    }
  if (changed != expected) fail("other lanes", (double)changed, (double)changed, (double)expected);
  kernels->unpack(layout, inner, count, panels, start, back, stride);
  for (size_t i = 0; i < size; ++i) {
    float value = i % stride < width ? matrix[i] : other;
    if (back[i] != value) fail("unpacked", (double)i, back[i], value);
  }
}

static void check_transposed(const latent_kernels *kernels, size_t inner, size_t columns) {
  size_t room = (columns + 15) / 16 * 16 * inner, turned = (inner + 15) / 16 * 16 * columns;
  float *weights = ending_at(0, room), *transposed = ending_at(1, turned);
  for (size_t i = 0; i < room; ++i) weights[i] = (float)i;
  kernels->transpose(inner, columns, weights, transposed);
  for (size_t n = 0; n < columns; ++n)
    for (size_t k = 0; k < (inner + 15) / 16 * 16; ++k) {
      // What pads the copy is zero.
      float value = k < inner ? weights[n / 16 * inner * 16 + k * 16 + n % 16] : 0;
      float found = transposed[k / 16 * columns * 16 + n * 16 + k % 16];
      if (found != value) fail("transposed", (double)k, found, value);
    }
}

static void check_layouts(const latent_kernels *kernels) {
  uint64_t state = 5;
  for (int round = 0; round < 400; ++round) {
    size_t inner = test_random(&state) % 36, count = test_random(&state) % 50;
    size_t start = test_random(&state) % 3 ? test_random(&state) % 40 : 0;
    size_t more = test_random(&state) % 2 ? test_random(&state) % 20 : 0;
    check_panels(kernels, round % 2 ? LATENT_LAYOUT_INNER_BY_COLUMNS : LATENT_LAYOUT_COLUMNS_BY_INNER, inner,
                 count, start, more);
    check_transposed(kernels, inner, count);
  }
}

// MARK: Looking at vectors

static void check_vectors(void) {
  static float values[1100];
  uint64_t state = 21;
  for (size_t count = 0; count < 1100; count += count < 40 ? 1 : 37) {
    float *at = (float *)(void *)(pages[0].start + pages[0].size) - count;
    for (size_t i = 0; i < count; ++i) at[i] = values[i] = test_uniform(&state, -3, 3);
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += (double)values[i] * (double)values[i];
    double found = latent_sum_of_squares(count, at);
    if (!(fabs(found - sum) <= 1e-13 * sum)) fail("sum of squares", (double)count, found, sum);
    if (latent_first_not_finite(count, at) != count) fail("all are finite", (double)count, 0, 0);
    // The first of two, wherever they are; the largest floats are finite.
    static const float none[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < count; i += 1 + count / 50) {
      size_t later = i + (count - i) / 2;
      at[later] = none[(i + 1) % 3];
      at[i] = none[i % 3];
      if (i > 0) at[i - 1] = 0x1.fffffep127f;
      size_t first = latent_first_not_finite(count, at);
      if (first != i) fail("the first that is not finite", (double)count, (double)first, (double)i);
      memcpy(at, values, count * sizeof(float));
    }
  }
  // Sixteen lanes, joined by halves: large and small in this order lose just what the tree loses.
  float lanes[48] = {0};
  lanes[0] = 0x1p60f;
  for (int i = 1; i < 48; ++i) lanes[i] = 0x1p33f;
  double sums[16] = {0};
  for (int i = 0; i < 48; ++i) sums[i % 16] += (double)lanes[i] * (double)lanes[i];
  for (int half = 8; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) sums[i] += sums[i + half];
  if (latent_sum_of_squares(48, lanes) != sums[0]) fail("the order of a sum of squares", 48, 0, sums[0]);
}

int main(int count, char **arguments) {
  const char *name = count == 3 && !strcmp(arguments[1], "--isa") ? arguments[2] : NULL;
  for (int i = 0; i < 3; ++i) pages[i] = guarded_make(16384, true);
  guarded_watch(message, pages, &page_count);
  int sets = 0;
  snprintf(message, sizeof(message), "vectors");
  check_vectors();
  for (int isa = 0; isa < LATENT_ISA_COUNT; ++isa) {
    const latent_kernels *kernels = latent_kernels_for((latent_isa)isa);
    if (!kernels || (name && strcmp(name, latent_isa_name((latent_isa)isa)))) continue;
    ++sets;
    snprintf(message, sizeof(message), "%s", latent_isa_name((latent_isa)isa));
    // Without a fused operation a little more is lost.
    double more = isa == LATENT_ISA_BASELINE ? 2 : 1, plus = isa == LATENT_ISA_BASELINE ? 2 : 0;
    check_floats("exp", kernels->exp, exp, 1.0 * more + plus);
    check_floats("log", kernels->log, log, 1.0 * more + plus);
    check_floats("log1p", kernels->log1p, log1p, 1.5 * more + plus);
    check_floats("tanh", kernels->tanh, tanh, 2.0 * more + plus);
    check_floats("sigmoid", kernels->sigmoid, sigmoid, 1.5 * more + plus);
    check_floats("softplus", kernels->softplus, softplus, 2.0 * more + plus);
    check_floats("elu", kernels->elu, elu, 1.0 * more + plus);
    check_floats("erf", kernels->erf, erf, 2.0 * more + plus);
    check_doubles("exp in double", kernels->exp_double, expl, 1.0 * more + plus);
    check_doubles("log in double", kernels->log_double, logl, 1.0 * more + plus);
    check_random(kernels);
    check_machine(kernels);
    check_layouts(kernels);
  }
  printf("single kernels of %d sets, %d failed\n", sets, failures);
  return failures > 0 || sets == 0;
}
