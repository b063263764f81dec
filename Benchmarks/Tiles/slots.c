// What one instruction takes from two busy multipliers (AVX-512): cycles by which 48 independent multiply-adds
// take longer with one of it among them. A root has a unit of its own that is busy for longer than 16 of them
// take (12 cycles, Golden Cove). Adam beside a product costs at least the sum of what it is made of. Run by
// Benchmarks/compare-tiles --slots.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#define F(R) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #R "\n"
// Sixteen chains, each in its turn every 8 cycles: twice the latency.
#define SIXTEEN F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)
#define LOOP(NAME, TEXT)                                                                                 \
  static __attribute__((noinline)) void NAME(long count, float *memory) {                                \
    __asm__ volatile(                                                                                    \
        "vbroadcastss (%1), %%zmm30\n vmovaps %%zmm30, %%zmm31\n"                                        \
        ".p2align 6\n 1:\n" TEXT "\n" SIXTEEN SIXTEEN SIXTEEN "dec %0\n jnz 1b\n vzeroupper\n"            \
        : "+r"(count)                                                                                    \
        : "r"(memory)                                                                                    \
        : "memory", "cc", "k1", "zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8",  \
          "zmm9", "zmm10", "zmm11", "zmm12", "zmm13", "zmm14", "zmm15", "zmm16", "zmm17", "zmm18",       \
          "zmm30", "zmm31");                                                                             \
  }

LOOP(nothing, "")
LOOP(multiply, "vmulps %%zmm30, %%zmm31, %%zmm16")
LOOP(add, "vaddps %%zmm30, %%zmm31, %%zmm16")
LOOP(root, "vsqrtps %%zmm31, %%zmm16")
LOOP(divide, "vdivps %%zmm30, %%zmm31, %%zmm16")
LOOP(root_divide, "vsqrtps %%zmm31, %%zmm16\n vdivps %%zmm30, %%zmm31, %%zmm17")
LOOP(compare, "vcmpltps %%zmm30, %%zmm31, %%k1")
LOOP(minimum, "vminps %%zmm30, %%zmm31, %%zmm16")
LOOP(interleave, "vunpcklps %%zmm30, %%zmm31, %%zmm16")
LOOP(permute, "vpermt2ps %%zmm30, %%zmm31, %%zmm16")
LOOP(load, "vmovaps 64(%1), %%zmm16")
// A sum that is stored is on its way from the multiplier; what was written long ago is read from the registers.
LOOP(store, "vmovaps %%zmm0, 64(%1)")
LOOP(store_old, "vmovaps %%zmm31, 64(%1)")

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(void) {
  enum { ROUNDS = 41, COUNT = 4000 };
  static const struct {
    const char *name;
    void (*run)(long, float *);
  } loops[] = {{"multiply", multiply},
               {"square root", root},
               {"division", divide},
               {"both", root_divide},
               {"add", add},
               {"minimum", minimum},
               {"compare", compare},
               {"load", load},
               {"store", store},
               {"store of an old value", store_old},
               {"interleave", interleave},
               {"permute two", permute}};
  float *memory = aligned_alloc(64, 256);
  for (int i = 0; i < 64; ++i) memory[i] = 1.5f;
  for (size_t l = 0; l < sizeof loops / sizeof *loops; ++l) {
    double cost[ROUNDS];
    for (int r = 0; r < ROUNDS; ++r) {
      uint64_t start = __rdtsc();
      nothing(COUNT, memory);
      uint64_t between = __rdtsc();
      loops[l].run(COUNT, memory);
      uint64_t end = __rdtsc();
      // 48 multiply-adds in two multipliers take 24 cycles, whatever the clock of the counter.
      cost[r] = ((double)(end - between) / (double)(between - start) - 1) * 24;
    }
    qsort(cost, ROUNDS, sizeof *cost, ascending);
    printf("%s\t%.1f\n", loops[l].name, cost[ROUNDS / 2]);
  }
  free(memory);
}
