// The vocabulary that every kernel is written in: 16 lanes of float, whatever the machine has.
//
// Vector code, included once per instruction set (see ../isa). Clang splits the 64 bytes for AVX2
// and NEON. Every operation here is an IEEE operation on single lanes, so a kernel gives the same
// bits on every instruction set that fuses multiply and add (and on `scalar`, which calls fmaf).

#define LATENT_INLINE static inline __attribute__((always_inline, unused))

#include "gcc.h"

// Loops over arrays of vectors that are to stay in registers: only when all are unrolled at once do they.
#if defined(__clang__)
#define LATENT_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LATENT_UNROLL _Pragma("GCC unroll 16")
#endif

typedef float vf __attribute__((vector_size(64), aligned(4)));
typedef int32_t vi __attribute__((vector_size(64), aligned(4)));
typedef uint32_t vu __attribute__((vector_size(64), aligned(4)));

// Sixteen times the same, spelled out: `(vf){} + value` would be an addition, and lose a minus zero.
#define LATENT_SIXTEEN(v) {v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v}
LATENT_INLINE vf vf_all(float value) { return (vf)LATENT_SIXTEEN(value); }
LATENT_INLINE vi vi_all(int32_t value) { return (vi)LATENT_SIXTEEN(value); }
LATENT_INLINE vu vu_all(uint32_t value) { return (vu)LATENT_SIXTEEN(value); }
LATENT_INLINE vf vf_load(const float *p) { return *(const vf *)p; }
LATENT_INLINE void vf_store(float *p, vf value) { *(vf *)p = value; }

static const vi vf_lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

LATENT_INLINE vf vf_select(vi mask, vf yes, vf no) {
  return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}
LATENT_INLINE vi vf_first(int count) { return vf_lanes < vi_all(count); }

// The first `count` (0...16) lanes of memory; the other lanes are zero and are not touched.
LATENT_INLINE vf vf_load_first(const float *p, int count) {
  if (count >= 16) return vf_load(p);
#if LATENT_AVX512
  return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << (count < 0 ? 0 : count)) - 1), p);
#endif
  vf value = {};
  memcpy(&value, p, (size_t)count * sizeof(float));
  return value;
}
LATENT_INLINE void vf_store_first(float *p, vf value, int count) {
  if (count >= 16) vf_store(p, value);
#if LATENT_AVX512
  else _mm512_mask_storeu_ps(p, (__mmask16)((1u << (count < 0 ? 0 : count)) - 1), (__m512)value);
#else
  else memcpy(p, &value, (size_t)count * sizeof(float));
#endif
}

// The same past the caches, for outputs larger than they are: the lines need not be read before they are
// written. vf_fence() ends a run of such stores, before other threads may read them.
LATENT_INLINE void vf_store_past(float *p, vf value, int count) {
#if defined(__clang__)
  typedef float aligned __attribute__((vector_size(64)));
  if (count >= 16 && ((uintptr_t)p & 63) == 0) {
    __builtin_nontemporal_store((aligned)value, (aligned *)p);
    return;
  }
#endif
  vf_store_first(p, value, count);
}
LATENT_INLINE void vf_fence(void) {
#if defined(__x86_64__)
  __asm__ volatile("sfence" ::: "memory");
#endif
}

// a * b + c with one rounding; with two on the `baseline` set, which has no fused operation.
LATENT_INLINE vf vf_fma(vf a, vf b, vf c) {
#if !LATENT_FUSED
  return a * b + c;
#elif defined(__clang__)
  return __builtin_elementwise_fma(a, b, c);
#else
  return gcc_fma(a, b, c);
#endif
}
// Compare and select: a NaN in `b` is passed on, whatever the machine's own min and max do.
// AVX-512 has just that; spelled out, max(b, -|x|) is turned about and takes an instruction more.
#if LATENT_AVX512
LATENT_INLINE vf vf_max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
LATENT_INLINE vf vf_min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
#else
LATENT_INLINE vf vf_max(vf a, vf b) { return vf_select(a > b, a, b); }
LATENT_INLINE vf vf_min(vf a, vf b) { return vf_select(a < b, a, b); }
#endif
LATENT_INLINE vf vf_abs(vf a) { return (vf)((vi)a & vi_all(0x7fffffff)); }
LATENT_INLINE vf vf_sign_of(vf magnitude, vf sign) {
  return (vf)((vi)magnitude | ((vi)sign & vi_all((int32_t)0x80000000)));
}
LATENT_INLINE vf vf_sqrt(vf a) {
#if defined(__clang__)
  return __builtin_elementwise_sqrt(a);
#else
  return gcc_sqrt(a);
#endif
}
// A bit for each lane that is true.
LATENT_INLINE uint32_t lane_bits(vi mask) {
#if defined(__clang__)
  typedef bool lanes __attribute__((ext_vector_type(16)));
  lanes truth = __builtin_convertvector(-mask, lanes);
  uint16_t bits;
  memcpy(&bits, &truth, sizeof(bits));
  return bits;
#else
  uint32_t bits = 0;
  for (int i = 0; i < 16; ++i) bits |= (uint32_t)(mask[i] & 1) << i;
  return bits;
#endif
}

LATENT_INLINE vf vf_from(vi a) { return __builtin_convertvector(a, vf); }

// The 16 lanes joined by one fixed tree: halves onto halves.
LATENT_INLINE float vf_sum(vf a) {
  typedef float v8 __attribute__((vector_size(32)));
  typedef float v4 __attribute__((vector_size(16)));
  v8 b = __builtin_shufflevector(a, a, 0, 1, 2, 3, 4, 5, 6, 7) +
         __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15);
  v4 c = __builtin_shufflevector(b, b, 0, 1, 2, 3) + __builtin_shufflevector(b, b, 4, 5, 6, 7);
  return (c[0] + c[2]) + (c[1] + c[3]);
}
